//! The whole of a server in this process, over the embedded store: for what a test must reach into.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use base64::Engine as _;
use tower::ServiceExt;
use watchword_core::address::Channel;
use watchword_core::delivery::NodeId;
use watchword_core::dispatcher::{Carrier, Dispatcher, Route, Routes};
use watchword_core::engine::{Engine, EngineSettings};
use watchword_core::keyring::Keyring;
use watchword_core::namespace::Namespace;
use watchword_core::parts::Parts;
use watchword_core::ports::{Clock, Provider, Silent, Store};
use watchword_core::verification::RouteName;
use watchword_http::dialects::otpgateway::{self, Access, AddressRule, OtpgatewaySettings, ProviderProfile};
use watchword_http::front::{Front, Limits};
use watchword_store::{SqliteOptions, SqliteStore};
use watchword_testkit::provider::FakeProvider;
use watchword_testkit::random::SeededRandom;
use watchword_testkit::tasks::TokioTasks;

pub(crate) struct App {
    pub(crate) store: Arc<SqliteStore>,
    router: Router,
    _folder: tempfile::TempDir,
}

/// A reply's status, what matters of its headers, and its body.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: bool,
    pub(crate) body: serde_json::Value,
}

impl App {
    pub(crate) fn new(
        options: SqliteOptions,
        clock: Arc<dyn Clock>,
        providers: &[Arc<FakeProvider>],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path().join("watchword.db"), options).unwrap());
        let random = Arc::new(SeededRandom::new(1));
        let parts = Parts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            clock: Arc::clone(&clock),
            random: Arc::clone(&random) as _,
            tasks: Arc::new(TokioTasks::new()),
            observer: Arc::new(Silent),
            keyring: Arc::new(Keyring::new([&[7; 32]]).unwrap()),
        };
        let name = |provider: &Arc<FakeProvider>| RouteName::new(provider.id().as_str()).unwrap();
        let route = |provider: &Arc<FakeProvider>| {
            Route::new(vec![Carrier::new(Arc::clone(provider) as Arc<dyn Provider>)])
        };
        let routes: Routes = providers.iter().map(|provider| (name(provider), route(provider))).collect();
        let dispatcher = Dispatcher::new(parts.clone(), NodeId::new("node").unwrap(), routes);
        tokio::spawn({
            let dispatcher = dispatcher.clone();
            async move { dispatcher.run().await }
        });
        let profile =
            |provider| ProviderProfile::new(name(provider), Channel::new("sms").unwrap(), AddressRule::Any);
        let settings = OtpgatewaySettings {
            namespaces: vec![Access {
                namespace: Namespace::new("app").unwrap(),
                secret: "app-secret".to_owned(),
            }],
            providers: providers.iter().map(profile).collect(),
            ..OtpgatewaySettings::default()
        };
        let front = Front::new(clock, &*random, Arc::new(Silent), Limits::default());
        let engine = Engine::new(parts, dispatcher, EngineSettings::default());
        Self { store, router: otpgateway::router(engine, Arc::new(settings), front), _folder: folder }
    }

    /// One call, as a client would make it.
    pub(crate) async fn call(&self, method: Method, path: &str, form: &str) -> Reply {
        let credentials = base64::engine::general_purpose::STANDARD.encode("app:app-secret");
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Basic {credentials}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .unwrap();
        let reply = self.router.clone().oneshot(request).await.unwrap();
        let (status, retry_after) = (reply.status(), reply.headers().contains_key(header::RETRY_AFTER));
        let body = axum::body::to_bytes(reply.into_body(), 1 << 20).await.unwrap();
        Reply { status, retry_after, body: serde_json::from_slice(&body).unwrap() }
    }

    /// Asks for a code; `Ok` with it when it was acknowledged.
    pub(crate) async fn put(&self, provider: &str, id: &str, more: &str) -> Result<String, Reply> {
        let form = format!("provider={provider}&to={id}@example.com{more}");
        let reply = self.call(Method::PUT, &format!("/api/otp/{id}"), &form).await;
        if reply.status != StatusCode::OK {
            return Err(reply);
        }
        Ok(reply.body["data"]["otp"].as_str().unwrap().to_owned())
    }

    pub(crate) async fn check(&self, id: &str, code: &str) -> Reply {
        self.call(Method::POST, &format!("/api/otp/{id}"), &format!("otp={code}")).await
    }
}

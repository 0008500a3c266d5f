//! A web server that remembers what it was sent.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, Response};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use watchword_core::ports::Provider;
use watchword_delivery::registry::{ProviderSettings, Registry};
use watchword_delivery::webhook::WebhookSettings;

use crate::sample::{clock, provider_id};

#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// The other end's address: the same one means the same connection.
    pub(crate) peer: SocketAddr,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(crate) struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    /// On a free port, answering each request as `answer` says.
    pub(crate) async fn start(
        answer: impl Fn(&Received) -> Response<Body> + Send + Sync + Clone + 'static,
    ) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let memory = Arc::clone(&received);
        let handle = async move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
            let (head, body) = request.into_parts();
            let request = Received {
                peer,
                method: head.method.to_string(),
                path: head.uri.to_string(),
                headers: head.headers,
                body: to_bytes(body, 1 << 20).await.unwrap(),
            };
            let response = answer(&request);
            memory.lock().push(request);
            response
        };
        let app = Router::new().fallback(handle).into_make_service_with_connect_info::<SocketAddr>();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, received }
    }

    /// Answers everything with this status and no body.
    pub(crate) async fn answering(status: u16) -> Self {
        Self::start(move |_| answer(status, &[])).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().clone()
    }

    /// The only request that came.
    pub(crate) fn only(&self) -> Received {
        let received = self.received();
        assert_eq!(received.len(), 1, "{received:?}");
        received[0].clone()
    }
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)]) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::empty()).unwrap()
}

pub(crate) fn webhook(settings: WebhookSettings) -> Arc<dyn Provider> {
    Registry::new(clock())
        .build(provider_id("my_webhook"), &ProviderSettings::Webhook(settings))
        .unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn webhook_at(url: impl Into<String>) -> Arc<dyn Provider> {
    webhook(WebhookSettings::new(url.into()))
}

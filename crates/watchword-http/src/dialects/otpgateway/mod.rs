//! The API of otpgateway, as its existing clients speak it. Each file says which part of the wire contract it keeps.

mod address;
mod auth;
mod calls;
mod error;
mod events;
mod extra;
mod map;
mod message;
mod page;
mod parameters;
mod refusal;
mod settings;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::Response;
use axum::routing::{get, post, put};
use futures::future::BoxFuture;
use watchword_core::engine::Engine;

pub use address::AddressRule;
pub use events::EVENTS;
pub use message::{
    BuiltIn, Compose, MessageContext, MessagePart, MessageTemplateError, Templated, parse_template,
};
pub use settings::{Access, OtpgatewaySettings, PageSettings, ProviderProfile};

use crate::front::{Call, Front};
use auth::Callers;
use page::{Absent, PageCall, Site};

/// The dialect's name in metrics and logs.
pub const NAME: &str = "otpgateway";

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// `GET /`
    Root,
    /// `GET /api/health`
    Health,
    /// `GET /api/providers`
    Providers,
    /// `PUT /api/otp` and `PUT /api/otp/{id}`
    Start,
    /// `POST /api/otp/{id}`
    Check,
    /// `POST /api/otp/{id}/status`
    Status,
    /// `DELETE /api/otp/{id}/status`
    Delete,
    /// Pages, and their forms.
    Page(PageCall),
    /// `GET /otp/{ns}/{id}/status`
    PageStatus,
    /// `GET /static/{file}`
    Static,
    /// A path that is not there.
    NotFound,
    /// A path with a method that it does not have.
    MethodNotAllowed,
}

impl Operation {
    const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Health => "health",
            Self::Providers => "providers",
            Self::Start => "start",
            Self::Check => "check",
            Self::Status => "status",
            Self::Delete => "delete",
            Self::Page(call) => call.name(),
            Self::PageStatus => "page_status",
            Self::Static => "static",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
        }
    }

    fn absent(self) -> Option<Absent> {
        match self {
            Self::NotFound => Some(Absent::Path),
            Self::MethodNotAllowed => Some(Absent::Method),
            _ => None,
        }
    }
}

/// Below this people look, and are answered with pages.
const PAGES: &str = "/otp/";

/// The dialect's calls, ready to be served. `settings` are taken as they are: whoever makes them has checked them.
pub fn router(engine: Engine, settings: Arc<OtpgatewaySettings>, front: Front) -> Router {
    Router::new()
        .route("/", get(Operation::Root))
        .route("/api/health", get(Operation::Health))
        .route("/api/providers", get(Operation::Providers))
        .route("/api/otp", put(Operation::Start))
        .route("/api/otp/{id}", put(Operation::Start).post(Operation::Check))
        .route("/api/otp/{id}/status", post(Operation::Status).delete(Operation::Delete))
        .route(
            "/otp/{namespace}/{id}",
            get(Operation::Page(PageCall::Code)).post(Operation::Page(PageCall::SubmitCode)),
        )
        .route(
            "/otp/{namespace}/{id}/address",
            get(Operation::Page(PageCall::Address)).post(Operation::Page(PageCall::SubmitAddress)),
        )
        .route("/otp/{namespace}/{id}/status", get(Operation::PageStatus))
        .route("/static/{file}", get(Operation::Static))
        .fallback(Operation::NotFound)
        .method_not_allowed_fallback(Operation::MethodNotAllowed)
        .with_state(Arc::new(Api::new(engine, settings, front)))
}

/// An operation is its own handler, so that the router adds no layer of its own.
impl Handler<(), Arc<Api>> for Operation {
    type Future = BoxFuture<'static, Response>;

    fn call(self, request: Request, api: Arc<Api>) -> Self::Future {
        Box::pin(async move { api.answer(self, request).await })
    }
}

/// What the calls work with.
struct Api {
    engine: Engine,
    front: Front,
    settings: Arc<OtpgatewaySettings>,
    root_url: String,
    callers: Callers,
    site: Site,
    providers: HashMap<Box<str>, ProviderProfile>,
    /// The reply to `GET /api/providers`: their ids, sorted.
    provider_ids: Vec<String>,
    /// How long after a request came its message must have gone out.
    delivery_time: Duration,
}

/// What is left of a request's time for the reply, once its message went out.
const REPLY_TIME: Duration = Duration::from_millis(500);

impl Api {
    fn new(engine: Engine, settings: Arc<OtpgatewaySettings>, front: Front) -> Self {
        let profiles = settings.providers.iter();
        let mut provider_ids: Vec<_> =
            profiles.clone().map(|profile| profile.id.as_str().to_owned()).collect();
        provider_ids.sort_unstable();
        let timeout = settings.server_timeout;
        let root_url = settings.root_url.trim_end_matches('/').to_owned();
        Self {
            engine,
            front,
            site: Site::new(&root_url, &settings),
            root_url,
            callers: Callers::new(&settings.namespaces),
            providers: profiles.map(|profile| (profile.id.as_str().into(), profile.clone())).collect(),
            provider_ids,
            // Very short times are shared evenly.
            delivery_time: timeout.saturating_sub(REPLY_TIME).max(timeout / 2),
            settings,
        }
    }

    async fn answer(&self, operation: Operation, request: Request) -> Response {
        let absent = operation.absent().filter(|_| request.uri().path().starts_with(PAGES));
        let for_people = absent.is_some() || matches!(operation, Operation::Page(_));
        let broken = if for_people { page::broken } else { error::broken };
        let call = Call { dialect: NAME, name: operation.name(), broken };
        let (entry, mut exchange) = self.front.enter(call, self.settings.server_timeout, &request);
        // In one place from here on: what passes it along moves a pointer, not kilobytes.
        let work = Box::pin(async {
            if let Operation::Page(call) = operation {
                // On its own, so that the API's calls don't carry the room for it.
                return Box::pin(self.page(call, &mut exchange, request)).await;
            }
            if let Some(absent) = absent {
                return self.no_page(absent, &exchange, request);
            }
            match self.perform(operation, &mut exchange, request).await {
                Ok(answer) => answer,
                Err(refusal) => refusal.into_answer(operation, exchange.now()),
            }
        });
        entry.answer(work).await
    }
}

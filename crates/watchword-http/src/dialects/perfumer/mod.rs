//! The API of Perfumer OTP, as its existing clients speak it. Each file says which part of the wire contract it keeps.

mod auth;
mod calls;
mod channel;
mod error;
mod limit;
mod map;
mod name;
pub mod original;
mod parameters;
mod refusal;
mod settings;
pub mod telegram;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::Response;
use axum::routing::{get, post};
use futures::future::BoxFuture;
use watchword_core::engine::Engine;

pub use settings::{BasicAuth, ChannelRoutes, PerfumerSettings, WebhookSettings};

use crate::front::{Call, Front};
use auth::Door;
use channel::ChannelName;
use telegram::Updates;

/// The dialect's name in metrics and logs.
pub const NAME: &str = "perfumer";

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// `POST /{channel}`
    Send(ChannelName),
    /// `GET /{channel}/check`
    Check(ChannelName),
    /// `POST /limit/{channel}`
    PutRules(ChannelName),
    /// `GET /limit/{channel}`
    GetRules(ChannelName),
    /// `GET /target`
    Target,
    /// `GET /password`
    Password,
    /// `POST /telegram/webhook`
    Webhook,
    /// A path that is not there.
    NotFound,
    /// A path with a method that it does not have.
    MethodNotAllowed,
}

impl Operation {
    const fn name(self) -> &'static str {
        match self {
            Self::Send(ChannelName::Sms) => "sms",
            Self::Send(ChannelName::Call) => "call",
            Self::Send(ChannelName::Email) => "email",
            Self::Send(ChannelName::Telegram) => "telegram",
            Self::Check(ChannelName::Sms) => "sms_check",
            Self::Check(ChannelName::Call) => "call_check",
            Self::Check(ChannelName::Email) => "email_check",
            Self::Check(ChannelName::Telegram) => "telegram_check",
            Self::PutRules(_) => "put_limit",
            Self::GetRules(_) => "get_limit",
            Self::Target => "target",
            Self::Password => "password",
            Self::Webhook => "telegram_webhook",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
        }
    }
}

/// The dialect's calls, ready to be served. `settings` are taken as they are: whoever makes them has checked them.
pub fn router(engine: Engine, settings: Arc<PerfumerSettings>, front: Front) -> Router {
    let mut router = Router::new()
        .route("/target", get(Operation::Target))
        .route("/password", get(Operation::Password))
        .route("/telegram/webhook", post(Operation::Webhook));
    for channel in ChannelName::ALL {
        let name = channel.as_str();
        router = router
            .route(&format!("/{name}"), post(Operation::Send(channel)))
            .route(&format!("/{name}/check"), get(Operation::Check(channel)))
            .route(
                &format!("/limit/{name}"),
                get(Operation::GetRules(channel)).post(Operation::PutRules(channel)),
            );
    }
    router
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
    door: Door,
    updates: Updates,
    settings: Arc<PerfumerSettings>,
}

impl Api {
    fn new(engine: Engine, settings: Arc<PerfumerSettings>, front: Front) -> Self {
        let updates = Updates::new(engine.clone(), Arc::clone(&settings));
        Self { engine, front, door: Door::new(&settings), updates, settings }
    }

    async fn answer(&self, operation: Operation, request: Request) -> Response {
        let call = Call { dialect: NAME, name: operation.name(), broken: error::broken };
        let (entry, mut exchange) = self.front.enter(call, self.settings.server_timeout, &request);
        // In one place from here on: what passes it along moves a pointer, not kilobytes.
        let work = Box::pin(async {
            match self.perform(operation, &mut exchange, request).await {
                Ok(answer) => answer,
                Err(refusal) => refusal.into_answer(operation, exchange.now()),
            }
        });
        entry.answer(work).await
    }
}

//! The APIs of DIGIT's user-otp and egov-otp, as their existing clients speak them. Each file says which part of the wire contract it keeps.

mod calls;
mod clients;
mod error;
mod fields;
mod map;
mod pattern;
mod refusal;
mod request;
mod settings;
mod tenant;
mod validation;
mod wire;
mod words;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::Response;
use axum::routing::{get, post};
use futures::future::BoxFuture;
use watchword_core::engine::Engine;

pub use clients::Clients;
pub use settings::{EgovSettings, LocalizationSettings, MdmsSettings};

use crate::front::{Call, Front};

/// The dialect's name in metrics and logs.
pub const NAME: &str = "egov";

/// Where egov-otp is.
const OTP_PATH: &str = "/otp";

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// `POST /user-otp/v1/_send`
    Send,
    /// `POST /otp/v1/_create`
    Create,
    /// `POST /otp/v1/_validate`
    Validate,
    /// `POST /otp/v1/_search`
    Search,
    /// `GET` of either service's health.
    Health,
    /// A path that is not there.
    NotFound,
    /// A path with a method that it does not have.
    MethodNotAllowed,
}

impl Operation {
    const fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Create => "create",
            Self::Validate => "validate",
            Self::Search => "search",
            Self::Health => "health",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
        }
    }
}

/// The calls of both services, ready to be served. `settings` are taken as they are: whoever makes them has checked them.
pub fn router(engine: Engine, settings: Arc<EgovSettings>, clients: Arc<Clients>, front: Front) -> Router {
    let user_otp = settings.user_otp_path.as_str();
    let health = [user_otp, OTP_PATH]
        .into_iter()
        .flat_map(|base| ["", settings.management_path.as_str()].map(|path| joined(&[base, path, "health"])));
    // A management path of `/` is one path less.
    let health: BTreeSet<String> = health.collect();
    let mut router = Router::new()
        .without_v07_checks()
        .route(&joined(&[user_otp, "v1/_send"]), post(Operation::Send))
        .route(&joined(&[OTP_PATH, "v1/_create"]), post(Operation::Create))
        .route(&joined(&[OTP_PATH, "v1/_validate"]), post(Operation::Validate))
        .route(&joined(&[OTP_PATH, "v1/_search"]), post(Operation::Search));
    for path in health {
        router = router.route(&path, get(Operation::Health));
    }
    router
        .fallback(Operation::NotFound)
        .method_not_allowed_fallback(Operation::MethodNotAllowed)
        .with_state(Arc::new(Api { engine, front, clients, settings }))
}

/// One path of these, whatever slashes they begin and end with. Nothing in it is a place holder.
fn joined(parts: &[&str]) -> String {
    let parts = parts.iter().map(|part| part.trim_matches('/')).filter(|part| !part.is_empty());
    parts.fold(String::new(), |path, part| path + "/" + &part.replace('{', "{{").replace('}', "}}"))
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
    clients: Arc<Clients>,
    settings: Arc<EgovSettings>,
}

impl Api {
    async fn answer(&self, operation: Operation, request: Request) -> Response {
        let call = Call { dialect: NAME, name: operation.name(), broken: error::broken };
        let (entry, mut exchange) = self.front.enter(call, self.settings.server_timeout, &request);
        // In one place from here on: what passes it along moves a pointer, not kilobytes.
        let work = Box::pin(async {
            match self.perform(operation, &mut exchange, request).await {
                Ok(answer) => answer,
                Err(refusal) => refusal.into_answer(),
            }
        });
        entry.answer(work).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_by_one_slash() {
        assert_eq!(joined(&["/user-otp/", "v1/_send"]), "/user-otp/v1/_send");
        assert_eq!(joined(&["/", "/actuator//", "health"]), "/actuator/health");
        assert_eq!(joined(&["a{b}"]), "/a{{b}}");
    }
}

//! One verification before the load: what is wrong with the whole set-up is said once and plainly, not a thousand times.

use bytes::Bytes;
use hyper::{Method, StatusCode};

use crate::address_pattern::Person;
use crate::causes::with_causes;
use crate::client::{Connection, Endpoint, ExchangeError};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::failure::{Call, ErrorKind, Failure};
use crate::options::Caller;
use crate::stopwatch;
use crate::verification::{Api, PasscodeFrom, perfumer};

/// Longest part of what a server says of itself that is repeated, in characters.
const MAX_PRODUCT: usize = 100;

/// A target that answers as it should.
pub(crate) struct Ready {
    pub(crate) api: Api,
    /// What the server says it is, on its first page.
    pub(crate) product: Option<String>,
}

/// Sets limits where they are asked for, and verifies one person. Where `asked` is `None`, finds out whether the target gives passcodes back.
///
/// # Errors
///
/// When it does not work; the text says what to mend.
pub(crate) async fn check(mut api: Api, caller: &Caller) -> Result<Ready, Error> {
    let asked = match api.dialect {
        Dialect::Otpgateway => caller.passcode_from,
        Dialect::Perfumer => Some(PasscodeFrom::Own),
    };
    api.passcode_from = asked.unwrap_or(PasscodeFrom::Reply);
    let mut connection = connect(&api.endpoint).await?;
    if caller.limits && api.dialect == Dialect::Perfumer {
        let set = perfumer::set_limits(&api, &mut connection).await;
        set.map_err(|failure| refused(&failure, &api))?;
    }
    let outcome = match verify(&api, &mut connection, 0).await {
        Err(Failure::NoPasscode) if asked.is_none() => {
            api.passcode_from = PasscodeFrom::Own;
            verify(&api, &mut connection, 1).await
        }
        outcome => outcome,
    };
    match outcome {
        Ok(()) => Ok(Ready { product: product(&api.endpoint, &mut connection).await, api }),
        Err(failure) => Err(refused(&failure, &api)),
    }
}

fn refused(failure: &Failure, api: &Api) -> Error {
    Error::Preflight {
        target: api.endpoint.origin.to_string(),
        reason: with_causes(failure).trim_end_matches(['.', ' ']).to_owned(),
        advice: advice(failure, api),
    }
}

/// One connection, to see that there is somebody.
async fn connect(endpoint: &Endpoint) -> Result<Connection, Error> {
    Connection::open(endpoint).await.map_err(|source| match source {
        ExchangeError::Tls(_) => Error::NoTls { target: endpoint.origin.to_string(), source },
        source => Error::Connect { target: endpoint.origin.to_string(), source },
    })
}

async fn verify(api: &Api, connection: &mut Connection, number: u64) -> Result<(), Failure> {
    let id = format!("b{:x}-{:x}-first-{number}", stopwatch::unix_millis(), std::process::id());
    let number = stopwatch::unix_millis().wrapping_sub(1 + number);
    api.verify(connection, &Person { id, number }, stopwatch::now()).await.map(drop)
}

/// What a person can do about it.
fn advice(failure: &Failure, api: &Api) -> String {
    let (namespace, provider) = (api.credentials.namespace(), &api.provider);
    match (failure.kind(), failure.status()) {
        (_, Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => {
            format!("Is the secret of namespace `{namespace}` right? Give --namespace and --secret")
        }
        (_, Some(StatusCode::BAD_REQUEST)) if failure.call() == Call::Put => {
            format!(
                "Does the server have the provider `{provider}`, and take such addresses? Give --provider and --to"
            )
        }
        (_, Some(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)) | (ErrorKind::NotTheApi, _)
            if api.dialect == Dialect::Perfumer =>
        {
            "Is Perfumer's API there? Give its base URL as --target".to_owned()
        }
        (_, Some(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)) | (ErrorKind::NotTheApi, _)
            if !matches!(failure, Failure::NoPasscode) =>
        {
            "Is the otpgateway API there? Give its base URL as --target".to_owned()
        }
        (ErrorKind::NotTheApi, _) => "Leave out --passcode-from, or give `own`".to_owned(),
        (_, Some(StatusCode::INTERNAL_SERVER_ERROR)) => {
            format!("Can the provider `{provider}` send? The server's log says more")
        }
        (_, Some(_)) => "The server's log says more".to_owned(),
        (_, None) => "Does a server speak HTTP/1.1 there?".to_owned(),
    }
}

/// The first line of the page at the base URL, which names the product (wire contract of otpgateway, "API").
async fn product(endpoint: &Endpoint, connection: &mut Connection) -> Option<String> {
    let request = endpoint.origin.request(Method::GET, "/", Bytes::new()).ok()?;
    let reply = connection.exchange(request).await.ok()?;
    let text = String::from_utf8_lossy(&reply.body);
    let line = text.lines().next()?.trim().trim_end_matches('.');
    let plain = reply.status == StatusCode::OK && !line.starts_with(['<', '{']);
    let line: String = line.chars().filter(|character| !character.is_control()).take(MAX_PRODUCT).collect();
    (plain && !line.is_empty()).then_some(line)
}

//! Speaks to the admin listener of a running server, as `watchword reload` and `watchword healthcheck` do.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use thiserror::Error;

use crate::reload;

/// The longest that an answer may take. A reload reads files and looks up names.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether the process answers.
    Health,
    /// Whether it should get requests.
    Ready,
    /// To take up a changed configuration.
    Reload,
}

/// What it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    status: StatusCode,
    /// Its words, for people.
    pub text: String,
}

impl Answer {
    /// Whether it said yes.
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// Whether the configuration has mistakes; the text lists them.
    pub fn is_refused(&self) -> bool {
        self.status == StatusCode::UNPROCESSABLE_ENTITY
    }
}

/// Nobody answered.
#[derive(Debug, Error)]
#[error("no server answers at http://{address}; start it, or set `admin.listen` to where it listens")]
pub struct NoAnswer {
    address: SocketAddr,
    source: reqwest::Error,
}

/// Asks the server whose admin listener is at `address`.
///
/// # Errors
/// Nobody answers there, or not in time.
pub async fn ask(address: SocketAddr, question: Question) -> Result<Answer, NoAnswer> {
    let (method, path) = match question {
        Question::Health => (Method::GET, "health"),
        Question::Ready => (Method::GET, "ready"),
        Question::Reload => (Method::POST, "reload"),
    };
    let failed = |source| NoAnswer { address, source };
    // It is never behind a proxy.
    let client = Client::builder().no_proxy().timeout(PATIENCE).build().map_err(failed)?;
    let request = client.request(method, format!("http://{address}/{path}")).header(reload::HEADER, "1");
    let reply = request.send().await.map_err(failed)?;
    let status = reply.status();
    Ok(Answer { status, text: reply.text().await.map_err(failed)? })
}

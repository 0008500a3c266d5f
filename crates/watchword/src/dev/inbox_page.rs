//! The page `/dev/inbox`: messages as they come, in a browser, by server-sent events, or for a script.
//!
//! It shows passcodes to whoever can open it. So on a listener for this machine only, it answers to this machine's own names:
//! else a website could point its own name at 127.0.0.1 and read along (DNS rebinding).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures::Stream;
use futures::stream::unfold;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use watchword_delivery::inbox::{Inbox, InboxMessage};

use super::commands::{Commands, INBOX as PATH};

/// Browsers that may watch at once.
const MOST_READERS: usize = 64;

/// A sign of life goes to browsers this often, so that both sides notice when the other is gone.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(15);

/// How soon a browser comes back after a broken connection.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Nothing from elsewhere, nothing inline, in no frame; and a script that can't make HTML of text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

struct Page {
    inbox: Inbox,
    html: String,
    answers_to: AnswersTo,
    readers: Arc<Semaphore>,
    stopping: CancellationToken,
}

/// Which names of this server the page answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AnswersTo {
    /// `localhost` and loopback addresses.
    ThisMachine,
    /// Any: whoever listens on more than this machine wants that.
    Anyone,
}

impl AnswersTo {
    fn of(listen: SocketAddr) -> Self {
        if listen.ip().is_loopback() { Self::ThisMachine } else { Self::Anyone }
    }

    fn accepts(self, host: Option<&str>) -> bool {
        self == Self::Anyone || host.is_some_and(is_loopback)
    }
}

/// Whether a `Host` names this machine for sure: `localhost` and names below it (RFC 6761, section 6.3), loopback addresses.
fn is_loopback(host: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((address, rest)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let no_port = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
        return no_port && address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        _ => host,
    };
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The page over this inbox, for a server that listens there. Streams end when `stopping` is canceled.
pub fn router(inbox: Inbox, listen: SocketAddr, stopping: CancellationToken) -> Router {
    let commands = Commands::new(listen);
    let html = include_str!("inbox_page/page.html")
        .replace("{{origin}}", &Escaped(commands.origin()).to_string())
        .replace("{{ask}}", &Escaped(&commands.ask()).to_string());
    let answers_to = AnswersTo::of(listen);
    let readers = Arc::new(Semaphore::new(MOST_READERS));
    let page = Arc::new(Page { inbox, html, answers_to, readers, stopping });
    Router::new()
        .route(PATH, get(html_page))
        .route(
            "/dev/inbox/app.css",
            get(|| async { file("text/css; charset=utf-8", include_str!("inbox_page/app.css")) }),
        )
        .route(
            "/dev/inbox/app.js",
            get(|| async { file("text/javascript; charset=utf-8", include_str!("inbox_page/app.js")) }),
        )
        .route("/dev/inbox/events", get(events))
        .route("/dev/inbox/messages", get(messages))
        .route("/dev/inbox/code", get(code))
        .layer(from_fn_with_state(Arc::clone(&page), guard))
        .with_state(page)
}

/// Lets in who asks by a good name, and gives every reply the headers that keep it among us.
async fn guard(State(page): State<Arc<Page>>, request: Request, next: Next) -> Response {
    // A request line with a whole URL goes before the header (RFC 9112, section 3.2.2).
    let in_target = request.uri().authority().map(|authority| authority.as_str());
    let in_header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let mut response = if page.answers_to.accepts(in_target.or(in_header)) {
        next.run(request).await
    } else {
        let text = "This page shows passcodes, so it answers to `localhost` and loopback addresses only. To open it from \
                    elsewhere, start `watchword dev` with --listen and an address of this machine.\n";
        (StatusCode::MISDIRECTED_REQUEST, text).into_response()
    };
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
        (CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn file(content_type: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, content_type)], text).into_response()
}

async fn html_page(State(page): State<Arc<Page>>) -> Response {
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], page.html.clone()).into_response()
}

/// A message as scripts see it.
#[derive(Serialize)]
struct Shown<'a> {
    delivery: String,
    at: i64,
    to: &'a str,
    subject: &'a str,
    body: &'a str,
    code: &'a str,
    namespace: &'a str,
    id: Option<&'a str>,
}

impl<'a> Shown<'a> {
    fn new(message: &'a InboxMessage) -> Self {
        Self {
            delivery: message.delivery.to_string(),
            at: message.at.as_millis(),
            to: &message.to,
            subject: &message.subject,
            body: &message.body,
            code: message.passcode.expose(),
            namespace: message.namespace.as_str(),
            id: message.external_id.as_ref().map(|id| id.as_str()),
        }
    }
}

/// Which messages are asked for.
#[derive(Deserialize)]
struct Filter {
    to: Option<String>,
    id: Option<String>,
}

impl Filter {
    fn accepts(&self, message: &InboxMessage) -> bool {
        let id = message.external_id.as_ref().map(|id| id.as_str());
        self.to.as_ref().is_none_or(|to| *to == message.to)
            && self.id.as_ref().is_none_or(|wanted| Some(wanted.as_str()) == id)
    }
}

/// The messages, newest first.
async fn messages(State(page): State<Arc<Page>>, Query(filter): Query<Filter>) -> Response {
    let messages = page.inbox.recent();
    let shown: Vec<_> = messages
        .iter()
        .filter(|message| filter.accepts(message))
        .map(|message| Shown::new(message))
        .collect();
    Json(shown).into_response()
}

/// The code of the newest message, and nothing else: for scripts.
async fn code(State(page): State<Arc<Page>>, Query(filter): Query<Filter>) -> Response {
    match page.inbox.recent().iter().find(|message| filter.accepts(message)) {
        Some(message) => format!("{}\n", message.passcode.expose()).into_response(),
        None => (StatusCode::NOT_FOUND, "there is no such message\n").into_response(),
    }
}

/// All messages, oldest first, then each as it comes. After the first ones comes the event `ready`.
async fn events(State(page): State<Arc<Page>>, headers: HeaderMap) -> Response {
    let Ok(permit) = Arc::clone(&page.readers).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many browsers watch this inbox\n").into_response();
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let sign_of_life = KeepAlive::new().interval(SIGN_OF_LIFE_EVERY);
    Sse::new(Watching::new(&page, last, permit).stream()).keep_alive(sign_of_life).into_response()
}

/// A browser that watches.
struct Watching {
    inbox: Inbox,
    arrivals: broadcast::Receiver<Arc<InboxMessage>>,
    stopping: CancellationToken,
    /// The last one that was sent.
    last: Option<String>,
    to_send: VecDeque<Arc<InboxMessage>>,
    said_ready: bool,
    _permit: OwnedSemaphorePermit,
}

impl Watching {
    fn new(page: &Page, last: Option<String>, permit: OwnedSemaphorePermit) -> Self {
        Self {
            inbox: page.inbox.clone(),
            arrivals: page.inbox.subscribe(),
            stopping: page.stopping.clone(),
            last,
            to_send: VecDeque::new(),
            said_ready: false,
            _permit: permit,
        }
    }

    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        unfold(self, |mut watching| async move {
            let event = watching.next().await?;
            Some((Ok(event), watching))
        })
    }

    /// `None`: the server stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(message) = self.to_send.pop_front() {
                let id = message.delivery.to_string();
                let event = Event::default().id(&id).json_data(Shown::new(&message)).ok()?;
                self.last = Some(id);
                return Some(event);
            }
            self.to_send = newer(self.inbox.recent(), self.last.as_deref());
            if !self.to_send.is_empty() {
                continue;
            }
            if !self.said_ready {
                self.said_ready = true;
                // Browsers drop an event without data.
                return Some(Event::default().event("ready").data("ready").retry(RETRY_AFTER));
            }
            tokio::select! {
                () = self.stopping.cancelled() => return None,
                arrival = self.arrivals.recv() => {
                    // An arrival only says to look again: so nothing comes twice, and who lags behind misses what is kept of nothing.
                    if matches!(arrival, Err(RecvError::Closed)) {
                        return None;
                    }
                }
            }
        }
    }
}

/// Those after the last one that was seen, oldest first; all, where that is not there any more.
fn newer(newest_first: Vec<Arc<InboxMessage>>, last: Option<&str>) -> VecDeque<Arc<InboxMessage>> {
    let unseen =
        newest_first.into_iter().take_while(|message| last != Some(message.delivery.to_string().as_str()));
    let mut oldest_first = VecDeque::new();
    unseen.for_each(|message| oldest_first.push_front(message));
    oldest_first
}

/// Text as HTML shows it, also in an attribute.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => fmt::Write::write_char(f, other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

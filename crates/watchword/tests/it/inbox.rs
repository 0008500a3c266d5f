//! The inbox page's stream of messages.

use reqwest::Response;
use serde_json::{Value, json};
use watchword_testkit::deadline::within;

use crate::support::{Server, client};

/// Events as a browser sees them.
struct Events {
    response: Response,
    text: String,
}

/// One event: its id, its name and its data. What has no data is none (HTML, section 9.2.6).
type Event = (Option<String>, String, String);

impl Events {
    async fn open(server: &Server, last: Option<&str>) -> Self {
        let mut request = client().get(format!("{}/dev/inbox/events", server.origin));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event; `None`: the stream has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                    line.map(|value| value.trim_start().to_owned())
                };
                let read = field("data").map(|data| (field("id"), field("event").unwrap_or_default(), data));
                self.text = rest.to_owned();
                match read {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let chunk = within("the inbox's stream", self.response.chunk()).await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next message's event id and content.
    async fn message(&mut self) -> (String, Value) {
        let (id, name, data) = self.next().await.unwrap();
        assert_eq!(name, "");
        (id.unwrap(), serde_json::from_str(&data).unwrap())
    }

    async fn ready(&mut self) {
        let (id, name, _) = self.next().await.unwrap();
        assert_eq!((id, name.as_str()), (None, "ready"));
    }
}

async fn ask(server: &Server, id: &str, to: &str) {
    let reply = server.put(id, &[("provider", "inbox"), ("to", to)]).await;
    assert_eq!(reply.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_open_sees_messages_as_they_come_and_one_that_comes_back_sees_none_twice() {
    let server = Server::dev([""; 0]);
    ask(&server, "before-it", "before@example.com").await;
    let mut events = Events::open(&server, None).await;
    let (_, message) = events.message().await;
    assert_eq!(message["to"], "before@example.com");
    events.ready().await;

    ask(&server, "while-open", "<b>while</b>@example.com").await;
    let (last, message) = events.message().await;
    assert_eq!((&message["to"], &message["id"]), (&json!("<b>while</b>@example.com"), &json!("while-open")));
    drop(events);

    ask(&server, "while-away", "away@example.com").await;
    let mut events = Events::open(&server, Some(&last)).await;
    assert_eq!(events.message().await.1["to"], "away@example.com");
    events.ready().await;
    let mut unknown = Events::open(&server, Some("of another server")).await;
    let all = [unknown.message().await, unknown.message().await, unknown.message().await];
    let to = all.map(|(_, message)| message["to"].as_str().unwrap().to_owned());
    assert_eq!(to, ["before@example.com", "<b>while</b>@example.com", "away@example.com"]);

    // An open page does not keep the server from stopping.
    let (status, _) = server.terminate().await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(events.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_finds_the_code_for_an_address() {
    let server = Server::dev([""; 0]);
    let get = async |query: &str| {
        let reply = client().get(format!("{}/dev/inbox/code{query}", server.origin)).send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    };
    assert_eq!(get("").await.0, 404);
    for (id, to, otp) in [("first-id", "ann@example.com", "1111"), ("second-id", "bob@example.com", "2222")] {
        server.put(id, &[("provider", "inbox"), ("to", to), ("otp", otp)]).await;
    }
    for (query, code) in [
        ("", "2222\n"),
        ("?to=ann@example.com", "1111\n"),
        ("?to=bob%40example.com", "2222\n"),
        ("?id=first-id", "1111\n"),
    ] {
        assert_eq!(get(query).await, (200, code.to_owned()), "{query}");
    }
    assert_eq!(get("?to=ann@example.com&id=second-id").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_website_under_another_name_is_refused_and_the_api_is_not() {
    let server = Server::dev([""; 0]);
    let get = async |path: &str| {
        let request = client().get(format!("{}{path}", server.origin)).header("Host", "evil.example");
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((get("/dev/inbox").await, get("/dev/inbox/events").await), (421, 421));
    assert_eq!(get("/api/health").await, 200);
}

//! The handbook's page about this dialect: every example on it, from its beginning to its end, against one server.
//!
//! Codes and UUIDs are other ones each time: those of the page are taken for those that the server gives in their place.

use serde_json::Value;

use crate::harness::digit::{USERS, user, users};
use crate::harness::{App, Digit, Reply};

const PAGE: &str = include_str!("../../../../docs/dialects/egov.md");

/// A part of the page that means something here, in order.
enum Part {
    /// A block of HTTP: where, its first line, its body.
    Http(usize, String, String),
    /// Who egov-user knows from here on.
    Users(bool),
    /// The code that the last SMS has on the page.
    Code(String),
}

fn parts() -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = PAGE.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let comment = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->"));
        match comment {
            Some("egov-user knows the number") => parts.push(Part::Users(true)),
            Some("egov-user knows nobody") => parts.push(Part::Users(false)),
            Some(other) => parts.push(Part::Code(other.strip_prefix("the SMS says ").unwrap().to_owned())),
            None if line == "```http" => {
                let inside: Vec<_> =
                    lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
                let (first, rest) = inside.split_first().unwrap();
                let body =
                    rest.iter().skip_while(|line| !line.is_empty()).copied().collect::<Vec<_>>().join("\n");
                parts.push(Part::Http(index + 1, (*first).to_owned(), body));
            }
            None => {}
        }
    }
    parts
}

/// What stands on the page, and what it is here.
#[derive(Default)]
struct Learned(Vec<(String, String)>);

impl Learned {
    fn learn(&mut self, page: &Value, here: &Value) {
        if let (Some(page), Some(here)) = (page.as_str(), here.as_str())
            && !self.0.iter().any(|(known, _)| known == page)
        {
            self.0.push((page.to_owned(), here.to_owned()));
        }
    }

    fn here(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (page, here)| text.replace(page, here))
    }
}

#[tokio::test]
async fn every_example_of_the_page_is_answered_as_it_says() {
    let digit = Digit::start().await;
    let app = App::beside(&digit);
    let (mut learned, mut asked, mut examples) = (Learned::default(), None, 0);
    for part in parts() {
        match part {
            Part::Users(known) => {
                let found = [user("9876543210", "citizen@example.com")];
                digit.says(USERS, &users(&found[..usize::from(known)]));
            }
            Part::Code(code) => {
                let last = app.sms.handed().pop().expect("an SMS");
                learned.learn(&code.into(), &last.message.passcode.expose().into());
            }
            Part::Http(line, first, body) => match asked.take() {
                None => asked = Some((line, first, body)),
                Some((line, request, sent)) => {
                    examples += 1;
                    let place = format!("docs/dialects/egov.md:{line}");
                    let reply = ask(&app, &request, &learned.here(&sent)).await;
                    let status = first.strip_prefix("HTTP/1.1 ").expect("a reply after a request");
                    assert_eq!(status, reply.status.to_string(), "{place}: {}", reply.body);
                    let expected: Value =
                        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{place}: {error}"));
                    let told: Value = serde_json::from_str(&reply.body).unwrap();
                    for name in ["otp", "UUID"] {
                        learned.learn(&expected["otp"][name], &told["otp"][name]);
                    }
                    let expected: Value = serde_json::from_str(&learned.here(&body)).unwrap();
                    assert_eq!(expected, told, "{place}");
                }
            },
        }
    }
    assert!(asked.is_none() && examples >= 10, "{examples} examples");
}

async fn ask(app: &App, request: &str, body: &str) -> Reply {
    match request.split_once(' ').unwrap() {
        ("GET", path) => app.get(path).await,
        ("POST", path) => app.post(path, body).await,
        other => panic!("{other:?}"),
    }
}

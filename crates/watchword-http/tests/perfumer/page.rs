//! The handbook's page about this dialect: every example on it, from its beginning to its end, against one server.

use crate::harness::{App, Reply, compact};

const PAGE: &str = include_str!("../../../../docs/dialects/perfumer.md");

/// A block of HTTP: its first line, its headers, its body.
struct Block {
    line: usize,
    first: String,
    headers: Vec<(String, String)>,
    body: String,
    /// How often it was sent before, as a comment in front of it says.
    before: usize,
}

fn blocks() -> Vec<Block> {
    let (mut blocks, mut before) = (Vec::new(), 0);
    let mut lines = PAGE.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if let Some(times) = line.strip_prefix("<!-- sent ") {
            before = times.strip_suffix(" times -->").unwrap().parse().unwrap();
        }
        if line != "```http" {
            continue;
        }
        let inside: Vec<_> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        let (first, rest) = inside.split_first().unwrap();
        let end = rest.iter().position(|line| line.is_empty()).unwrap_or(rest.len());
        let header = |line: &&str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        };
        blocks.push(Block {
            line: index + 1,
            first: (*first).to_owned(),
            headers: rest[..end].iter().map(header).collect(),
            body: rest[end..].join("\n").trim().to_owned(),
            before: std::mem::take(&mut before),
        });
    }
    blocks
}

#[tokio::test]
async fn every_example_of_the_page_is_answered_as_it_says() {
    let app = App::new();
    let blocks = blocks();
    assert!(blocks.len() > 40 && blocks.len().is_multiple_of(2), "{} blocks", blocks.len());
    for pair in blocks.chunks(2) {
        let [request, expected] = pair else { unreachable!("an even number") };
        let place = format!("docs/dialects/perfumer.md:{}", request.line);
        let (method, path) = request.first.split_once(' ').unwrap();
        if request.before > 0 {
            // What earlier examples sent is too old to count.
            app.pass(600);
        }
        for _ in 0..request.before {
            assert_eq!(app.call(method, path, &request.body).await.status, 200, "{place}");
        }
        let reply: Reply = app.call(method, path, &request.body).await;
        let status = expected.first.strip_prefix("HTTP/1.1 ").expect("a reply after a request");
        assert_eq!(status, reply.status.to_string(), "{place}: {}", reply.body);
        assert_eq!(compact(&expected.body), reply.body, "{place}");
        let retry_after = reply.headers.get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        let told = expected.headers.iter().find(|(name, _)| name == "Retry-After");
        assert_eq!(told.map(|(_, value)| value.clone()), retry_after, "{place}");
    }
}

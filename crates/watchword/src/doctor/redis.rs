//! Whether the servers of a Redis store keep what they are given.

use watchword_store::{RedisServer, RedisSetup, RedisStore};

use super::{Finding, State};

/// The oldest that is supported: major and minor version.
const OLDEST: (u32, u32) = (6, 2);

/// One finding for each thing that is wrong with a server, or one that says that all is well.
pub(super) async fn examine(store: &RedisStore) -> Vec<Finding> {
    match store.survey().await {
        Ok(servers) => servers.iter().flat_map(of_server).collect(),
        Err(error) => vec![Finding::new("redis", State::Failed, error.to_string())],
    }
}

/// What is unsafe about the servers of a store, a line each, for the log.
pub(crate) async fn warnings(store: &RedisStore) -> Vec<String> {
    let findings = examine(store).await.into_iter();
    let bad = findings.filter(|finding| finding.state >= State::Warning);
    bad.map(|finding| format!("{}: {}", finding.subject, finding.detail)).collect()
}

fn of_server(server: &RedisServer) -> Vec<Finding> {
    let subject = format!("redis {}", server.name);
    let setup = match &server.setup {
        Ok(setup) => setup,
        Err(problem) => {
            return vec![Finding::new(subject, State::Failed, format!("does not answer: {problem}"))];
        }
    };
    let found: Vec<_> =
        problems(setup).into_iter().map(|(state, detail)| Finding::new(&*subject, state, detail)).collect();
    if !found.is_empty() {
        return found;
    }
    let detail = format!("{}, appendonly yes, appendfsync always, noeviction", setup.version);
    vec![Finding::new(subject, State::Good, detail)]
}

fn problems(setup: &RedisSetup) -> Vec<(State, String)> {
    let mut found = Vec::new();
    if version(&setup.version).is_some_and(|version| version < OLDEST) {
        let (major, minor) = OLDEST;
        let text = format!("is version {}: {major}.{minor} or newer is needed", setup.version);
        found.push((State::Failed, text));
    }
    if !setup.keeps {
        let text = "keeps nothing through a crash: what was acknowledged is lost then, and used codes may be good again: \
            `CONFIG SET appendonly yes`, and `appendonly yes` and `appendfsync always` in its configuration";
        found.push((State::Warning, text.to_owned()));
    } else {
        match setup.appendfsync.as_deref() {
            Some("always") => {}
            Some(other) => {
                let text = format!(
                    "has `appendfsync {other}`: a crash loses what was acknowledged last, and codes used then are good again: \
                     `CONFIG SET appendfsync always`, and the same in its configuration"
                );
                found.push((State::Warning, text));
            }
            None => {
                let text =
                    "does not let this user see `appendfsync` (CONFIG GET): make sure that it is `always`";
                found.push((State::Untried, text.to_owned()));
            }
        }
    }
    if setup.eviction != "noeviction" {
        let text = format!(
            "throws away codes and limits when its memory is full (`maxmemory-policy {}`): \
             `CONFIG SET maxmemory-policy noeviction`, and the same in its configuration",
            setup.eviction
        );
        found.push((State::Warning, text));
    }
    found
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_that_loses_codes_is_told_with_what_to_do() {
        let setup = |version: &str, keeps, appendfsync: Option<&str>, eviction: &str| RedisSetup {
            version: version.to_owned(),
            keeps,
            appendfsync: appendfsync.map(str::to_owned),
            eviction: eviction.to_owned(),
        };
        for (setup, expected) in [
            (setup("7.0.15", true, Some("always"), "noeviction"), vec![(State::Good, "appendfsync always")]),
            (
                setup("6.2.0", true, Some("everysec"), "noeviction"),
                vec![(State::Warning, "`appendfsync everysec`")],
            ),
            (setup("10.1.0", true, None, "noeviction"), vec![(State::Untried, "CONFIG GET")]),
            (
                setup("6.0.16", false, Some("always"), "volatile-lru"),
                vec![
                    (State::Failed, "6.2 or newer"),
                    (State::Warning, "CONFIG SET appendonly yes"),
                    (State::Warning, "`CONFIG SET maxmemory-policy noeviction`"),
                ],
            ),
        ] {
            let found = of_server(&RedisServer { name: "one:1".to_owned(), setup: Ok(setup) });
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (finding, (state, words)) in found.iter().zip(expected) {
                assert_eq!((&*finding.subject, finding.state), ("redis one:1", state));
                assert!(finding.detail.contains(words), "{finding:?}");
            }
        }
        let gone = RedisServer { name: "one:1".to_owned(), setup: Err("it is gone".to_owned()) };
        assert_eq!(
            of_server(&gone),
            [Finding::new("redis one:1", State::Failed, "does not answer: it is gone")]
        );
    }
}

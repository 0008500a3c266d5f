//! Whether a PostgreSQL server keeps what it is given, and lets us do what we must.

use watchword_store::{PostgresSetup, PostgresStore};

use super::{Finding, State};

const SUBJECT: &str = "postgres";

/// The oldest that is supported.
const OLDEST: i32 = 13;

/// One finding for each thing that is wrong with the server, or one that says that all is well.
pub(super) async fn examine(store: &PostgresStore) -> Vec<Finding> {
    match store.survey().await {
        Ok(setup) => findings(&setup),
        Err(error) => vec![Finding::new(SUBJECT, State::Failed, error.to_string())],
    }
}

/// What is unsafe about the server, a line each, for the log.
pub(crate) async fn warnings(store: &PostgresStore) -> Vec<String> {
    let findings = examine(store).await.into_iter();
    let bad = findings.filter(|finding| finding.state >= State::Warning);
    bad.map(|finding| format!("{}: {}", finding.subject, finding.detail)).collect()
}

fn findings(setup: &PostgresSetup) -> Vec<Finding> {
    let found = problems(setup);
    if found.is_empty() {
        let detail = format!(
            "{}, fsync on, full_page_writes on, synchronous_commit {}",
            setup.version, setup.synchronous_commit
        );
        return vec![Finding::new(SUBJECT, State::Good, detail)];
    }
    found.into_iter().map(|(state, detail)| Finding::new(SUBJECT, state, detail)).collect()
}

fn problems(setup: &PostgresSetup) -> Vec<(State, String)> {
    const TAKE_UP: &str = "then `SELECT pg_reload_conf()`";
    let mut found = Vec::new();
    if setup.version_number / 10_000 < OLDEST {
        found.push((State::Failed, format!("is version {}: {OLDEST} or newer is needed", setup.version)));
    }
    if setup.is_standby {
        let text = "is a standby and takes no writes: name the primary in store.url";
        found.push((State::Failed, text.to_owned()));
    }
    for right in &setup.missing_rights {
        let user = format!("\"{}\"", setup.user.replace('"', "\"\""));
        let text = format!("{} may not do what it must: `GRANT {right} TO {user}`", setup.user);
        found.push((State::Failed, text));
    }
    if !setup.fsync {
        let text = format!(
            "has `fsync = off`: when its machine crashes, the database may be lost: `ALTER SYSTEM SET fsync = on`, {TAKE_UP}"
        );
        found.push((State::Warning, text));
    }
    if !setup.full_page_writes {
        let text = format!(
            "has `full_page_writes = off`: when its machine crashes, tables may be damaged: \
             `ALTER SYSTEM SET full_page_writes = on`, {TAKE_UP}"
        );
        found.push((State::Warning, text));
    }
    if setup.synchronous_commit == "off" {
        let text = format!(
            "has `synchronous_commit = off`: a crash loses what was acknowledged last, and codes used then are good again: \
             `ALTER SYSTEM SET synchronous_commit = on`, {TAKE_UP}, and nothing else where it is set for the user or the database"
        );
        found.push((State::Warning, text));
    }
    if setup.is_pooler {
        let text = "is behind a pooler, so nodes don't hear of messages that another one left, and look once a second: name the \
                    server itself by `real_host` in store.url (PG_REAL_HOST)";
        found.push((State::Warning, text.to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_that_is_wrong_is_told_with_what_to_do() {
        let good = PostgresSetup {
            version: "15.14 (Debian 15.14-0+deb12u1)".to_owned(),
            version_number: 150_014,
            fsync: true,
            full_page_writes: true,
            synchronous_commit: "on".to_owned(),
            user: "otp".to_owned(),
            schema: "\"public\"".to_owned(),
            ..PostgresSetup::default()
        };
        let right = "CREATE ON SCHEMA public".to_owned();
        for (setup, expected) in [
            (good.clone(), vec![(State::Good, "synchronous_commit on")]),
            (
                PostgresSetup { synchronous_commit: "local".to_owned(), ..good.clone() },
                vec![(State::Good, "synchronous_commit local")],
            ),
            (
                PostgresSetup { version_number: 120_022, version: "12.22".to_owned(), ..good.clone() },
                vec![(State::Failed, "is version 12.22: 13 or newer is needed")],
            ),
            (PostgresSetup { is_standby: true, ..good.clone() }, vec![(State::Failed, "name the primary")]),
            (
                PostgresSetup { missing_rights: vec![right], ..good.clone() },
                vec![(State::Failed, "`GRANT CREATE ON SCHEMA public TO \"otp\"`")],
            ),
            (
                PostgresSetup {
                    fsync: false,
                    full_page_writes: false,
                    synchronous_commit: "off".to_owned(),
                    is_pooler: true,
                    ..good
                },
                vec![
                    (State::Warning, "`ALTER SYSTEM SET fsync = on`"),
                    (State::Warning, "`ALTER SYSTEM SET full_page_writes = on`"),
                    (State::Warning, "`ALTER SYSTEM SET synchronous_commit = on`"),
                    (State::Warning, "`real_host`"),
                ],
            ),
        ] {
            let found = findings(&setup);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (finding, (state, words)) in found.iter().zip(expected) {
                assert_eq!((&*finding.subject, finding.state), (SUBJECT, state), "{finding:?}");
                assert!(finding.detail.contains(words), "{finding:?}");
            }
        }
    }
}

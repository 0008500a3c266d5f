//! `watchword keys`.

mod data_key;

use std::fmt::Write as _;
use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::json;
use thiserror::Error;
use watchword_core::keyring::KeyId;
use watchword_core::ports::KeyUse;
use watchword_core::time::Timestamp;

use super::moment::{utc, utc_and_distance};
use super::site::{Site, SiteError};
use super::sources::SourceOptions;
use super::table::table;
use super::{CommandError, once, say};
use crate::keys::rotation::{KeyFile, NewKey, RotationError};
use crate::keys::{self, KeyPlace, Survey};
use crate::random::OsRandom;

/// See and rotate the keys that passcodes are sealed under. A key is shown by its fingerprint, never itself.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(ListOptions),
    Rotate(RotateOptions),
    Prune(PruneOptions),
}

/// Show the keys: which one seals, which the store knows, what still needs each.
#[derive(Debug, Args)]
struct ListOptions {
    #[command(flatten)]
    sources: SourceOptions,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

const STEPS: &str = "\
A rotation has three steps. A server reads its keys when it starts, so each step ends with a restart of every node:

  1. watchword keys rotate                      Adds a key, second: it seals nothing yet. Bring the file to every node.
  2. watchword keys rotate --promote            Makes it the first: it seals from now on, and the old one still opens.
  3. watchword keys rotate --drop FINGERPRINT   Removes the old one, once nothing is under it any more: after the longest
                                                lifetime of a passcode. `watchword keys list` says when that is.

Where the keys come from WATCHWORD_KEY nothing is changed: this says what to set. Only the data key that a store keeps, from the
time before WATCHWORD_KEY was set, is ended by the third step.
";

/// Rotate the keys: add one, then promote it, then drop the old one.
#[derive(Debug, Args)]
#[command(after_help = STEPS)]
struct RotateOptions {
    #[command(flatten)]
    sources: SourceOptions,
    /// Make the second key the first
    #[arg(long, conflicts_with = "drop")]
    promote: bool,
    /// Remove a key that is not the first
    #[arg(long, value_name = "FINGERPRINT", value_parser = fingerprint)]
    drop: Option<KeyId>,
    /// Promote or drop even where that makes passcodes unreadable
    #[arg(long)]
    force: bool,
}

/// Let secrets that are no longer configured open the store's data key no more.
///
/// A store that was used under --as without WATCHWORD_KEY keeps a data key, which each secret of that product's configuration opens.
/// Run this once every server runs by the configuration without a removed secret.
#[derive(Debug, Args)]
struct PruneOptions {
    #[command(flatten)]
    sources: SourceOptions,
    /// Prune even where that makes passcodes unreadable
    #[arg(long)]
    force: bool,
}

/// Why the keys are left as they are. Each text says what to do.
#[derive(Debug, Error)]
pub(super) enum KeysError {
    #[error(transparent)]
    Site(SiteError),
    #[error(transparent)]
    Rotation(#[from] RotationError),
    #[error("there is no key file at {path} yet: the server makes it when it starts for the first time")]
    NoFile { path: String },
    #[error(
        "no server has read key {key} yet, and what it sealed could not be opened there: bring the keys to every node and \
         restart each first (--force does it all the same)"
    )]
    NotRead { key: KeyId },
    #[error(
        "key {key} is still needed by {what} until {until}: drop it then (--force drops it now, and they are lost)"
    )]
    Needed { key: KeyId, what: String, until: String },
    #[error(
        "nothing is under {first} yet, so nothing shows that the servers seal under it: restart each, have one code sent, and \
         drop {key} then (--force drops it now; what a server goes on to seal under it would be lost)"
    )]
    NotInUse { key: KeyId, first: KeyId },
    #[error("the keys come from WATCHWORD_KEY, which only you can change: {what}, and restart every node")]
    Environment { what: String },
    #[error(
        "the only key is the data key in the store, which is not rotated: set WATCHWORD_KEY, made with `openssl rand -hex 32`, on \
         every node and restart each; it seals from then on, and the data key still opens"
    )]
    KeptInStore,
}

impl<T: Into<SiteError>> From<T> for KeysError {
    fn from(error: T) -> Self {
        Self::Site(error.into())
    }
}

pub(super) fn run(options: Options) -> Result<(), CommandError> {
    match options.action {
        Action::List(options) => {
            let site = Site::read(options.sources)?;
            once(list(&site, options.json))??;
        }
        Action::Rotate(RotateOptions { sources, promote, drop, force }) => {
            let site = Site::read(sources)?;
            match (promote, drop) {
                (true, _) => once(promote_second(&site, force))??,
                (false, Some(key)) => once(drop_key(&site, key, force))??,
                (false, None) => add(&site)?,
            }
        }
        Action::Prune(PruneOptions { sources, force }) => {
            let site = Site::read(sources)?;
            once(data_key::prune(&site, force))??;
        }
    }
    Ok(())
}

/// A key's fingerprint, as `keys list` shows it.
fn fingerprint(text: &str) -> Result<KeyId, &'static str> {
    let wrong = "a fingerprint is 16 digits from 0 to f, as `watchword keys list` shows it";
    if text.len() != 16 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong);
    }
    let number = u64::from_str_radix(text, 16).map_err(|_| wrong)?;
    Ok(KeyId::from_bytes(number.to_be_bytes()))
}

async fn list(site: &Site, as_json: bool) -> Result<(), KeysError> {
    let store = site.store().await?;
    let now = site.now();
    let Survey { ours, known, data_key, unopened, .. } = keys::survey(&site.config.keys, &*store).await?;
    let uses = store.key_uses(now).await?;
    store.close().await;
    let mut all = ours.clone();
    let elsewhere = known.iter().copied().chain(uses.iter().map(|used| used.key));
    for key in elsewhere {
        if !all.contains(&key) {
            all.push(key);
        }
    }
    let shown = all.into_iter().map(|key| Shown {
        key,
        role: if ours.first() == Some(&key) {
            "seals"
        } else if ours.contains(&key) {
            "opens"
        } else {
            "missing"
        },
        is_known: known.contains(&key),
        used: uses.iter().find(|used| used.key == key).copied(),
    });
    let shown: Vec<Shown> = shown.collect();
    if as_json {
        say(&json(site, &shown, data_key));
        return Ok(());
    }
    let rows: Vec<_> = shown.iter().map(|shown| shown.row(now)).collect();
    say(table(["KEY", "ROLE", "STORE", "NEEDED BY"], &rows).trim_end());
    let place = match &site.config.keys.place {
        KeyPlace::File(path) => format!("the key file {}", shown_path(path)),
        _ => site.config.keys.to_string(),
    };
    say(&format!("\nKeys come from {place}. The first one seals; all of them open."));
    match data_key {
        Some(key) if ours.first() != Some(&key) => say(&format!(
            "{key} is the data key that the store keeps: once nothing needs it, `watchword keys rotate --drop {key}` ends it."
        )),
        _ => {}
    }
    if !unopened.is_empty() {
        say(&format!(
            "The store's data key opens under secrets that are not in this configuration ({}): `watchword keys prune` ends that.",
            unopened.len()
        ));
    }
    Ok(())
}

/// A key, as operators see it.
struct Shown {
    key: KeyId,
    role: &'static str,
    is_known: bool,
    used: Option<KeyUse>,
}

impl Shown {
    fn row(&self, now: Timestamp) -> [String; 4] {
        let role = if self.role == "missing" { "not here" } else { self.role };
        let known = if self.is_known { "knows it" } else { "never saw it" };
        let needed = match &self.used {
            None => "nothing".to_owned(),
            Some(used) => format!("{} until {}", needed_by(used), utc_and_distance(used.until, now)),
        };
        [self.key.to_string(), role.to_owned(), known.to_owned(), needed]
    }
}

fn needed_by(used: &KeyUse) -> String {
    let mut text = String::new();
    for (count, one, many) in
        [(used.verifications, "verification", "verifications"), (used.messages, "message", "messages")]
    {
        if count > 0 {
            let and = if text.is_empty() { "" } else { " and " };
            // Writing to a text never fails.
            let _ = write!(text, "{and}{count} {}", if count == 1 { one } else { many });
        }
    }
    text
}

fn json(site: &Site, shown: &[Shown], data_key: Option<KeyId>) -> String {
    let source = match &site.config.keys.place {
        KeyPlace::Environment(_) => json!({"kind": "environment", "variable": "WATCHWORD_KEY"}),
        KeyPlace::File(path) => json!({"kind": "file", "path": shown_path(path)}),
        KeyPlace::Store => json!({"kind": "store"}),
    };
    let key = |shown: &Shown| {
        json!({
            "fingerprint": shown.key.to_string(),
            "role": shown.role,
            "known_to_store": shown.is_known,
            "verifications": shown.used.map_or(0, |used| used.verifications),
            "messages": shown.used.map_or(0, |used| used.messages),
            "needed_until": shown.used.map(|used| utc(used.until)),
        })
    };
    let mut all = json!({"source": source, "keys": shown.iter().map(key).collect::<Vec<_>>()});
    if let Some(data_key) = data_key {
        all["data_key"] = json!(data_key.to_string());
    }
    all.to_string()
}

fn shown_path(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

fn add(site: &Site) -> Result<(), KeysError> {
    let key = NewKey::generate(&OsRandom);
    let id = key.id;
    let path = match &site.config.keys.place {
        KeyPlace::Environment(keys) => {
            let first = keys.ids()[0];
            say(&format!(
                "A new key, {id}. Nothing is changed: put it second, after {first}, wherever WATCHWORD_KEY is set for the server:\n\n\
                 \x20 WATCHWORD_KEY=\"$WATCHWORD_KEY,{}\"\n\n\
                 Do so on every node and restart each. Then put {id} first and restart each again; it seals from then on.\n\
                 Then take {first} out once nothing needs it: `watchword keys list` says when that is.",
                key.expose(),
            ));
            return Ok(());
        }
        KeyPlace::File(path) => path,
        KeyPlace::Store => return Err(KeysError::KeptInStore),
    };
    let mut file = read(path)?;
    let first = file.ids()[0];
    file.add(key, &format!("Added {}.", utc(site.now())))?;
    file.write()?;
    say(&format!(
        "Added key {id}, second in {}. {first} still seals.\n\n\
         Next:\n\
         \x20 1. Bring the file to every node, and restart each, so that all can read what {id} will seal.\n\
         \x20 2. watchword keys rotate --promote, on every node, and restart each.\n\
         \x20 3. watchword keys rotate --drop {first}, once nothing needs it.",
        file.path().display(),
    ));
    Ok(())
}

fn read(path: &Path) -> Result<KeyFile, KeysError> {
    if !path.exists() {
        return Err(KeysError::NoFile { path: shown_path(path) });
    }
    Ok(KeyFile::read(path).map_err(RotationError::from)?)
}

async fn promote_second(site: &Site, force: bool) -> Result<(), KeysError> {
    let (ours, mut file) = ours(site)?;
    let second = match ours[..] {
        [_, second, ..] => second,
        [first] => return Err(RotationError::NoSecond { first }.into()),
        [] => return Ok(()),
    };
    if !force {
        let store = site.store().await?;
        let known = store.keys().await;
        store.close().await;
        if !known?.contains(&second) {
            return Err(KeysError::NotRead { key: second });
        }
    }
    let Some(file) = &mut file else {
        return Err(KeysError::Environment { what: format!("put key {second} first there") });
    };
    file.promote()?;
    file.write()?;
    say(&format!(
        "Key {second} is the first in {} now, and seals once the server is restarted.\n\n\
         Next:\n\
         \x20 1. Do the same on every node, and restart each.\n\
         \x20 2. watchword keys rotate --drop {}, once nothing needs it: `watchword keys list` says when that is.",
        file.path().display(),
        ours[0],
    ));
    Ok(())
}

async fn drop_key(site: &Site, key: KeyId, force: bool) -> Result<(), KeysError> {
    let (ours, mut file) = ours(site)?;
    match ours.iter().position(|one| *one == key) {
        Some(0) => return Err(RotationError::First { key }.into()),
        Some(_) => {}
        None => {
            let store = site.store().await?;
            let survey = keys::survey(&site.config.keys, &*store).await?;
            if survey.data_key == Some(key) {
                let ended = data_key::end(site, &*store, key, &survey, force).await;
                store.close().await;
                return ended;
            }
            store.close().await;
            let place = site.config.keys.to_string();
            return Err(RotationError::NotThere { key, place }.into());
        }
    }
    if !force {
        let store = site.store().await?;
        let (known, uses) = (store.keys().await, store.key_uses(site.now()).await);
        store.close().await;
        let must_be_in_use = file.is_some();
        may_drop(site, key, ours[0], &known?, &uses?, must_be_in_use)?;
    }
    let Some(file) = &mut file else {
        return Err(KeysError::Environment { what: format!("nothing needs key {key}; take it out there") });
    };
    file.remove(key)?;
    file.write()?;
    say(&format!(
        "Dropped key {key} from {}. Do the same on every node, and restart each.",
        file.path().display()
    ));
    Ok(())
}

/// Whether nothing shows that a server needs `key` still, or will.
fn may_drop(
    site: &Site,
    key: KeyId,
    first: KeyId,
    known: &[KeyId],
    uses: &[KeyUse],
    must_be_in_use: bool,
) -> Result<(), KeysError> {
    if !known.contains(&first) {
        return Err(KeysError::NotRead { key: first });
    }
    if must_be_in_use && !uses.iter().any(|used| used.key == first) {
        return Err(KeysError::NotInUse { key, first });
    }
    match uses.iter().find(|used| used.key == key) {
        Some(used) => Err(needed(site, used)),
        None => Ok(()),
    }
}

fn needed(site: &Site, used: &KeyUse) -> KeysError {
    let until = utc_and_distance(used.until, site.now());
    KeysError::Needed { key: used.key, what: needed_by(used), until }
}

/// The keys in their order, and the file that they stand in, if they do.
fn ours(site: &Site) -> Result<(Vec<KeyId>, Option<KeyFile>), KeysError> {
    match &site.config.keys.place {
        KeyPlace::Environment(keys) => Ok((keys.ids(), None)),
        KeyPlace::File(path) => read(path).map(|file| (file.ids(), Some(file))),
        KeyPlace::Store => Err(KeysError::KeptInStore),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_shown() {
        let key = KeyId::from_bytes([0, 1, 0x2A, 3, 4, 5, 6, 0xFF]);
        assert_eq!(fingerprint(&key.to_string()), Ok(key));
        assert_eq!(fingerprint("00012A03040506FF"), Ok(key));
        for wrong in ["", "00012a03040506f", "00012a03040506fff", "+0012a03040506ff", "00012a0304é06f"] {
            assert!(fingerprint(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_needs_a_key_is_told_in_words() {
        let used = |verifications, messages| KeyUse {
            key: KeyId::from_bytes([0; 8]),
            verifications,
            messages,
            until: Timestamp::default(),
        };
        assert_eq!(needed_by(&used(1, 0)), "1 verification");
        assert_eq!(needed_by(&used(0, 2)), "2 messages");
        assert_eq!(needed_by(&used(3, 1)), "3 verifications and 1 message");
    }
}

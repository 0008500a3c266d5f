//! `watchword deliveries`: what happened to messages.

mod id;
mod record;
mod story;

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use thiserror::Error;
use watchword_core::delivery::{Delivery, DeliveryId, DeliveryState, Ended};
use watchword_core::namespace::Namespace;
use watchword_core::ports::{DeliveryQuery, Hasten, HastenOutcome, Store};
use watchword_core::time::Timestamp;
use watchword_delivery::settings::parse_duration;

use super::moment::utc_and_distance;
use super::site::{Site, SiteError};
use super::sources::SourceOptions;
use super::table::table;
use super::{CommandError, once, say};
use id::IdPrefix;
use record::{Record, state_name};

/// See what happened to messages. Passcodes and whole addresses are never shown: they are not in there.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(ListOptions),
    Show(ShowOptions),
    Retry(RetryOptions),
}

/// List messages, the newest first.
///
/// Those still to be sent, and the records of others, which are kept for a week (`retention.delivery_records`).
#[derive(Debug, Args)]
struct ListOptions {
    /// Only those of this namespace
    #[arg(long, value_name = "NAME", value_parser = Namespace::new)]
    namespace: Option<Namespace>,
    /// Only those in this state
    #[arg(long, value_name = "STATE")]
    state: Option<State>,
    /// Only those made in the last while, like 90s, 15m, 2h
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    since: Option<Duration>,
    /// Only those older than this one, as the last one of the list before
    #[arg(long, value_name = "ID", value_parser = IdPrefix::whole)]
    before: Option<DeliveryId>,
    /// So many at most
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sources: SourceOptions,
}

/// Tell the story of one message: who was asked to carry it, what they said, and how it ended.
#[derive(Debug, Args)]
struct ShowOptions {
    /// Its id, or as much of the beginning as no other one has (6 digits at least)
    #[arg(value_name = "ID", value_parser = IdPrefix::parse)]
    id: IdPrefix,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sources: SourceOptions,
}

/// Send a message that waits for its next try now; a running server takes it within a second.
///
/// One that ended can't be sent again, for it was erased then: the application has to ask for a new code.
#[derive(Debug, Args)]
struct RetryOptions {
    /// Its id, or as much of the beginning as no other one has (6 digits at least)
    #[arg(value_name = "ID", value_parser = IdPrefix::parse)]
    id: IdPrefix,
    #[command(flatten)]
    sources: SourceOptions,
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    /// Waits to be sent
    Due,
    /// Is being sent
    Claimed,
    /// A provider took it
    Accepted,
    /// No provider will take it
    Failed,
    /// Its time was over first
    Expired,
    /// Nobody waits for it any more
    Canceled,
}

impl From<State> for DeliveryState {
    fn from(state: State) -> Self {
        match state {
            State::Due => Self::Due,
            State::Claimed => Self::Claimed,
            State::Accepted => Self::Accepted,
            State::Failed => Self::Failed,
            State::Expired => Self::Expired,
            State::Canceled => Self::Canceled,
        }
    }
}

/// Why there is nothing to show or do. Each text says what to do.
#[derive(Debug, Error)]
pub(super) enum DeliveriesError {
    #[error(transparent)]
    Site(SiteError),
    #[error("there is no message {id}: it never was, or its record is not kept any more")]
    NotFound { id: IdPrefix },
    #[error("more than one message's id begins with {id}: give more of it")]
    Ambiguous { id: IdPrefix },
    #[error(
        "message {id} ended ({how}) and was erased then, so it can't be sent again: the application has to ask for a new code"
    )]
    Ended { id: DeliveryId, how: &'static str },
    #[error("message {id} is being sent right now: look again with `watchword deliveries show {id}`")]
    Claimed { id: DeliveryId },
}

impl<T: Into<SiteError>> From<T> for DeliveriesError {
    fn from(error: T) -> Self {
        Self::Site(error.into())
    }
}

pub(super) fn run(options: Options) -> Result<(), CommandError> {
    match options.action {
        Action::List(options) => list(options),
        Action::Show(options) => show(options),
        Action::Retry(options) => retry(options),
    }
}

fn list(options: ListOptions) -> Result<(), CommandError> {
    let site = Site::read(options.sources)?;
    let query = |now: Timestamp| DeliveryQuery {
        namespace: options.namespace,
        state: options.state.map(Into::into),
        from: options.since.map(|since| DeliveryId::first_at(now.before(since))),
        before: options.before,
        max: options.limit as usize,
    };
    let (found, now) = once(find(&site, query))??;
    if options.json {
        say(&record::list(&found));
        return Ok(());
    }
    if found.is_empty() {
        say("There are no such messages.");
        return Ok(());
    }
    let rows: Vec<_> = found.iter().map(|delivery| row(delivery, now)).collect();
    say(table(["ID", "CREATED", "NAMESPACE", "TO", "ROUTE", "STATE", "LAST ANSWER"], &rows).trim_end());
    if let Some(last) = found.last().filter(|_| found.len() == options.limit as usize) {
        say(&format!("\nThere may be older ones: --before {}", last.id));
    }
    Ok(())
}

fn row(delivery: &Delivery, now: Timestamp) -> [String; 7] {
    let last = delivery.attempts.last();
    [
        delivery.id.to_string(),
        utc_and_distance(delivery.created_at, now),
        delivery.namespace.to_string(),
        delivery.masked_to.clone(),
        delivery.route.to_string(),
        state_name(delivery.state).to_owned(),
        last.map_or_else(|| "-".to_owned(), |attempt| format!("{}: {}", attempt.provider, attempt.outcome)),
    ]
}

fn show(options: ShowOptions) -> Result<(), CommandError> {
    let site = Site::read(options.sources)?;
    let delivery = once(async {
        let store = site.store().await?;
        let found = one(&*store, &options.id).await;
        store.close().await;
        found
    })??;
    if options.json {
        say(&Record::of(&delivery).to_string());
    } else {
        say(story::tell(&delivery, site.now()).trim_end());
    }
    Ok(())
}

fn retry(options: RetryOptions) -> Result<(), CommandError> {
    let site = Site::read(options.sources)?;
    let id = once(async {
        let store = site.store().await?;
        let done = hasten(&*store, &options.id, site.now()).await;
        store.close().await;
        done
    })??;
    say(&format!(
        "Message {id} is due now: a running server takes it within a second. `watchword deliveries show {id}` tells what came of it."
    ));
    Ok(())
}

/// What is asked for, and the time by which it is told.
async fn find(
    site: &Site,
    query: impl FnOnce(Timestamp) -> DeliveryQuery,
) -> Result<(Vec<Delivery>, Timestamp), DeliveriesError> {
    let store = site.store().await?;
    let now = site.now();
    let found = store.deliveries(query(now)).await;
    store.close().await;
    Ok((found?, now))
}

/// The one that is meant.
async fn one(store: &dyn Store, id: &IdPrefix) -> Result<Delivery, DeliveriesError> {
    let mut found = match id.whole_id() {
        Some(id) => store.delivery(id).await?.into_iter().collect(),
        None => {
            let (from, before) = id.range();
            let query = DeliveryQuery { namespace: None, state: None, from: Some(from), before, max: 2 };
            store.deliveries(query).await?
        }
    };
    match (found.pop(), found.pop()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(DeliveriesError::NotFound { id: id.clone() }),
        (Some(_), Some(_)) => Err(DeliveriesError::Ambiguous { id: id.clone() }),
    }
}

async fn hasten(store: &dyn Store, id: &IdPrefix, now: Timestamp) -> Result<DeliveryId, DeliveriesError> {
    let Delivery { id: whole, namespace, .. } = one(store, id).await?;
    match store.hasten(Hasten { namespace, now, id: whole }).await? {
        HastenOutcome::Hastened => Ok(whole),
        HastenOutcome::Claimed => Err(DeliveriesError::Claimed { id: whole }),
        HastenOutcome::Ended(ended) => Err(DeliveriesError::Ended { id: whole, how: ended_name(ended) }),
        HastenOutcome::Gone => Err(DeliveriesError::NotFound { id: id.clone() }),
    }
}

fn ended_name(ended: Ended) -> &'static str {
    state_name(ended.into())
}

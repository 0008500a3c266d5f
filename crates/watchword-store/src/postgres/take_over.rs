//! Taking over what Perfumer OTP left in its own tables, once.
//!
//! Its tables are only read, page by page. What is made of a row is for others to say ([`Successor`]): digests and seals need keys. All
//! of it is one transaction under the lock of the migrations, and it is written down that it was done; so of nodes that start
//! together one does it, and the others find it done.

mod place;
mod source;

use std::time::Duration;

use thiserror::Error;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;
use watchword_core::address::Channel;
use watchword_core::input::InvalidInput;
use watchword_core::keyring::SubjectKey;
use watchword_core::namespace::Namespace;
use watchword_core::throttle::{SendTimes, ThrottleKind, ThrottleRule, ThrottleRules};
use watchword_core::time::Timestamp;
use watchword_core::verification::Verification;

use super::connect;
use super::errors::told;
use super::migrate::LOCK;
use super::{PostgresOpenError, PostgresStore};
use source::Source;

/// Whose tables they are, where it is written down what was done.
const PRODUCT: &str = "perfumer";

/// However long it takes, and whatever the role's own limits are. All rows of a cursor are fetched, so its first need not come soon.
/// Times without a zone are UTC.
const SETTINGS: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL cursor_tuple_fraction = 1; \
    SET LOCAL TimeZone = 'UTC'";

/// What the original's numbers for channels mean. It counted them in the order in which it got them; telegram came last.
const CHANNELS: [(i32, &str); 4] = [(0, "sms"), (1, "email"), (2, "call"), (3, "telegram")];

/// A row of `otp_password` whose time is not over. Its `Debug` shows nothing of it.
#[derive(Clone, Copy)]
pub struct OldPasscode<'a> {
    /// How it was sent.
    pub channel: &'a Channel,
    /// To whom, as given.
    pub target: &'a str,
    /// In the clear.
    pub password: &'a str,
    /// When it was made; now at the latest.
    pub created_at: Timestamp,
    /// It is good before that.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for OldPasscode<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OldPasscode(…)")
    }
}

/// Says what stands here in place of what the original kept.
pub trait Successor: Send + Sync {
    /// Where all of it is.
    fn namespace(&self) -> &Namespace;

    /// The verification that a passcode becomes: found by its target, without limits of its own. `None`: it can't be one here, and
    /// is left out.
    fn verification(&self, old: &OldPasscode<'_>) -> Option<Verification>;

    /// What sends of a channel are counted under, by that IP address or target.
    fn counted_under(&self, kind: ThrottleKind, channel: &Channel, text: &str) -> SubjectKey;
}

/// How much was taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakenOver {
    /// Limits.
    pub rules: u64,
    /// Passcodes that are still good.
    pub passcodes: u64,
    /// Sends that count by target.
    pub sends: u64,
    /// Rules and passcodes that could not be taken.
    pub skipped: u64,
}

/// Why nothing was taken over. Each text says what to do.
#[derive(Debug, Error)]
enum TakeOverError {
    #[error(
        "Perfumer OTP's limits and passcodes in {table} may not be read by {user}; run `GRANT SELECT ON {table} TO {user}` as the \
         table's owner, or move the table to another schema to begin without them"
    )]
    NotAllowed { table: String, user: String },
    #[error("what Perfumer OTP left can't be taken over: {0}")]
    Server(Box<dyn std::error::Error + Send + Sync>),
    #[error("what Perfumer OTP left can't be taken over: {0}")]
    Name(#[from] InvalidInput),
}

impl From<tokio_postgres::Error> for TakeOverError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(told(error))
    }
}

impl PostgresStore {
    /// Takes over the limits, the passcodes whose time is not over, and the sends that limits look back to, from the tables
    /// `otp_limit` and `otp_password` in the store's schema. They stay as they are. `None`: it was done before, or they are not there.
    ///
    /// Call it after [`Self::prepare`], before anything is served.
    ///
    /// # Errors
    /// The tables may not be read, or the server fails. Nothing was taken over, then.
    pub async fn take_over(
        &self,
        successor: &dyn Successor,
        now: Timestamp,
    ) -> Result<Option<TakenOver>, PostgresOpenError> {
        self.take(successor, now).await.map_err(|reason| self.unusable(reason))
    }

    async fn take(
        &self,
        successor: &dyn Successor,
        now: Timestamp,
    ) -> Result<Option<TakenOver>, TakeOverError> {
        let mut client = connect::connect(&self.straight, &self.tls).await?;
        let transaction = client.transaction().await?;
        transaction.batch_execute(SETTINGS).await?;
        transaction.query_typed("SELECT pg_advisory_xact_lock($1)", &[(&LOCK, Type::INT8)]).await?;
        let done = format!("SELECT FROM {}.watchword_taken_over WHERE product = $1", self.schema);
        if !transaction.query_typed(&done, &[(&PRODUCT, Type::TEXT)]).await?.is_empty() {
            return Ok(None);
        }
        let Some(source) = Source::find(&transaction, &self.plain_schema, &self.schema).await? else {
            return Ok(None);
        };
        let taken = self.take_all(&transaction, &source, successor, now).await?;
        self.write_down(&transaction, &taken, now).await?;
        transaction.commit().await?;
        Ok(Some(taken))
    }

    async fn take_all(
        &self,
        transaction: &Transaction<'_>,
        source: &Source<'_>,
        successor: &dyn Successor,
        now: Timestamp,
    ) -> Result<TakenOver, TakeOverError> {
        let mut taken = TakenOver::default();
        let mut channels = Vec::with_capacity(CHANNELS.len());
        for (number, name) in CHANNELS {
            channels.push((number, Channel::new(name)?, ThrottleRules::default()));
        }
        for rule in source.rules(transaction).await? {
            let channel = channels.iter_mut().find(|(number, ..)| *number == rule.channel);
            let of_channel = channel.and_then(|(.., rules)| rule.kind.map(|kind| (kind, rules)));
            let Some(((kind, rules), rule)) = of_channel.zip(rule.rule) else {
                taken.skipped += 1;
                continue;
            };
            taken.rules += 1;
            match kind {
                ThrottleKind::Ip => rules.by_ip.push(rule),
                ThrottleKind::Target => rules.by_target.push(rule),
            }
        }
        for (_, channel, rules) in &channels {
            self.place_rules(transaction, successor.namespace(), channel, rules).await?;
        }

        let mut passcodes = source.passcodes(transaction, now).await?;
        while let Some(page) = passcodes.next(transaction).await? {
            let of_row = |row: &source::PasscodeRow| {
                let (_, channel, _) = channels.iter().find(|(number, ..)| Some(*number) == row.channel)?;
                successor.verification(&OldPasscode {
                    channel,
                    target: row.target.as_deref()?,
                    password: row.password.as_deref()?,
                    created_at: row.created_at,
                    expires_at: row.expires_at,
                })
            };
            let verifications: Vec<Verification> = page.iter().filter_map(of_row).collect();
            taken.passcodes += verifications.len() as u64;
            taken.skipped += (page.len() - verifications.len()) as u64;
            self.place_verifications(transaction, &verifications).await?;
        }
        passcodes.close(transaction).await?;

        for (number, channel, rules) in &channels {
            for kind in [ThrottleKind::Target, ThrottleKind::Ip] {
                let kept = Kept::under(rules.of(kind));
                let mut sends = source.sends(transaction, *number, kind, &kept, now).await?;
                while let Some(page) = sends.next(transaction).await? {
                    if kind == ThrottleKind::Target {
                        taken.sends += page.iter().map(|row| row.times.len() as u64).sum::<u64>();
                    }
                    let of = |row: &source::SendsRow| {
                        (successor.counted_under(kind, channel, &row.counted_by), SendTimes::new(row.times()))
                    };
                    let sends: Vec<_> = page.iter().map(of).collect();
                    self.place_sends(transaction, successor.namespace(), &sends, kept.time).await?;
                }
                sends.close(transaction).await?;
            }
        }
        Ok(taken)
    }
}

/// What is kept of a subject's sends.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// How far back.
    time: Duration,
    /// The most of them, the newest.
    count: usize,
}

impl Kept {
    /// As [`SendTimes::with`] keeps them.
    fn under(rules: &[ThrottleRule]) -> Self {
        Self {
            time: rules.iter().map(|rule| rule.window).fold(SendTimes::KEPT, Duration::max),
            count: rules.iter().map(|rule| rule.rate as usize).fold(SendTimes::KEPT_COUNT, usize::max),
        }
    }
}

//! A connection with its statements kept prepared, and what rows are found by.

use std::cell::RefCell;
use std::hash::Hasher;

use rusqlite::{Connection, OptionalExtension, Params, PrepFlags, Result, Row, Rows, Statement};
use siphasher::sip::SipHasher13;

/// Records end in the order of their numbers, so the oldest come first and no index is needed.
pub(super) const OLD_RECORDS: &str = "DELETE FROM delivery_record WHERE ended_at <= ?1 AND number IN
         (SELECT number FROM delivery_record ORDER BY number LIMIT ?2)";

/// How many verifications are kept under each key, and until when.
pub(super) const VERIFICATIONS_BY_KEY: &str = "SELECT passcode_key, count(*), max(garbage_at) FROM verification WHERE garbage_at > ? GROUP BY passcode_key";

/// How many messages are to be sent under each key, and until when: a sealed copy begins with its key's id.
pub(super) const MESSAGES_BY_KEY: &str = "SELECT substr(message, 1, 8), count(*), max(expires_at) FROM outbox
     WHERE length(message) >= 8 GROUP BY substr(message, 1, 8)";

/// What may walk a table: counting, tables of a few rows, what stops after a few, and what only operators ask.
#[cfg(debug_assertions)]
const WALKS: [&str; 8] = [
    OLD_RECORDS,
    "SELECT count(*) FROM verification",
    "SELECT count(*) FROM outbox",
    "SELECT id FROM key ORDER BY id",
    "SELECT slot FROM key_slot ORDER BY slot",
    "DELETE FROM probe",
    VERIFICATIONS_BY_KEY,
    MESSAGES_BY_KEY,
];

/// The tables, as one thread sees them.
pub(super) struct Tables<'connection> {
    connection: &'connection Connection,
    /// By where the text of each is in the program. rusqlite's own cache hashes the whole text each time, and clears what
    /// was bound: a seventh of the cost of a verification.
    prepared: RefCell<Vec<Prepared<'connection>>>,
    hash: LookupHash,
}

struct Prepared<'connection> {
    sql: &'static str,
    /// `None` while it runs.
    statement: Option<Statement<'connection>>,
}

impl<'connection> Tables<'connection> {
    pub(super) fn new(connection: &'connection Connection, hash: LookupHash) -> Self {
        Self { connection, prepared: RefCell::default(), hash }
    }

    pub(super) const fn connection(&self) -> &'connection Connection {
        self.connection
    }

    /// Runs a statement that yields no rows; how many it changed.
    pub(super) fn execute(&self, sql: &'static str, values: impl Params) -> Result<usize> {
        self.with(sql, |statement| statement.execute(values))
    }

    /// Runs a query.
    pub(super) fn query<T>(
        &self,
        sql: &'static str,
        values: impl Params,
        read: impl FnOnce(Rows<'_>) -> Result<T>,
    ) -> Result<T> {
        self.with(sql, |statement| read(statement.query(values)?))
    }

    /// The first row, if there is one.
    pub(super) fn first<T>(
        &self,
        sql: &'static str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.with(sql, |statement| statement.query_row(values, read).optional())
    }

    /// All rows.
    pub(super) fn all<T>(
        &self,
        sql: &'static str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.with(sql, |statement| statement.query_map(values, read)?.collect())
    }

    fn with<T>(
        &self,
        sql: &'static str,
        run: impl FnOnce(&mut Statement<'connection>) -> Result<T>,
    ) -> Result<T> {
        let (slot, kept) = self.take(sql);
        let mut statement = match kept {
            Some(statement) => statement,
            None => {
                #[cfg(debug_assertions)]
                self.expect_index(sql)?;
                self.connection.prepare_with_flags(sql, PrepFlags::SQLITE_PREPARE_PERSISTENT)?
            }
        };
        let result = run(&mut statement);
        self.prepared.borrow_mut()[slot].statement = Some(statement);
        result
    }

    /// Where the statement is kept, and the statement where it was prepared before.
    fn take(&self, sql: &'static str) -> (usize, Option<Statement<'connection>>) {
        let mut prepared = self.prepared.borrow_mut();
        if let Some(slot) = prepared.iter().position(|kept| std::ptr::eq(kept.sql, sql)) {
            let kept = prepared[slot].statement.take();
            return (slot, kept);
        }
        prepared.push(Prepared { sql, statement: None });
        (prepared.len() - 1, None)
    }

    /// A statement that walks a whole table is slow on the day it matters, so every test run looks for one.
    #[cfg(debug_assertions)]
    fn expect_index(&self, sql: &str) -> Result<()> {
        if !["SELECT", "UPDATE", "DELETE"].iter().any(|verb| sql.starts_with(verb)) {
            return Ok(());
        }
        let mut plan = self.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        let mut steps = plan.raw_query();
        while let Some(step) = steps.next()? {
            let step: String = step.get("detail")?;
            let walks = step.starts_with("SCAN") || step.contains("TEMP B-TREE");
            assert!(!walks || WALKS.contains(&sql), "{step}: {sql}");
        }
        Ok(())
    }

    /// What `verification.lookup_key` is for `parts`.
    pub(super) fn hash(&self, parts: &[&str]) -> i64 {
        self.hash.of(parts)
    }
}

/// Makes a number of what a row is found by: an index of numbers is small, and stays in the cache for more rows. It is keyed,
/// so that nobody can choose many ids of one number.
#[derive(Clone, Copy)]
pub(super) struct LookupHash(SipHasher13);

impl LookupHash {
    /// That of this database, with the key that it was made with.
    pub(super) fn load(connection: &Connection) -> Result<Self> {
        let key = connection.query_row("SELECT key FROM lookup_hash", [], |row| row.get(0))?;
        Ok(Self(SipHasher13::new_with_key(&key)))
    }

    fn of(self, parts: &[&str]) -> i64 {
        let Self(mut hash) = self;
        for part in parts {
            hash.write(&(part.len() as u64).to_le_bytes());
            hash.write(part.as_bytes());
        }
        hash.finish().cast_signed()
    }
}

//! Calling a function of ours, and getting its rows.
//!
//! Each call is one statement and one round trip, and a transaction of its own. It goes as an unnamed statement with the types of
//! its parameters told (`query_typed`): named ones live in one connection of the server, which a pooler such as PgBouncer gives to
//! somebody else for the next transaction.

use std::fmt::Write as _;
use std::time::Instant;

use deadpool_postgres::Object;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use watchword_core::ports::StoreError;

use super::PostgresStore;
use super::errors::{Failure, of_sent};

/// A value and what the function takes it as.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// How functions are called that answer one value, which may be a record of several.
const AS_ONE: &str = "SELECT ";
/// How functions are called that answer rows.
const AS_ROWS: &str = "SELECT * FROM ";

impl PostgresStore {
    /// Calls a function that answers one value, the only column of the row; refused where too many calls are under way.
    pub(super) async fn call(
        &self,
        function: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Row, StoreError> {
        let _room = self.under_way.try_acquire().map_err(|_| StoreError::Busy)?;
        self.call_always(function, parameters).await
    }

    /// As [`Self::call`], however many are under way.
    pub(super) async fn call_always(
        &self,
        function: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Row, StoreError> {
        let rows = self.run(&statement(AS_ONE, &self.schema, function, parameters.len()), parameters).await?;
        rows.into_iter().next().ok_or_else(|| StoreError::unavailable(format!("{function} answered no row")))
    }

    /// Calls a function that answers any number of rows; refused where too many calls are under way.
    pub(super) async fn rows(
        &self,
        function: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let _room = self.under_way.try_acquire().map_err(|_| StoreError::Busy)?;
        self.rows_always(function, parameters).await
    }

    /// As [`Self::rows`], however many are under way.
    pub(super) async fn rows_always(
        &self,
        function: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        self.run(&statement(AS_ROWS, &self.schema, function, parameters.len()), parameters).await
    }

    pub(super) async fn run(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let mut pauses = self.link.pauses();
        loop {
            pauses.tick().await;
            let connection = self.link.connection().await?;
            #[expect(
                clippy::disallowed_methods,
                reason = "measures how long the server takes, for metrics only"
            )]
            let started = Instant::now();
            match self.attempt(connection, statement, parameters).await {
                Ok(rows) => {
                    self.observer.committed(1, started.elapsed());
                    return Ok(rows);
                }
                Err(Failure::NotYet(_)) if !pauses.is_over() => {}
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    async fn attempt(
        &self,
        connection: Object,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Failure> {
        match timeout(self.link.patience(), connection.query_typed(statement, parameters)).await {
            Ok(answer) => answer.map_err(of_sent),
            Err(elapsed) => {
                self.link.give_up(connection);
                Err(Failure::Unknown(elapsed.into()))
            }
        }
    }
}

/// `SELECT "schema".function($1,$2)`.
fn statement(how: &str, schema: &str, function: &str, parameters: usize) -> String {
    let mut statement = String::with_capacity(48 + schema.len() + function.len() + 4 * parameters);
    // Writing to a String never fails.
    let _ = write!(statement, "{how}{schema}.{function}(");
    for number in 1..=parameters {
        let _ = write!(statement, "{}${number}", if number > 1 { "," } else { "" });
    }
    statement.push(')');
    statement
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_called_by_its_full_name() {
        assert_eq!(statement(AS_ONE, "\"otp\"", "f_v1", 0), "SELECT \"otp\".f_v1()");
        assert_eq!(statement(AS_ROWS, "\"otp\"", "f_v1", 2), "SELECT * FROM \"otp\".f_v1($1,$2)");
    }
}

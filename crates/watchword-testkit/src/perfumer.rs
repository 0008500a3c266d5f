//! A database as Perfumer OTP leaves it.

use crate::postgres::Server;

/// Makes the database, if it is not there, and in this schema the original's tables, empty.
///
/// # Panics
/// The server refuses.
pub fn leave_tables(server: &Server, database: &str, schema: &str) {
    let there = server.query("postgres", &format!("SELECT 1 FROM pg_database WHERE datname = '{database}'"));
    if there.is_empty() {
        server.query("postgres", &format!("CREATE DATABASE \"{database}\""));
    }
    let tables = format!(
        "CREATE SCHEMA IF NOT EXISTS \"{schema}\";
         SET search_path = \"{schema}\";
         CREATE TABLE otp_password (
             id serial PRIMARY KEY, channel int2, target varchar(255), password varchar(255), ip varchar(255),
             expire_at timestamp, created_at timestamp
         );
         CREATE INDEX ON otp_password (target, password);
         CREATE INDEX ON otp_password (expire_at);
         CREATE INDEX ON otp_password (created_at);
         CREATE INDEX ON otp_password (ip);
         CREATE TABLE otp_limit (
             id serial PRIMARY KEY, channel int2 NOT NULL, measure int2 NOT NULL, rate integer NOT NULL, minutes integer NOT NULL
         )"
    );
    server.query(database, &tables);
}

/// A row of `otp_password`, by the original's own numbers and times from now.
#[derive(Clone, Copy, Debug)]
pub struct OldSend<'a> {
    /// 0 sms, 1 email, 2 call.
    pub channel: i16,
    /// To whom.
    pub target: &'a str,
    /// What was sent.
    pub password: &'a str,
    /// For whom.
    pub ip: Option<&'a str>,
    /// How many seconds ago.
    pub seconds_ago: i32,
    /// For how many seconds it was good.
    pub lifetime: i32,
}

/// Has the original send these.
///
/// # Panics
/// The server refuses.
pub fn leave_sends(server: &Server, database: &str, schema: &str, sends: &[OldSend<'_>]) {
    let now = "(now() AT TIME ZONE 'UTC')";
    for &OldSend { channel, target, password, ip, seconds_ago, lifetime } in sends {
        let ip = ip.map_or("NULL".to_owned(), |ip| format!("'{ip}'"));
        let row = format!(
            "INSERT INTO \"{schema}\".otp_password (channel, target, password, ip, expire_at, created_at) VALUES
             ({channel}, '{target}', '{password}', {ip}, {now} + interval '{} seconds', {now} - interval '{seconds_ago} seconds')",
            lifetime - seconds_ago
        );
        server.query(database, &row);
    }
}

/// Sets the original's limits: channel, measure (0 by target, 1 by IP address), rate, minutes.
///
/// # Panics
/// The server refuses.
pub fn leave_limits(server: &Server, database: &str, schema: &str, limits: &[(i16, i16, i32, i32)]) {
    for (channel, measure, rate, minutes) in limits {
        let row = format!(
            "INSERT INTO \"{schema}\".otp_limit (channel, measure, rate, minutes) VALUES ({channel}, {measure}, {rate}, {minutes})"
        );
        server.query(database, &row);
    }
}

/// All that the original's tables hold, to compare.
///
/// # Panics
/// The server refuses.
pub fn what_is_left(server: &Server, database: &str, schema: &str) -> String {
    let rows = |table: &str| format!("SELECT t::text FROM \"{schema}\".{table} t");
    server.query(database, &format!("{} UNION ALL {} ORDER BY 1", rows("otp_password"), rows("otp_limit")))
}

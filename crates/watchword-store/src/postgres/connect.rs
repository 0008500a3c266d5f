//! Making ready: waiting for a server that is still starting, creating the database, the tables and the functions.

use std::time::Duration;

use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::errors::{Failure, Problem, of_unsent};
use super::migrate::migrate;
use super::pool::pause;
use super::url::PostgresUrl;

/// How long between two looks for a server.
const PAUSE: Duration = Duration::from_secs(3);
/// How long a server may take to answer a new connection.
const CONNECTING: Duration = Duration::from_secs(10);
/// The database that every server has, to create others from.
const MAINTENANCE: &str = "postgres";

/// How to get to the server itself, past a pooler.
pub(super) fn straight(url: &PostgresUrl) -> Config {
    let mut config = url.config.clone();
    if let Some((host, port)) = &url.real_host {
        // Hosts can only be added.
        config = without_hosts(&url.config);
        let given = url.config.get_ports().first().copied();
        config.host(host).port(port.or(given).unwrap_or(5432));
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECTING);
    }
    config
}

fn without_hosts(given: &Config) -> Config {
    let mut config = Config::new();
    if let Some(user) = given.get_user() {
        config.user(user);
    }
    if let Some(password) = given.get_password() {
        config.password(password);
    }
    if let Some(database) = given.get_dbname() {
        config.dbname(database);
    }
    if let Some(name) = given.get_application_name() {
        config.application_name(name);
    }
    if let Some(options) = given.get_options() {
        config.options(options);
    }
    if let Some(timeout) = given.get_connect_timeout() {
        config.connect_timeout(*timeout);
    }
    config.ssl_mode(given.get_ssl_mode()).channel_binding(given.get_channel_binding());
    config.keepalives(given.get_keepalives()).keepalives_idle(given.get_keepalives_idle());
    config
}

/// Brings the database to what this version needs.
pub(super) async fn prepare(
    config: &Config,
    tls: &MakeRustlsConnect,
    plain_schema: &str,
    quoted_schema: &str,
    creates: bool,
    patience: Option<Duration>,
) -> Result<(), Problem> {
    let mut client = wait_for(config, tls, creates, patience).await?;
    is_utf8(&client).await?;
    migrate(&mut client, plain_schema, quoted_schema).await
}

/// A text that another encoding has no letters for would be refused when it comes, and what SQL_ASCII takes it may not give back.
async fn is_utf8(client: &Client) -> Result<(), Problem> {
    for message in client.simple_query("SHOW server_encoding").await? {
        if let SimpleQueryMessage::Row(row) = message {
            let encoding = row.get(0).unwrap_or_default();
            return if encoding == "UTF8" { Ok(()) } else { Err(Problem::Encoding(encoding.to_owned())) };
        }
    }
    Ok(())
}

/// A connection to the database, however long the server takes to be there.
async fn wait_for(
    config: &Config,
    tls: &MakeRustlsConnect,
    creates: bool,
    patience: Option<Duration>,
) -> Result<Client, Problem> {
    let mut waited = Duration::ZERO;
    loop {
        let error = match connect(config, tls).await {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        let is_missing = error.code() == Some(&SqlState::INVALID_CATALOG_NAME);
        let failure = if is_missing && creates {
            match create_database(config, tls).await {
                Ok(()) => continue,
                Err(error) => of_unsent(error),
            }
        } else {
            of_unsent(error)
        };
        let Failure::NotYet(reason) = failure else { return Err(failure.into()) };
        if patience.is_some_and(|patience| waited >= patience) {
            return Err(Problem::Server(reason));
        }
        tracing::warn!(server = %hosts(config), %reason, "PostgreSQL is not there yet; waiting for it");
        pause(PAUSE).await;
        waited += PAUSE;
    }
}

/// Whoever comes first creates it, and the others find it.
async fn create_database(config: &Config, tls: &MakeRustlsConnect) -> Result<(), tokio_postgres::Error> {
    let name = config.get_dbname().unwrap_or_default();
    let mut maintenance = config.clone();
    maintenance.dbname(MAINTENANCE);
    let client = connect(&maintenance, tls).await?;
    let statement = format!("CREATE DATABASE \"{}\" ENCODING 'UTF8'", name.replace('"', "\"\""));
    match client.batch_execute(&statement).await {
        Ok(()) => {
            tracing::info!(database = name, "the database is created");
            Ok(())
        }
        Err(error) => {
            let others = [SqlState::DUPLICATE_DATABASE, SqlState::UNIQUE_VIOLATION];
            if error.code().is_some_and(|code| others.contains(code)) { Ok(()) } else { Err(error) }
        }
    }
}

/// A connection that nobody shares; it ends with the client.
pub(super) async fn connect(
    config: &Config,
    tls: &MakeRustlsConnect,
) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(tls.clone()).await?;
    tokio::spawn(async move {
        // What is under way on it fails by itself.
        let _ = connection.await;
    });
    Ok(client)
}

fn hosts(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    hosts.collect::<Vec<_>>().join(",")
}

//! Hearing of deliveries that are due, over a connection of its own.
//!
//! It goes straight to the server: a pooler in transaction mode takes a `LISTEN`, and nobody ever hears what comes of it. Where
//! only a pooler can be reached there is nothing to hear, and what is due is found by asking.

use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{Either, select};
use futures::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::connect;
use super::errors::told;
use super::pool::pause;

/// What `watchword_wake_v1` tells on.
const CHANNEL: &str = "watchword_due";
/// How long after a connection broke, or could not be had, the next one is made.
const PAUSE: Duration = Duration::from_secs(3);
/// How long the server may take to begin to tell.
const BEGINNING: Duration = Duration::from_secs(10);
/// A connection that is silent this long is asked whether it lives, for it has nothing else to say for hours.
const IDLE: Duration = Duration::from_secs(30);

/// A setting that is ours: it reaches the server with a connection of its own, and no other way.
const IS_STRAIGHT: &str = "watchword.straight";

/// Why nothing is heard any more over a connection.
enum Silence {
    /// There is a pooler between.
    Pooled,
    /// It broke.
    Broken(Box<dyn std::error::Error + Send + Sync>),
    /// Nobody wants to hear.
    Unwanted,
}

/// Tells whenever a delivery of that schema (its name quoted) is due that nobody claimed. It ends where nothing can be heard.
pub(super) fn wake_ups(mut config: Config, tls: MakeRustlsConnect, schema: String) -> BoxStream<'static, ()> {
    mark(&mut config);
    config.keepalives_idle(IDLE);
    // One is as good as many.
    let (tell, told) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            match listen(&config, &tls, &schema, &tell).await {
                Silence::Unwanted => return,
                Silence::Pooled => {
                    tracing::info!(
                        "the database is behind a pooler: what is due is found by asking, once a second"
                    );
                    return;
                }
                Silence::Broken(reason) => {
                    tracing::debug!(%reason, "nothing is heard of what is due; trying again");
                }
            }
            if let Either::Left(_) = select(Box::pin(tell.closed()), Box::pin(pause(PAUSE))).await {
                return;
            }
        }
    });
    stream::unfold(told, |mut told| async { told.recv().await.map(|()| ((), told)) }).boxed()
}

/// Has a connection carry our setting.
fn mark(config: &mut Config) {
    let options = config.get_options().unwrap_or_default();
    config.options(format!("{options} -c {IS_STRAIGHT}=on"));
}

/// Whether the server is behind a pooler, so that nothing is heard over a connection made like this.
pub(super) async fn is_pooler(
    mut config: Config,
    tls: &MakeRustlsConnect,
) -> Result<bool, tokio_postgres::Error> {
    mark(&mut config);
    match connect(&config, tls).await {
        Ok(client) => is_straight(&client).await.map(|straight| !straight),
        Err(error) if is_refused_by_pooler(&error) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Poolers refuse settings that they don't know.
fn is_refused_by_pooler(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|said| said.message().contains("startup parameter"))
}

async fn listen(config: &Config, tls: &MakeRustlsConnect, schema: &str, tell: &mpsc::Sender<()>) -> Silence {
    let (client, mut connection) = match config.connect(tls.clone()).await {
        Ok(connected) => connected,
        Err(error) if is_refused_by_pooler(&error) => return Silence::Pooled,
        Err(error) => return Silence::Broken(told(error)),
    };
    let hearing = async {
        let mut messages = stream::poll_fn(|context| connection.poll_message(context));
        while let Some(message) = messages.next().await {
            match message {
                Ok(AsyncMessage::Notification(due))
                    if due.channel() == CHANNEL && due.payload() == schema =>
                {
                    // Where one waits to be heard already, it tells this one too.
                    let _ = tell.try_send(());
                }
                Ok(_) => {}
                Err(error) => return Silence::Broken(told(error)),
            }
        }
        Silence::Broken("the server closed the connection".into())
    };
    let beginning = async {
        match timeout(BEGINNING, begin(&client)).await {
            Ok(Ok(true)) => {
                // What was due before is found now.
                let _ = tell.try_send(());
                tell.closed().await;
                Silence::Unwanted
            }
            Ok(Ok(false)) => Silence::Pooled,
            Ok(Err(error)) => Silence::Broken(told(error)),
            Err(elapsed) => Silence::Broken(elapsed.into()),
        }
    };
    match select(Box::pin(hearing), Box::pin(beginning)).await {
        Either::Left((silence, _)) | Either::Right((silence, _)) => silence,
    }
}

/// Whether the server itself is on the other side.
async fn is_straight(client: &Client) -> Result<bool, tokio_postgres::Error> {
    let statement = format!("SELECT current_setting('{IS_STRAIGHT}', true) IS NOT DISTINCT FROM 'on'");
    client.query_typed_one(&statement, &[]).await?.try_get(0)
}

/// Whether the server itself is on the other side, and begins to tell.
async fn begin(client: &Client) -> Result<bool, tokio_postgres::Error> {
    if !is_straight(client).await? {
        return Ok(false);
    }
    client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
    Ok(true)
}

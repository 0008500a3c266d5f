//! `watchword telegram poll`: the bot's updates, asked for.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, join, select};
use watchword_core::parts::Parts;
use watchword_core::ports::{Clock, Silent};
use watchword_delivery::telegram::{Bot, BotError, Poll};
use watchword_http::dialects::perfumer::telegram::Updates;

use super::super::site::{Site, SiteError};
use super::super::{CommandError, block_on, server_runtime};
use super::{PAUSE, TelegramError};
use crate::clock::keep_anchored;
use crate::keys;
use crate::lifecycle::{Ended, HELD_DELIVERIES_WITHIN, Signals};
use crate::random::OsRandom;
use crate::tasks::BackgroundTasks;
use crate::telemetry;
use crate::wiring::{perfumer_settings, sending_engine};

/// How long the Bot API may take to hear, at the end, what was answered.
const CONFIRMING: Duration = Duration::from_secs(3);

pub(super) fn run(site: &Site, bot: Bot) -> Result<Ended, CommandError> {
    let runtime = server_runtime()?;
    let traces = telemetry::start(&site.config.log, &site.config.telemetry);
    let ended = block_on(runtime, answer_all(site, bot));
    traces.shutdown();
    ended
}

/// Answers until it is told to stop, and finishes what it began. A second signal ends it at once.
async fn answer_all(site: &Site, bot: Bot) -> Result<Ended, TelegramError> {
    let mut signals = Signals::new().map_err(TelegramError::Signals)?;
    // What can't work is found out before the store is touched.
    match bot.name().await {
        Ok(name) => tracing::info!(bot = name, "polling Telegram for what people write to the bot"),
        Err(error) if error.passes_after().is_some() => tracing::warn!("{error}; trying again"),
        Err(error) => return Err(error.into()),
    }
    let store = site.store().await?;
    let keyring = keys::open_existing(&site.config.keys, &*store).await.map_err(SiteError::from)?;
    let tasks = BackgroundTasks::default();
    let parts = Parts {
        store: Arc::clone(&store.store),
        clock: Arc::clone(&site.clock) as _,
        random: Arc::new(OsRandom),
        tasks: Arc::new(tasks.clone()),
        observer: Arc::new(Silent),
        keyring: Arc::new(keyring),
    };
    let (engine, dispatcher) = sending_engine(&site.config, &parts)?;
    let updates = Updates::new(engine, Arc::new(perfumer_settings(&site.config)));
    let anchoring = tokio::spawn(keep_anchored((*site.clock).clone(), Arc::clone(&parts.store)));
    let dispatching = {
        let dispatcher = dispatcher.clone();
        tokio::spawn(async move { dispatcher.run().await })
    };

    let mut poll = Poll::new(bot);
    let answered = answer(&mut poll, &updates, &*site.clock, &mut signals).await;
    let finish = async {
        let confirming = Box::pin(poll.confirm());
        let confirmed_until = parts.clock.sleep_until(parts.clock.now().after(CONFIRMING));
        // What Telegram does not hear of comes again, and is known then.
        let _ = select(confirming, confirmed_until).await;
        dispatcher.stop();
        let held_until = parts.clock.sleep_until(parts.clock.now().after(HELD_DELIVERIES_WITHIN));
        if let Either::Right(_) = select(Box::pin(join(dispatching, tasks.finished())), held_until).await {
            let held = dispatcher.held();
            tracing::warn!(held, "answers in hand were not finished; whoever starts next sends them");
        }
        anchoring.abort();
        store.close().await;
    };
    match select(Box::pin(finish), Box::pin(signals.next())).await {
        Either::Left(_) => {
            tracing::info!("stopped");
            answered.map(|()| Ended::Drained)
        }
        Either::Right((signal, _)) => {
            tracing::warn!(signal, "told again: stopping at once");
            Ok(Ended::AtOnce)
        }
    }
}

/// Answers one update after the other until a signal comes.
async fn answer(
    poll: &mut Poll,
    updates: &Updates,
    clock: &dyn Clock,
    signals: &mut Signals,
) -> Result<(), TelegramError> {
    loop {
        let wait = match next(poll, updates, signals).await? {
            Next::Stop => return Ok(()),
            Next::Again => continue,
            Next::After(wait) => wait,
        };
        let waited = clock.sleep_until(clock.now().after(wait));
        if let Either::Left((signal, _)) = select(Box::pin(signals.next()), waited).await {
            tell_stop(signal);
            return Ok(());
        }
    }
}

/// What is to be done after a call.
enum Next {
    Stop,
    Again,
    After(Duration),
}

async fn next(poll: &mut Poll, updates: &Updates, signals: &mut Signals) -> Result<Next, TelegramError> {
    let asked = {
        let asking = Box::pin(poll.next());
        match select(Box::pin(signals.next()), asking).await {
            Either::Left((signal, _)) => {
                tell_stop(signal);
                return Ok(Next::Stop);
            }
            Either::Right((asked, _)) => asked,
        }
    };
    let page = match asked {
        Ok(page) => page,
        Err(error) => return after(error),
    };
    for update in &page {
        match updates.handle(update.json.as_bytes()).await {
            Ok(handled) => {
                handled.log();
                poll.handled(update);
            }
            Err(error) => {
                // It comes again, and so do those after it.
                tracing::warn!(code = error.code(), %error, "a Telegram update can't be answered now; trying again");
                return Ok(Next::After(PAUSE));
            }
        }
    }
    Ok(Next::Again)
}

fn tell_stop(signal: &'static str) {
    tracing::info!(signal, "stopping: answers in hand are finished first");
}

/// When the Bot API is asked again; an error where asking again is of no use.
fn after(error: BotError) -> Result<Next, TelegramError> {
    let Some(wait) = error.passes_after() else { return Err(error.into()) };
    tracing::warn!("{error}; trying again");
    Ok(Next::After(wait.max(PAUSE)))
}

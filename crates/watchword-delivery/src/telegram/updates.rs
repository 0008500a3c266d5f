//! Long polling: a bot's updates, one after the other, none lost.

use std::time::Duration;

use super::bot::{Bot, BotError};
use super::update::Update;

/// How long the Bot API is asked to wait for an update.
const WAIT: Duration = Duration::from_secs(50);

/// A bot that is polled. Telegram keeps an update, for a day, until [`Self::handled`] was told of it and the next call
/// was made: what is lost on the way, or was being handled when the process died, comes again.
#[derive(Debug)]
pub struct Poll {
    bot: Bot,
    wait: Duration,
    /// Past all that was handled; `None`: Telegram knows of all that was.
    offset: Option<i64>,
}

impl Poll {
    /// Nothing is asked for yet.
    pub const fn new(bot: Bot) -> Self {
        Self { bot, wait: WAIT, offset: None }
    }

    /// The same, with another time, in whole seconds, that the Bot API is asked to wait for an update: 50 s by default.
    #[must_use]
    pub const fn waiting(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// The next updates, oldest first, 20 at most; none where none came in time. Safe to drop.
    ///
    /// # Errors
    /// [`BotError`]. Nothing is confirmed, then; [`BotError::passes_after`] tells whether to try again.
    pub async fn next(&mut self) -> Result<Vec<Update>, BotError> {
        let updates = self.bot.updates(self.offset, self.wait).await?;
        if updates.is_empty() {
            // All that was handled is confirmed. After a quiet week Telegram begins again at any number, which may be lower.
            self.offset = None;
        }
        Ok(updates)
    }

    /// That this update, and those that came before it, need not come again.
    pub fn handled(&mut self, update: &Update) {
        let next = update.id.saturating_add(1);
        self.offset = Some(self.offset.map_or(next, |offset| offset.max(next)));
    }

    /// Tells Telegram what was handled, where it does not know yet. For the end of polling.
    ///
    /// # Errors
    /// [`BotError`]. What was handled may come again, then.
    pub async fn confirm(&mut self) -> Result<(), BotError> {
        if self.offset.is_some() {
            self.bot.updates(self.offset, Duration::ZERO).await?;
            self.offset = None;
        }
        Ok(())
    }
}

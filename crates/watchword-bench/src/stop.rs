//! Ctrl-C: the first asks to end early and report what there is, the second ends at once.

use tokio::sync::watch;

use crate::error::Error;

/// Knows whether it was asked to end early.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

/// Asks to end early.
pub(crate) struct Stopper(watch::Sender<bool>);

/// Both ends.
pub(crate) fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    pub(crate) fn ask(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    pub(crate) fn asked(&self) -> bool {
        *self.0.borrow()
    }

    /// An error once it was asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`].
    pub(crate) fn or_go_on(&self) -> Result<(), Error> {
        if self.asked() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Waits until it is asked for; for ever where nobody can ask any more.
    pub(crate) async fn wait(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

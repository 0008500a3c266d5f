use watchword_core::ports::{Check, CheckOutcome};
use watchword_core::transition::{CheckWrite, CountWrite};
use watchword_core::verification::Verification;

/// What a broken store does wrong. Each is a mistake that real stores make; the suite must notice every one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Starts and checks read, let others in, and then write.
    ReadThenWrite,
    /// The passcode is compared before the check is counted: the right one is still right in the check that locks.
    CountAfterCompare,
    /// Whoever had a delivery once may settle it.
    UnfencedSettle,
    /// A throttle rule lets one more through.
    LimitOffByOne,
    /// A message is handed back as claimed, and not stored.
    LostOutboxRow,
    /// A passcode is still right when its time is over.
    ExpiryIgnored,
    /// A wrong guess sets the count of wrong guesses back, as a right one does.
    ResetOnWrongGuess,
    /// Hastening takes a message away from the node that is sending it.
    HastenedWhileHeld,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ReadThenWrite,
        Self::CountAfterCompare,
        Self::UnfencedSettle,
        Self::LimitOffByOne,
        Self::LostOutboxRow,
        Self::ExpiryIgnored,
        Self::ResetOnWrongGuess,
        Self::HastenedWhileHeld,
    ];

    /// Breaks what a check is given.
    pub(super) fn before_check(self, check: &mut Check, found: &[(usize, Verification)]) {
        if self == Self::ExpiryIgnored
            && let Some(started) = found.iter().map(|(_, verification)| verification.created_at).max()
        {
            check.now = started;
        }
    }

    /// Breaks what a check decides.
    pub(super) fn after_check(self, check: &Check, found: &[(usize, Verification)], write: &mut CheckWrite) {
        match self {
            Self::CountAfterCompare => {
                let right = found.iter().find(|(guess, verification)| {
                    let digests = &check.guesses[*guess].digests;
                    !verification.is_locked() && digests.contains(&verification.passcode.check)
                });
                if let (CheckOutcome::Locked(shown), Some(_)) = (&write.outcome, right) {
                    write.outcome = CheckOutcome::Approved(shown.clone());
                }
            }
            Self::ResetOnWrongGuess => {
                if let CountWrite::Set(_) = write.count {
                    write.count = CountWrite::Clear;
                }
            }
            _ => {}
        }
    }
}

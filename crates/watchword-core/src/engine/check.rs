//! Checking a guess.

use std::sync::Arc;

use super::Engine;
use crate::address::Target;
use crate::error::Error;
use crate::keyring::Binding;
use crate::namespace::Namespace;
use crate::passcode::Passcode;
use crate::ports::{Check, CheckOutcome, Guess, Selector};
use crate::verification::{ExternalId, OnRight, Verification};

/// What a guess is checked against.
#[derive(Clone, Debug)]
pub enum CheckBy {
    /// The live verification of that external id.
    Id(ExternalId),
    /// All live verifications of any of these targets.
    Targets(Vec<Target>),
}

/// What a dialect asks for when a person typed a code.
#[derive(Clone, Debug)]
pub struct CheckRequest {
    /// Whose.
    pub namespace: Namespace,
    /// Against which.
    pub by: CheckBy,
    /// What was typed.
    pub passcode: Passcode,
    /// What a right one does; `None`: as the verification says.
    pub on_right: Option<OnRight>,
    /// Whether an approved verification takes its passcode again.
    pub approved_again: bool,
}

impl Engine {
    /// Checks a guess. `Ok`: it is right, and whatever it does is done and durable.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Wrong`], [`Error::Used`], [`Error::Locked`], [`Error::Refused`], [`Error::UnknownKey`], [`Error::Store`].
    pub async fn check(&self, request: CheckRequest) -> Result<Arc<Verification>, Error> {
        let CheckRequest { namespace, by, passcode, on_right, approved_again } = request;
        let guess = |selector, binding: Binding<'_>| {
            let digests = self.parts.keyring.digests(&namespace, binding, &passcode);
            Guess { selector, digests }
        };
        let guesses = match by {
            CheckBy::Id(id) => vec![guess(Selector::Id(id.clone()), Binding::External(&id))],
            CheckBy::Targets(targets) => {
                let per_target =
                    |target: Target| guess(Selector::Target(target.clone()), Binding::Target(&target));
                targets.into_iter().map(per_target).collect()
            }
        };
        let command = Check {
            now: self.now(),
            guesses,
            on_right,
            approved_again,
            guess_rule: self.settings.guess,
            namespace,
        };
        let checked = match self.parts.store.check(command).await {
            Ok(CheckOutcome::Approved(verification)) => Ok(verification),
            Ok(CheckOutcome::Wrong(verification)) => Err(Error::Wrong(verification)),
            Ok(CheckOutcome::Used(verification)) => Err(Error::Used(verification)),
            Ok(CheckOutcome::Locked(verification)) => Err(Error::Locked(verification)),
            Ok(CheckOutcome::Refused { verification, until }) => Err(Error::Refused { verification, until }),
            Ok(CheckOutcome::UnknownKey(key)) => Err(Error::UnknownKey(key)),
            Ok(CheckOutcome::Gone) => Err(Error::Gone),
            Err(error) => Err(error.into()),
        };
        self.parts.observer.checked(checked.as_ref().map_or_else(Error::code, |_| "approved"));
        checked
    }
}

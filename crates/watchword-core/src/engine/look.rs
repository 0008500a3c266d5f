//! Looking at verifications, giving them up, deleting them, and unlocking targets.

use std::sync::Arc;

use super::Engine;
use crate::address::{Address, Channel, Target};
use crate::error::Error;
use crate::keyring::{Binding, Keyring, Subject};
use crate::namespace::Namespace;
use crate::passcode::{Passcode, PasscodeDigest};
use crate::ports::{DeleteOutcome, NewestTarget, Select, Selector};
use crate::throttle::{ThrottleRule, ThrottleRules};
use crate::verification::{ExternalId, State, Verification, Vid};

impl Engine {
    /// The live verification of that external id.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Store`].
    pub async fn get(&self, namespace: &Namespace, id: &ExternalId) -> Result<Arc<Verification>, Error> {
        let found = self.parts.store.get(self.select(namespace, Selector::Id(id.clone()))).await?;
        found.ok_or(Error::Gone)
    }

    /// As [`Self::get`], if it is approved; also when its attempts are used up since.
    ///
    /// # Errors
    /// [`Error::NotApproved`] and those of [`Self::get`].
    pub async fn get_approved(
        &self,
        namespace: &Namespace,
        id: &ExternalId,
    ) -> Result<Arc<Verification>, Error> {
        let found = self.get(namespace, id).await?;
        if found.state == State::Approved { Ok(found) } else { Err(Error::NotApproved(found)) }
    }

    /// The verification with that id, live or not, while it is kept.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Store`].
    pub async fn find(&self, vid: Vid) -> Result<Arc<Verification>, Error> {
        self.parts.store.find(vid, self.now()).await?.ok_or(Error::Gone)
    }

    /// Gives up the live verification of that external id; what is unsent stays unsent.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Store`].
    pub async fn cancel(&self, namespace: &Namespace, id: &ExternalId) -> Result<Arc<Verification>, Error> {
        let canceled = self.parts.store.cancel(self.select(namespace, Selector::Id(id.clone()))).await?;
        canceled.ok_or(Error::Gone)
    }

    /// Deletes the live verification of that external id if it is approved.
    ///
    /// # Errors
    /// [`Error::NotApproved`], [`Error::Gone`], [`Error::Store`].
    pub async fn delete_if_approved(
        &self,
        namespace: &Namespace,
        id: &ExternalId,
    ) -> Result<Arc<Verification>, Error> {
        match self.parts.store.delete_if_approved(self.select(namespace, Selector::Id(id.clone()))).await? {
            DeleteOutcome::Deleted(verification) => Ok(verification),
            DeleteOutcome::NotApproved(verification) => Err(Error::NotApproved(verification)),
            DeleteOutcome::Gone => Err(Error::Gone),
        }
    }

    /// The newest live target of a channel that holds this passcode. Too many misses in a row look like a miss.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn newest_target(
        &self,
        namespace: &Namespace,
        channel: &Channel,
        passcode: &Passcode,
    ) -> Result<Option<Target>, Error> {
        let look_up = NewestTarget {
            namespace: namespace.clone(),
            now: self.now(),
            channel: channel.clone(),
            digests: self.look_up_digests(namespace, Binding::Channel(channel), passcode),
            subject: self.parts.keyring.subject(namespace, Subject::LookUps(channel)),
            lookup_rule: self.settings.lookup,
        };
        Ok(self.parts.store.newest_target(look_up).await?)
    }

    /// The newest live passcode of an address, over these channels.
    ///
    /// # Errors
    /// [`Error::UnknownKey`], [`Error::Damaged`], [`Error::Store`].
    pub async fn newest_passcode(
        &self,
        namespace: &Namespace,
        address: &Address,
        channels: &[Channel],
    ) -> Result<Option<Passcode>, Error> {
        let target = |channel: &Channel| Target { channel: channel.clone(), address: address.clone() };
        let targets = channels.iter().map(target).collect();
        let Some(row) = self.parts.store.newest_passcode(namespace.clone(), self.now(), targets).await?
        else {
            return Ok(None);
        };
        self.open_passcode(namespace, row.vid, &row.sealed).map(Some)
    }

    /// Replaces a channel's throttle rules; `None` leaves those of that kind alone.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn put_rules(
        &self,
        namespace: &Namespace,
        channel: &Channel,
        by_ip: Option<Vec<ThrottleRule>>,
        by_target: Option<Vec<ThrottleRule>>,
    ) -> Result<(), Error> {
        Ok(self.parts.store.put_rules(namespace.clone(), channel.clone(), by_ip, by_target).await?)
    }

    /// A channel's throttle rules.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn get_rules(&self, namespace: &Namespace, channel: &Channel) -> Result<ThrottleRules, Error> {
        Ok(self.parts.store.get_rules(namespace.clone(), channel.clone()).await?)
    }

    /// Forgets the wrong guesses of an address, or of an external id by that name. `false`: there were none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn unlock(&self, namespace: &Namespace, target: &Address) -> Result<bool, Error> {
        let subjects = guess_subjects(&self.parts.keyring, namespace, target);
        Ok(self.parts.store.unlock(namespace.clone(), subjects).await?)
    }

    fn select(&self, namespace: &Namespace, selector: Selector) -> Select {
        Select { namespace: namespace.clone(), now: self.now(), selector }
    }

    pub(super) fn look_up_digests(
        &self,
        namespace: &Namespace,
        binding: Binding<'_>,
        passcode: &Passcode,
    ) -> Vec<PasscodeDigest> {
        self.parts
            .keyring
            .digests(namespace, binding, passcode)
            .into_iter()
            .map(|keyed| keyed.digest)
            .collect()
    }
}

/// Every row that wrong guesses for `target` may be counted in, under any key.
fn guess_subjects(
    keyring: &Keyring,
    namespace: &Namespace,
    target: &Address,
) -> Vec<crate::keyring::SubjectKey> {
    let mut subjects = keyring.subjects(namespace, Subject::Guesses(&target.canonical()));
    if let Ok(id) = ExternalId::new(target.given()) {
        subjects.extend(keyring.subjects(namespace, Subject::GuessesOf(&id)));
    }
    subjects
}

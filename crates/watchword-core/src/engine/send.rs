//! Sending once more, and to an address that was asked for later.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::unabandoned::Unabandoned;
use super::{Composing, Engine, ThrottleBy, Words};
use crate::address::{Address, Channel, Target};
use crate::delivery::{DeliveryMode, NewDelivery};
use crate::dispatcher::{Attached, Prepared};
use crate::error::Error;
use crate::namespace::Namespace;
use crate::passcode::Passcode;
use crate::ports::{Resend, Selector, SendOutcome, SetAddress, StoreError};
use crate::time::Timestamp;
use crate::verification::{ExternalId, Verification};

/// How often a message is composed anew because the verification was replaced meanwhile.
const TRIES: usize = 3;

/// What a dialect asks for when the same passcode is to be sent again.
#[derive(Clone, Debug)]
pub struct ResendRequest {
    /// Whose.
    pub namespace: Namespace,
    /// Which.
    pub external_id: ExternalId,
    /// At least so long after the last message.
    pub cool_down: Duration,
    /// The throttle rules that apply.
    pub throttle: Option<ThrottleBy>,
    /// Whether the caller waits.
    pub mode: DeliveryMode,
}

/// What a dialect asks for when a person gave the address.
#[derive(Clone, Debug)]
pub struct AddressRequest {
    /// Whose.
    pub namespace: Namespace,
    /// Which.
    pub external_id: ExternalId,
    /// The medium.
    pub channel: Channel,
    /// The address.
    pub address: Address,
    /// The throttle rules that apply.
    pub throttle: Option<ThrottleBy>,
    /// Whether the caller waits.
    pub mode: DeliveryMode,
}

/// A message that is durable in the outbox.
#[derive(Debug)]
pub struct Sent {
    /// As stored.
    pub verification: Arc<Verification>,
    /// The message on its way, where the caller waits for it.
    pub delivery: Option<Attached>,
}

impl Engine {
    /// Sends the same passcode to the same address once more.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::AddressMissing`], [`Error::Locked`], [`Error::TooSoon`], [`Error::Throttled`],
    /// [`Error::Overloaded`], [`Error::Store`]. Nothing was sent, then.
    pub async fn resend(
        &self,
        request: ResendRequest,
        compose: impl Fn(&Verification, &Passcode) -> Words,
    ) -> Result<Sent, Error> {
        let selector = Selector::Id(request.external_id.clone());
        for _ in 0..TRIES {
            let now = self.now();
            let found = self.get(&request.namespace, &request.external_id).await?;
            let Some(target) = &found.target else { return Err(Error::AddressMissing(found)) };
            let (delivery, prepared) = self.compose_for(&found, &target.address, now, &compose)?;
            let command = Resend {
                namespace: request.namespace.clone(),
                now,
                selector: selector.clone(),
                expected: found.vid,
                cool_down: request.cool_down,
                throttle: self.throttle(
                    request.throttle.as_ref(),
                    &request.namespace,
                    &target.channel,
                    Some(&target.address),
                ),
                deliveries: vec![delivery],
                claimant: self.dispatcher.claimant(request.mode, now)?,
            };
            let store = Arc::clone(&self.parts.store);
            if let Some(sent) = self
                .commit(Box::pin(async move { store.resend(command).await }), prepared, request.mode)
                .await?
            {
                return Ok(sent);
            }
        }
        Err(Error::Overloaded)
    }

    /// Gives a verification the address it lacks, and sends its passcode there.
    ///
    /// # Errors
    /// [`Error::AddressSet`] and those of [`Self::resend`].
    pub async fn set_address(
        &self,
        request: AddressRequest,
        compose: impl Fn(&Verification, &Passcode) -> Words,
    ) -> Result<Sent, Error> {
        for _ in 0..TRIES {
            let now = self.now();
            let found = self.get(&request.namespace, &request.external_id).await?;
            if found.target.is_some() {
                return Err(Error::AddressSet(found));
            }
            let target = Target { channel: request.channel.clone(), address: request.address.clone() };
            let shown = Verification { target: Some(target.clone()), ..(*found).clone() };
            let (delivery, prepared) = self.compose_for(&shown, &request.address, now, &compose)?;
            let command = SetAddress {
                namespace: request.namespace.clone(),
                now,
                external_id: request.external_id.clone(),
                expected: found.vid,
                guess_subject: self.guess_subject(&request.namespace, Some(&request.address), None),
                throttle: self.throttle(
                    request.throttle.as_ref(),
                    &request.namespace,
                    &target.channel,
                    Some(&target.address),
                ),
                deliveries: vec![delivery],
                claimant: self.dispatcher.claimant(request.mode, now)?,
                target,
            };
            let store = Arc::clone(&self.parts.store);
            if let Some(sent) = self
                .commit(Box::pin(async move { store.set_address(command).await }), prepared, request.mode)
                .await?
            {
                return Ok(sent);
            }
        }
        Err(Error::Overloaded)
    }

    fn compose_for(
        &self,
        verification: &Verification,
        address: &Address,
        now: Timestamp,
        compose: impl Fn(&Verification, &Passcode) -> Words,
    ) -> Result<(NewDelivery, Prepared), Error> {
        // Only dialects that keep the passcode can send it again.
        let passcode = self.passcode_of(verification)?.ok_or(Error::Gone)?;
        let context = Composing {
            namespace: &verification.namespace,
            route: &verification.route,
            address,
            ttl_seconds: now.until(verification.expires_at).as_secs(),
            now,
        };
        Ok(self.new_delivery(&context, &passcode, compose(verification, &passcode)))
    }

    /// Runs a store operation that adds messages, and hands its claims on, even when the caller goes away. `None`: it was replaced meanwhile.
    async fn commit(
        &self,
        operation: BoxFuture<'static, Result<SendOutcome, StoreError>>,
        prepared: Prepared,
        mode: DeliveryMode,
    ) -> Result<Option<Sent>, Error> {
        let dispatcher = self.dispatcher.clone();
        let sending = async move {
            match operation.await? {
                SendOutcome::Sent { verification, claims } => {
                    let delivery = dispatcher.accept(claims, vec![prepared], mode, &verification);
                    Ok(Some(Sent { verification, delivery }))
                }
                SendOutcome::Changed => Ok(None),
                SendOutcome::Locked(verification) => Err(Error::Locked(verification)),
                SendOutcome::AddressSet(verification) => Err(Error::AddressSet(verification)),
                SendOutcome::TooSoon { at } => Err(Error::TooSoon { retry_at: at }),
                SendOutcome::Throttled(throttled) => Err(throttled.into()),
                SendOutcome::SubjectMissing(kind) => Err(Error::SubjectMissing(kind)),
                SendOutcome::Gone => Err(Error::Gone),
            }
        };
        Unabandoned::new(&self.parts.tasks, sending).await
    }
}

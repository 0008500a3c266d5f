//! Beginning a verification: what the function takes, and what the answer means.

use std::sync::Arc;

use tokio_postgres::types::Type;
use watchword_core::address::Channel;
use watchword_core::passcode::{PasscodeDigest, Sealed};
use watchword_core::ports::{OnLive, Start, StartOutcome, StoreError};
use watchword_core::verification::{ExternalId, State, Verification};

use super::PostgresStore;
use super::call::Parameter;
use super::values::{
    Claiming, Messages, Read, Throttling, Unreadable, key_of_id, key_of_target, millis, on_right_number,
    subject,
};
use super::verifications::{claims, record};

impl PostgresStore {
    pub(super) async fn begin(&self, start: Start) -> Result<StartOutcome, StoreError> {
        let row = {
            let (namespace, now, vid) =
                (start.namespace.as_str(), start.now.as_millis(), start.vid.as_uuid());
            let external_id = start.external_id.as_ref().map(ExternalId::as_str);
            let name_key = match (&start.external_id, &start.target) {
                (Some(id), _) => Some(key_of_id(&start.namespace, id)),
                (None, Some(target)) => Some(key_of_target(&start.namespace, target)),
                (None, None) => None,
            };
            let channel = start.target.as_ref().map(|target| target.channel.as_str());
            let address = start.target.as_ref().map(|target| target.address.given());
            let (route, guess_subject) = (start.route.as_str(), subject(start.guess_subject));
            let on_live: i16 = match start.on_live {
                OnLive::Replace => 0,
                OnLive::Reuse => 1,
                OnLive::Add => 2,
                OnLive::Refuse => 3,
            };
            let unique_in = start.unique_in.as_ref().map(Channel::as_str);
            let (max_attempts, max_sends) =
                (start.limits.max_attempts.map(i64::from), start.limits.max_sends.map(i64::from));
            let (expires_at, kept_after) = (start.expires_at.as_millis(), millis(start.kept_after));
            let garbage_at = start.expires_at.after(start.kept_after).as_millis();
            let on_right = on_right_number(start.on_right);
            let attributes = &start.attributes;
            let (channel_description, address_description) =
                (attributes.channel_description.as_bytes(), attributes.address_description.as_bytes());
            let extra = attributes.extra.as_deref().map(str::as_bytes);
            let throttling = Throttling::of(start.throttle.as_ref());
            let dedupe_key = start.dedupe.as_ref().map(|dedupe| subject(dedupe.key));
            let dedupe_until = start.dedupe.as_ref().map(|dedupe| dedupe.until.as_millis());
            let claiming = Claiming::of(start.claimant.as_ref());
            let candidates = Candidates::of(&start);
            let messages: Messages<'_> =
                start.candidates.iter().flat_map(|candidate| &candidate.deliveries).collect();
            let keeps_records = self.keeps_records();
            let mut parameters: Vec<Parameter<'_>> = Vec::with_capacity(40);
            parameters.extend([
                (&namespace as _, Type::TEXT),
                (&now as _, Type::INT8),
                (vid as _, Type::UUID),
                (&external_id as _, Type::TEXT),
                (&name_key as _, Type::UUID),
                (&channel as _, Type::TEXT),
                (&address as _, Type::TEXT),
                (&route as _, Type::TEXT),
                (&guess_subject as _, Type::UUID),
                (&on_live as _, Type::INT2),
                (&unique_in as _, Type::TEXT),
                (&max_attempts as _, Type::INT8),
                (&max_sends as _, Type::INT8),
                (&expires_at as _, Type::INT8),
                (&kept_after as _, Type::INT8),
                (&garbage_at as _, Type::INT8),
                (&on_right as _, Type::INT2),
                (&channel_description as _, Type::BYTEA),
                (&address_description as _, Type::BYTEA),
                (&extra as _, Type::BYTEA),
            ] as [Parameter<'_>; 20]);
            parameters.extend(throttling.parameters());
            parameters.extend(
                [(&dedupe_key as _, Type::UUID), (&dedupe_until as _, Type::INT8)] as [Parameter<'_>; 2]
            );
            parameters.extend(claiming.parameters());
            parameters.extend(candidates.parameters());
            parameters.extend(messages.parameters());
            parameters.push((&keeps_records, Type::BOOL));
            self.call("watchword_start_v1", &parameters).await?
        };
        let mut answer = record(&row)?;
        Ok(match answer.text()? {
            "started" => {
                let (chosen, attempts, sends) = (answer.place()?, answer.count()?, answer.count()?);
                started(start, chosen, attempts, sends)?
            }
            "reused" => StartOutcome::Reused(answer.verification()?),
            "locked" => StartOutcome::Locked(answer.verification()?),
            "exists" => StartOutcome::Exists(answer.verification()?),
            "throttled" => StartOutcome::Throttled(answer.throttled()?),
            "subject_missing" => StartOutcome::SubjectMissing(answer.throttle_kind()?),
            "duplicate" => StartOutcome::Duplicate,
            "no_free_candidate" => StartOutcome::NoFreeCandidate,
            _ => return Err(Unreadable("the outcome of a start").into()),
        })
    }
}

/// The candidates of a start, as parallel arrays: what is stored of each, and which one a look-up digest or a message is of.
#[derive(Debug, Default)]
struct Candidates<'a> {
    keys: Vec<&'a [u8]>,
    digests: Vec<&'a [u8]>,
    lookups: Vec<Option<&'a [u8]>>,
    sealed: Vec<Option<&'a [u8]>>,
    taken_of: Vec<i32>,
    taken_if: Vec<&'a [u8]>,
    message_of: Vec<i32>,
}

impl<'a> Candidates<'a> {
    fn of(start: &'a Start) -> Self {
        let mut all = Self::default();
        for (candidate, number) in start.candidates.iter().zip(1..) {
            let passcode = &candidate.passcode;
            all.keys.push(passcode.check.key.as_bytes());
            all.digests.push(passcode.check.digest.as_bytes());
            all.lookups.push(passcode.lookup.as_ref().map(|digest| &digest.as_bytes()[..]));
            all.sealed.push(passcode.sealed.as_ref().map(Sealed::as_bytes));
            // Where codes need not be unique nobody looks.
            let taken_if = candidate.taken_if.iter().filter(|_| start.unique_in.is_some());
            all.taken_if.extend(taken_if.map(|digest: &PasscodeDigest| &digest.as_bytes()[..]));
            all.taken_of.resize(all.taken_if.len(), number);
            all.message_of.resize(all.message_of.len() + candidate.deliveries.len(), number);
        }
        all
    }

    fn parameters(&self) -> [Parameter<'_>; 7] {
        [
            (&self.keys, Type::BYTEA_ARRAY),
            (&self.digests, Type::BYTEA_ARRAY),
            (&self.lookups, Type::BYTEA_ARRAY),
            (&self.sealed, Type::BYTEA_ARRAY),
            (&self.taken_of, Type::INT4_ARRAY),
            (&self.taken_if, Type::BYTEA_ARRAY),
            (&self.message_of, Type::INT4_ARRAY),
        ]
    }
}

/// What stands now: what was asked for, with what the server decided.
fn started(start: Start, chosen: usize, attempts: u32, sends: u32) -> Read<StartOutcome> {
    let mut candidates = start.candidates;
    if chosen >= candidates.len() {
        return Err(Unreadable("one of the candidates"));
    }
    let candidate = candidates.swap_remove(chosen);
    let verification = Arc::new(Verification {
        vid: start.vid,
        namespace: start.namespace,
        external_id: start.external_id,
        target: start.target,
        route: start.route,
        guess_subject: start.guess_subject,
        passcode: candidate.passcode,
        attributes: start.attributes,
        state: State::Pending,
        attempts,
        sends,
        limits: start.limits,
        on_right: start.on_right,
        created_at: start.now,
        expires_at: start.expires_at,
        kept_after: start.kept_after,
        last_sent_at: (!candidate.deliveries.is_empty()).then_some(start.now),
    });
    let claims = claims(candidate.deliveries, &verification, start.claimant.as_ref(), start.now);
    Ok(StartOutcome::Started { verification, candidate: chosen, claims })
}

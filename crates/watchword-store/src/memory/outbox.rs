use std::sync::Arc;

use watchword_core::delivery::{Claim, Delivery, DeliveryAttempt, DeliveryId, DeliveryState, Ended};
use watchword_core::ports::{
    ClaimDue, Claimed, DeliveryQuery, Extend, Fenced, Hasten, HastenOutcome, Receipt, Settlement,
};
use watchword_core::time::Timestamp;
use watchword_core::transition::{self, ClaimDecision};
use watchword_core::verification::{Verification, Vid};

use super::fault::Fault;
use super::state::State;

impl State {
    pub(super) fn cancel_deliveries(&mut self, of: Vid, now: Timestamp) {
        for delivery in self.deliveries.iter_mut().filter(|delivery| delivery.vid == of) {
            if let Some(canceled) = transition::cancel_delivery(delivery.clone(), now) {
                *delivery = canceled;
            }
        }
        self.drop_unwanted_records();
    }

    pub(super) fn claim(&mut self, claim: &ClaimDue) -> Claimed {
        let mut due: Vec<Delivery> = self
            .deliveries
            .iter()
            .filter(|delivery| delivery.state.is_open() && delivery.due_at <= claim.now)
            .cloned()
            .collect();
        due.sort_by_key(|delivery| (delivery.due_at, delivery.id));
        let mut claims = Vec::new();
        for delivery in due.into_iter().take(claim.max) {
            match transition::claim(&delivery, &claim.claimant, claim.now) {
                ClaimDecision::Left => {}
                ClaimDecision::Expired(ended) => self.put_delivery(*ended),
                ClaimDecision::Taken(taken) => match self.verification_of(&delivery) {
                    Some(verification) => {
                        claims.push(Claim { delivery: Delivery::clone(&taken), verification });
                        self.put_delivery(*taken);
                    }
                    // Only a broken store gets here: what ends a verification ends its deliveries too.
                    None => {
                        self.put_delivery(transition::end_delivery(delivery, Ended::Canceled, claim.now));
                    }
                },
            }
        }
        self.drop_unwanted_records();
        Claimed { claims, next_due: self.next_due() }
    }

    fn verification_of(&self, delivery: &Delivery) -> Option<Arc<Verification>> {
        self.verifications.iter().find(|row| row.vid == delivery.vid).cloned()
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let open = self.deliveries.iter().filter(|delivery| delivery.state.is_open());
        open.map(|delivery| delivery.due_at).min()
    }

    pub(super) fn extend(&mut self, extend: &Extend) -> Fenced {
        let found =
            self.deliveries.iter().find(|row| row.namespace == extend.namespace && row.id == extend.id);
        match found.cloned().map(|delivery| transition::extend(delivery, extend)) {
            Some(Ok(extended)) => {
                self.put_delivery(extended);
                Fenced::Done
            }
            Some(Err(fenced)) => fenced,
            None => Fenced::Stale,
        }
    }

    pub(super) fn settle(&mut self, mut settlement: Settlement, now: Timestamp) -> Fenced {
        let ours = |row: &&Delivery| row.namespace == settlement.namespace && row.id == settlement.id;
        let Some(delivery) = self.deliveries.iter().find(ours).cloned() else { return Fenced::Stale };
        if self.has(Fault::UnfencedSettle) {
            // Fault: whatever the fence was, it is taken for the newest.
            settlement.fence = delivery.fence;
        }
        match transition::settle(delivery, settlement, now) {
            Ok(settled) => {
                self.put_delivery(settled);
                self.drop_unwanted_records();
                Fenced::Done
            }
            Err(fenced) => fenced,
        }
    }

    pub(super) fn receipt(&mut self, receipt: Receipt) -> bool {
        let is_of = |attempt: &DeliveryAttempt| {
            *attempt.provider == *receipt.provider.as_str()
                && attempt.message_id.as_ref() == Some(&receipt.message_id)
        };
        let mut records = self.deliveries.iter_mut().rev();
        let Some(record) = records.find(|delivery| delivery.attempts.iter().any(is_of)) else {
            return false;
        };
        record.attempts.push(DeliveryAttempt {
            provider: receipt.provider.as_str().into(),
            at: receipt.now,
            outcome: receipt.status.into(),
            message_id: Some(receipt.message_id),
            detail: None,
        });
        true
    }

    pub(super) fn deliveries(&self, query: &DeliveryQuery) -> Vec<Delivery> {
        let DeliveryQuery { namespace, state, from, before, max } = query;
        let fits = |delivery: &&Delivery| {
            namespace.as_ref().is_none_or(|namespace| delivery.namespace == *namespace)
                && state.is_none_or(|state| delivery.state == state)
                && from.is_none_or(|from| delivery.id >= from)
                && before.is_none_or(|before| delivery.id < before)
        };
        let mut found: Vec<Delivery> = self.deliveries.iter().filter(fits).cloned().collect();
        found.sort_by_key(|delivery| std::cmp::Reverse(delivery.id));
        found.truncate(*max);
        found
    }

    pub(super) fn delivery(&self, id: DeliveryId) -> Option<Delivery> {
        self.deliveries.iter().find(|delivery| delivery.id == id).cloned()
    }

    pub(super) fn hasten(&mut self, hasten: &Hasten) -> HastenOutcome {
        let found = self.delivery(hasten.id).filter(|delivery| delivery.namespace == hasten.namespace);
        let Some(mut delivery) = found else { return HastenOutcome::Gone };
        if self.has(Fault::HastenedWhileHeld) && delivery.state == DeliveryState::Claimed {
            delivery.state = DeliveryState::Due;
        }
        match transition::hasten(delivery, hasten.now) {
            Ok((stored, outcome)) => {
                self.put_delivery(stored);
                self.drop_unwanted_records();
                outcome
            }
            Err(outcome) => outcome,
        }
    }

    /// Stores a delivery in place of the one with its id.
    fn put_delivery(&mut self, delivery: Delivery) {
        if let Some(row) = self.deliveries.iter_mut().find(|row| row.id == delivery.id) {
            *row = delivery;
        }
    }

    fn drop_unwanted_records(&mut self) {
        if self.retention.delivery_records.is_zero() {
            self.deliveries.retain(|delivery| delivery.state.is_open());
        }
    }
}

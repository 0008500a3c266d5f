//! Putting what was taken over into our tables.

use std::time::Duration;

use tokio_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;
use watchword_core::address::Channel;
use watchword_core::keyring::SubjectKey;
use watchword_core::namespace::Namespace;
use watchword_core::passcode::Sealed;
use watchword_core::throttle::{SendTimes, ThrottleRule, ThrottleRules};
use watchword_core::time::Timestamp;
use watchword_core::verification::Verification;

use super::super::PostgresStore;
use super::super::call::Parameter;
use super::super::values::{key_of_target, millis, on_right_number, subject};
use super::{PRODUCT, TakeOverError, TakenOver};

impl PostgresStore {
    /// Rules that were set here stand.
    pub(super) async fn place_rules(
        &self,
        transaction: &Transaction<'_>,
        namespace: &Namespace,
        channel: &Channel,
        rules: &ThrottleRules,
    ) -> Result<(), TakeOverError> {
        if rules.by_ip.is_empty() && rules.by_target.is_empty() {
            return Ok(());
        }
        let statement = format!(
            "INSERT INTO {}.watchword_throttle_rules (namespace, channel, ip_rates, ip_windows, target_rates, target_windows) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            self.schema
        );
        let columns = |rules: &[ThrottleRule]| -> (Vec<i64>, Vec<i64>) {
            rules.iter().map(|rule| (i64::from(rule.rate), millis(rule.window))).unzip()
        };
        let (ip_rates, ip_windows) = columns(&rules.by_ip);
        let (target_rates, target_windows) = columns(&rules.by_target);
        let parameters: [Parameter<'_>; 6] = [
            (&namespace.as_str(), Type::TEXT),
            (&channel.as_str(), Type::TEXT),
            (&ip_rates, Type::INT8_ARRAY),
            (&ip_windows, Type::INT8_ARRAY),
            (&target_rates, Type::INT8_ARRAY),
            (&target_windows, Type::INT8_ARRAY),
        ];
        transaction.query_typed(&statement, &parameters).await?;
        Ok(())
    }

    /// In this order: the last is the newest.
    pub(super) async fn place_verifications(
        &self,
        transaction: &Transaction<'_>,
        verifications: &[Verification],
    ) -> Result<(), TakeOverError> {
        let mut rows = VerificationRows::default();
        verifications.iter().for_each(|verification| rows.push(verification));
        let statement = format!(
            "INSERT INTO {schema}.watchword_verification (number, name_key, vid, namespace, channel, address, route, \
                 guess_subject, passcode_key, passcode_digest, lookup_digest, sealed_passcode, channel_description, \
                 address_description, state, attempts, sends, on_right, created_at, expires_at, kept_after, last_sent_at, garbage_at) \
             SELECT nextval('{schema}.watchword_number'::regclass), r.name_key, r.vid, r.namespace, r.channel, r.address, r.route, \
                 r.guess_subject, r.passcode_key, r.passcode_digest, r.lookup_digest, r.sealed_passcode, '', '', 0, 0, 1, \
                 r.on_right, r.created_at, r.expires_at, r.kept_after, r.created_at, r.expires_at + r.kept_after \
             FROM (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[], \
                     $8::bytea[], $9::bytea[], $10::bytea[], $11::bytea[], $12::smallint[], $13::bigint[], $14::bigint[], \
                     $15::bigint[]) WITH ORDINALITY \
                 AS u (name_key, vid, namespace, channel, address, route, guess_subject, passcode_key, passcode_digest, \
                     lookup_digest, sealed_passcode, on_right, created_at, expires_at, kept_after, place) \
                 ORDER BY place) r",
            schema = self.schema
        );
        transaction.query_typed(&statement, &rows.parameters()).await?;
        Ok(())
    }

    /// Beside what was sent from here, should there be anything.
    pub(super) async fn place_sends(
        &self,
        transaction: &Transaction<'_>,
        namespace: &Namespace,
        sends: &[(SubjectKey, SendTimes)],
        kept: Duration,
    ) -> Result<(), TakeOverError> {
        let statement = format!(
            "INSERT INTO {}.watchword_send_times AS s (subject, namespace, times, garbage_at, garbage_minute) \
             SELECT u.subject, $2, u.times::bigint[], u.garbage_at, u.garbage_at - u.garbage_at % 60000 \
                 FROM unnest($1::uuid[], $3::text[], $4::bigint[]) u (subject, times, garbage_at) \
             ON CONFLICT ON CONSTRAINT watchword_send_times_pkey DO UPDATE SET \
                 times = (SELECT array_agg(t ORDER BY t) FROM unnest(s.times || excluded.times) t), \
                 garbage_at = greatest(s.garbage_at, excluded.garbage_at), \
                 garbage_minute = greatest(s.garbage_minute, excluded.garbage_minute)",
            self.schema
        );
        let (mut subjects, mut times, mut garbage_at) = (Vec::new(), Vec::new(), Vec::new());
        for (key, sent) in sends {
            let Some(last) = sent.as_slice().last() else { continue };
            subjects.push(subject(*key));
            garbage_at.push(last.after(kept).as_millis());
            let sent: Vec<String> = sent.as_slice().iter().map(|time| time.as_millis().to_string()).collect();
            // As PostgreSQL writes an array: one of arrays of several lengths can't be sent.
            times.push(format!("{{{}}}", sent.join(",")));
        }
        let parameters: [Parameter<'_>; 4] = [
            (&subjects, Type::UUID_ARRAY),
            (&namespace.as_str(), Type::TEXT),
            (&times, Type::TEXT_ARRAY),
            (&garbage_at, Type::INT8_ARRAY),
        ];
        transaction.query_typed(&statement, &parameters).await?;
        Ok(())
    }

    /// That it is done, and how much it was.
    pub(super) async fn write_down(
        &self,
        transaction: &Transaction<'_>,
        taken: &TakenOver,
        now: Timestamp,
    ) -> Result<(), TakeOverError> {
        let statement = format!(
            "INSERT INTO {}.watchword_taken_over (product, at, rules, passcodes, sends, skipped) VALUES ($1, $2, $3, $4, $5, $6)",
            self.schema
        );
        let TakenOver { rules, passcodes, sends, skipped } = *taken;
        let counts = [rules, passcodes, sends, skipped].map(u64::cast_signed);
        let parameters: [Parameter<'_>; 6] = [
            (&PRODUCT, Type::TEXT),
            (&now.as_millis(), Type::INT8),
            (&counts[0], Type::INT8),
            (&counts[1], Type::INT8),
            (&counts[2], Type::INT8),
            (&counts[3], Type::INT8),
        ];
        transaction.query_typed(&statement, &parameters).await?;
        Ok(())
    }
}

/// Verifications, as parallel arrays. They have neither external ids nor attributes nor limits of their own.
#[derive(Default)]
struct VerificationRows<'a> {
    name_keys: Vec<Option<Uuid>>,
    vids: Vec<Uuid>,
    namespaces: Vec<&'a str>,
    channels: Vec<Option<&'a str>>,
    addresses: Vec<Option<&'a str>>,
    routes: Vec<&'a str>,
    guess_subjects: Vec<Uuid>,
    passcode_keys: Vec<&'a [u8]>,
    passcode_digests: Vec<&'a [u8]>,
    lookup_digests: Vec<Option<&'a [u8]>>,
    sealed_passcodes: Vec<Option<&'a [u8]>>,
    on_right: Vec<i16>,
    created_at: Vec<i64>,
    expires_at: Vec<i64>,
    kept_after: Vec<i64>,
}

impl<'a> VerificationRows<'a> {
    fn push(&mut self, row: &'a Verification) {
        let target = row.target.as_ref();
        self.name_keys.push(target.map(|target| key_of_target(&row.namespace, target)));
        self.vids.push(*row.vid.as_uuid());
        self.namespaces.push(row.namespace.as_str());
        self.channels.push(target.map(|target| target.channel.as_str()));
        self.addresses.push(target.map(|target| target.address.given()));
        self.routes.push(row.route.as_str());
        self.guess_subjects.push(subject(row.guess_subject));
        self.passcode_keys.push(row.passcode.check.key.as_bytes());
        self.passcode_digests.push(row.passcode.check.digest.as_bytes());
        self.lookup_digests.push(row.passcode.lookup.as_ref().map(|digest| &digest.as_bytes()[..]));
        self.sealed_passcodes.push(row.passcode.sealed.as_ref().map(Sealed::as_bytes));
        self.on_right.push(on_right_number(row.on_right));
        self.created_at.push(row.created_at.as_millis());
        self.expires_at.push(row.expires_at.as_millis());
        self.kept_after.push(millis(row.kept_after));
    }

    fn parameters(&self) -> [Parameter<'_>; 15] {
        [
            (&self.name_keys, Type::UUID_ARRAY),
            (&self.vids, Type::UUID_ARRAY),
            (&self.namespaces, Type::TEXT_ARRAY),
            (&self.channels, Type::TEXT_ARRAY),
            (&self.addresses, Type::TEXT_ARRAY),
            (&self.routes, Type::TEXT_ARRAY),
            (&self.guess_subjects, Type::UUID_ARRAY),
            (&self.passcode_keys, Type::BYTEA_ARRAY),
            (&self.passcode_digests, Type::BYTEA_ARRAY),
            (&self.lookup_digests, Type::BYTEA_ARRAY),
            (&self.sealed_passcodes, Type::BYTEA_ARRAY),
            (&self.on_right, Type::INT2_ARRAY),
            (&self.created_at, Type::INT8_ARRAY),
            (&self.expires_at, Type::INT8_ARRAY),
            (&self.kept_after, Type::INT8_ARRAY),
        ]
    }
}

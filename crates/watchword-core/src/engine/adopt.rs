//! Taking over what another product began.

use super::{Engine, StartRequest};
use crate::address::{Channel, Target};
use crate::keyring::{Subject, SubjectKey};
use crate::namespace::Namespace;
use crate::passcode::Passcode;
use crate::throttle::ThrottleKind;
use crate::time::Timestamp;
use crate::verification::{State, Verification};

impl Engine {
    /// The verification that `request` would have begun at `begun_at`, sent then, with this passcode, whatever the request's
    /// [`PasscodeSource`](super::PasscodeSource) is. Nothing is stored, sent or counted: that is for a store that takes over another
    /// product's data.
    pub fn begun_elsewhere(
        &self,
        request: &StartRequest,
        passcode: &Passcode,
        begun_at: Timestamp,
    ) -> Verification {
        let vid = self.new_vid(&request.namespace, begun_at);
        let target =
            request.address.clone().map(|address| Target { channel: request.channel.clone(), address });
        let guess_subject =
            self.guess_subject(&request.namespace, request.address.as_ref(), request.external_id.as_ref());
        Verification {
            vid,
            namespace: request.namespace.clone(),
            external_id: request.external_id.clone(),
            passcode: self.stored_passcode(request, vid, target.as_ref(), passcode),
            target,
            route: request.route.clone(),
            guess_subject,
            attributes: request.attributes.clone(),
            state: State::Pending,
            attempts: 0,
            sends: 1,
            limits: request.limits,
            on_right: request.on_right,
            created_at: begun_at,
            expires_at: begun_at.after(request.ttl),
            kept_after: request.kept_after,
            last_sent_at: Some(begun_at),
        }
    }

    /// The row that sends of a channel are counted in, by that IP address or target.
    pub fn sends_subject(
        &self,
        namespace: &Namespace,
        kind: ThrottleKind,
        channel: &Channel,
        counted_by: &str,
    ) -> SubjectKey {
        self.parts.keyring.subject(namespace, Subject::Sends(kind, channel, counted_by))
    }
}

//! The scripts, one an operation, each with the prelude before it, and with what else several share.

use std::sync::LazyLock;

/// A script and the digest that the server knows it by.
pub(super) struct Script {
    source: &'static str,
    digest: LazyLock<String>,
}

impl Script {
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    pub(super) const fn source(&self) -> &'static str {
        self.source
    }
}

macro_rules! scripts {
    ($($name:ident = $($file:literal)+;)+) => {$(
        pub(super) static $name: Script = Script {
            source: concat!(
                include_str!("scripts/prelude.lua"),
                $("\n", include_str!(concat!("scripts/", $file))),+
            ),
            digest: LazyLock::new(|| ::redis::Script::new($name.source).get_hash().to_owned()),
        };
    )+};
}

scripts! {
    START = "verifications.lua" "outbox.lua" "canceling.lua" "sending.lua" "holders.lua" "throttling.lua" "start.lua";
    RESEND = "verifications.lua" "outbox.lua" "canceling.lua" "sending.lua" "throttling.lua" "announcing.lua" "resend.lua";
    SET_ADDRESS = "verifications.lua" "outbox.lua" "canceling.lua" "sending.lua" "throttling.lua" "set_address.lua";
    ENQUEUE = "verifications.lua" "outbox.lua" "canceling.lua" "sending.lua" "enqueue.lua";
    CHECK = "verifications.lua" "outbox.lua" "canceling.lua" "counts.lua" "announcing.lua" "check.lua";
    GET = "verifications.lua" "get.lua";
    FIND = "verifications.lua" "find.lua";
    CANCEL = "verifications.lua" "outbox.lua" "canceling.lua" "cancel.lua";
    DELETE_IF_APPROVED = "verifications.lua" "outbox.lua" "canceling.lua" "delete_if_approved.lua";
    NEWEST_TARGET = "verifications.lua" "holders.lua" "counts.lua" "newest_target.lua";
    NEWEST_PASSCODE = "verifications.lua" "newest_passcode.lua";
    PUT_RULES = "throttling.lua" "put_rules.lua";
    GET_RULES = "throttling.lua" "get_rules.lua";
    CLAIM = "verifications.lua" "outbox.lua" "canceling.lua" "sending.lua" "claim.lua";
    EXTEND = "outbox.lua" "extend.lua";
    SETTLE = "outbox.lua" "settle.lua";
    RECEIPT = "outbox.lua" "receipt.lua";
    DELIVERIES = "outbox.lua" "deliveries.lua";
    DELIVERY = "outbox.lua" "delivery.lua";
    HASTEN = "outbox.lua" "hasten.lua";
    UNLOCK = "counts.lua" "unlock.lua";
    PURGE = "verifications.lua" "outbox.lua" "counts.lua" "purge.lua";
    OUTLOOK = "verifications.lua" "outbox.lua" "outlook.lua";
    KEYS = "keys.lua";
    REGISTER_KEYS = "register_keys.lua";
    KEY_SLOTS = "key_slots.lua";
    ADD_KEY_SLOTS = "add_key_slots.lua";
    DROP_KEY_SLOTS = "drop_key_slots.lua";
    KEY_USES = "verifications.lua" "outbox.lua" "key_uses.lua";
    READY = "ready.lua";
}

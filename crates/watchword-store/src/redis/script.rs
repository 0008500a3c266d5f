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
    START = "start.lua";
    RESEND = "announcing.lua" "resend.lua";
    SET_ADDRESS = "set_address.lua";
    ENQUEUE = "enqueue.lua";
    CHECK = "announcing.lua" "check.lua";
    GET = "get.lua";
    FIND = "find.lua";
    CANCEL = "cancel.lua";
    DELETE_IF_APPROVED = "delete_if_approved.lua";
    NEWEST_TARGET = "newest_target.lua";
    NEWEST_PASSCODE = "newest_passcode.lua";
    PUT_RULES = "put_rules.lua";
    GET_RULES = "get_rules.lua";
    CLAIM = "claim.lua";
    EXTEND = "extend.lua";
    SETTLE = "settle.lua";
    RECEIPT = "receipt.lua";
    DELIVERIES = "deliveries.lua";
    DELIVERY = "delivery.lua";
    HASTEN = "hasten.lua";
    UNLOCK = "unlock.lua";
    PURGE = "purge.lua";
    OUTLOOK = "outlook.lua";
    KEYS = "keys.lua";
    REGISTER_KEYS = "register_keys.lua";
    KEY_SLOTS = "key_slots.lua";
    ADD_KEY_SLOTS = "add_key_slots.lua";
    KEY_USES = "key_uses.lua";
    READY = "ready.lua";
}

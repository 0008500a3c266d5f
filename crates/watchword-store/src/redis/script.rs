//! The scripts, one an operation, each with the prelude before it, and with what else several share.

use std::sync::OnceLock;

/// A script and the digest that the server knows it by.
pub(super) struct Script {
    source: &'static str,
    digest: OnceLock<String>,
}

impl Script {
    pub(super) fn digest(&self) -> &str {
        self.digest.get_or_init(|| ::redis::Script::new(self.source).get_hash().to_owned())
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
            digest: OnceLock::new(),
        };
    )+

        #[cfg(feature = "reference")]
        static ALL: &[&Script] = &[$(&$name),+];
    };
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

/// Scripts with a mistake in them, and which each stands for: what shows that the tests would find it.
#[cfg(feature = "reference")]
#[derive(Clone, Default)]
pub(super) struct Mistaken(Vec<(&'static Script, &'static Script)>);

#[cfg(feature = "reference")]
impl Mistaken {
    /// Every script that has `right`, with `wrong` in its place. What it makes is never freed.
    ///
    /// # Panics
    /// No script has it.
    pub(super) fn new(right: &str, wrong: &str) -> Self {
        let having = ALL.iter().filter(|script| script.source.contains(right));
        let mistaken = having.map(|script| {
            let source: &'static str = Box::leak(script.source.replace(right, wrong).into_boxed_str());
            let mistaken: &'static Script = Box::leak(Box::new(Script { source, digest: OnceLock::new() }));
            (*script, mistaken)
        });
        let mistaken: Vec<_> = mistaken.collect();
        assert!(!mistaken.is_empty(), "no script has `{right}`");
        Self(mistaken)
    }

    pub(super) fn instead_of(&self, script: &'static Script) -> &'static Script {
        let found = self.0.iter().find(|(right, _)| std::ptr::eq(*right, script));
        found.map_or(script, |(_, mistaken)| mistaken)
    }
}

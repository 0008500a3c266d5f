//! What Kaleyra's codes are about ([SMS status and status trace
//! codes](https://developers.kaleyra.io/docs/sms-status-and-status-trace-codes), [errors of the RCS
//! API](https://developers.kaleyra.io/docs/rcs-api-messages-api-error-responses)).

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Our account or our settings: no message would be taken.
    Account,
    /// This number, now and later.
    Number,
    /// Kaleyra itself.
    Service,
}

const ACCOUNT: [&str; 7] = [
    "NO-CREDITS",
    "KYC-NOT-APPROVED",
    "TEMPLATE-NOT-FOUND",
    "INV-TEMPLATE-MATCH",
    "SENDER-ID-NOT-FOUND",
    "SNDRID-NOT-ALLOTED",
    "REJECTED-MULTIPART",
];

/// Countries are here too: which one it is, the number says.
const NUMBER: [&str; 16] = [
    "KLR-INV-NUMBER",
    "INV-NUMBER",
    "INV-MOB-PATTRN",
    "INVALID_NUMBER",
    "INVALID-SUB",
    "SERIES-BLOCK",
    "SERIES-BLK",
    "BLACKLIST",
    "CON-DND",
    "DND-NUMB",
    "NOT-OPTIN",
    "OUTPUT-REJ",
    "OPT-OUT",
    "BARRED",
    "NOT-ALLOWED",
    "BLOCKED-COUNTRY",
];

/// `None`: nothing is known of the code.
pub(super) fn meaning(code: &str) -> Option<Meaning> {
    if ACCOUNT.contains(&code) {
        Some(Meaning::Account)
    } else if NUMBER.contains(&code) {
        Some(Meaning::Number)
    } else if code == "SERVER-ERR" {
        Some(Meaning::Service)
    } else {
        None
    }
}

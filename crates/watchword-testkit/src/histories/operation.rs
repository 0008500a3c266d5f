use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use watchword_core::ports::OnLive;
use watchword_core::verification::OnRight;

/// One step of a history: time passes, then something is done.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// How long nothing happens before, in milliseconds; at least 1, so that what is newest is never a matter of taste.
    pub(super) wait: u64,
    /// What is done.
    pub(super) operation: Operation,
}

/// What can be done. Numbers pick from small pools; `nth` picks from what there is by then, modulo its length.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    StartById {
        tenant: usize,
        id: usize,
        address: Option<usize>,
        on_live: OnLive,
        given: Given,
    },
    StartByTarget {
        tenant: usize,
        channel: usize,
        address: usize,
        on_live: OnLive,
        unique: Option<Vec<usize>>,
        given: Given,
    },
    Resend {
        nth: usize,
        is_stale: bool,
        cool_down: u64,
        ip: Option<usize>,
        is_claimed: bool,
    },
    SetAddress {
        nth: usize,
        is_stale: bool,
        address: usize,
        ip: Option<usize>,
        is_claimed: bool,
    },
    Enqueue {
        nth: usize,
        after: Option<u64>,
        is_claimed: bool,
    },
    Check {
        tenant: usize,
        who: Vec<Who>,
        code: usize,
        keys: Vec<u8>,
        on_right: Option<OnRight>,
        is_taken_again: bool,
        is_strict: bool,
    },
    Cancel {
        tenant: usize,
        who: Who,
    },
    DeleteIfApproved {
        tenant: usize,
        who: Who,
    },
    NewestTarget {
        tenant: usize,
        channel: usize,
        code: usize,
    },
    PutRules {
        tenant: usize,
        channel: usize,
        by_ip: Option<Vec<Rule>>,
        by_target: Option<Vec<Rule>>,
    },
    Claim {
        node: usize,
        max: usize,
    },
    Extend {
        nth: usize,
        seconds: u64,
    },
    Settle {
        settled: Vec<Settled>,
    },
    Receipt {
        nth: usize,
    },
    Hasten {
        nth: usize,
    },
    Unlock {
        tenant: usize,
        address: usize,
    },
    Purge,
    RegisterKeys {
        keys: Vec<u8>,
    },
}

/// What a start is given besides its names.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) code: usize,
    pub(super) key: u8,
    pub(super) max_attempts: Option<u32>,
    pub(super) max_sends: Option<u32>,
    pub(super) on_right: OnRight,
    pub(super) lives: u64,
    pub(super) kept_after: u64,
    /// `None`: not throttled; `Some(None)`: by target only.
    pub(super) throttle: Option<Option<usize>>,
    pub(super) request: Option<usize>,
    pub(super) is_claimed: bool,
    pub(super) follow_up: Option<u64>,
}

/// Whom an operation is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who {
    Id(usize),
    Target(usize, usize),
    /// A started one, by its vid.
    Vid(usize),
    /// A started one, by its external id, or its target where it has none.
    Name(usize),
}

/// So many sends in so many seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) rate: u32,
    pub(super) seconds: u64,
}

/// What becomes of a claim.
#[derive(Clone, Copy, Debug)]
pub(super) enum Settled {
    Accepted(usize),
    Failed(usize),
    Expired(usize),
    Canceled(usize),
    Retry(usize, u64),
}

/// A history of at most `longest` steps.
pub(super) fn history(longest: usize) -> impl Strategy<Value = Vec<Step>> {
    vec((wait(), operation()).prop_map(|(wait, operation)| Step { wait, operation }), 1..=longest)
}

/// Mostly none to speak of; else about a lease, a window, a lifetime, a day.
fn wait() -> impl Strategy<Value = u64> {
    prop_oneof![
        60 => Just(1),
        20 => Just(1_000),
        8 => Just(15_000),
        6 => Just(60_000),
        3 => Just(300_000),
        1 => Just(3_600_000),
        2 => Just(86_400_000),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        12 => start_by_id(),
        10 => start_by_target(),
        22 => check(),
        14 => sending(),
        20 => delivering(),
        10 => ending(),
        8 => rules_and_look_ups(),
        4 => upkeep(),
    ]
}

/// Counted from the newest, which matter most.
fn nth() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0_usize), 2 => Just(1), 1 => Just(2), 1 => 3..8_usize]
}

fn tenant() -> impl Strategy<Value = usize> {
    prop_oneof![9 => Just(0_usize), 1 => Just(1)]
}

fn on_live() -> impl Strategy<Value = OnLive> {
    prop_oneof![5 => Just(OnLive::Replace), 1 => Just(OnLive::Reuse), 4 => Just(OnLive::Add), 1 => Just(OnLive::Refuse)]
}

fn on_right() -> impl Strategy<Value = OnRight> {
    prop_oneof![Just(OnRight::Keep), Just(OnRight::Close), Just(OnRight::Delete)]
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        2 => (0..2_usize).prop_map(Who::Id),
        2 => (0..2_usize, 0..2_usize).prop_map(|(channel, address)| Who::Target(channel, address)),
        2 => nth().prop_map(Who::Vid),
        12 => nth().prop_map(Who::Name),
    ]
}

fn given() -> impl Strategy<Value = Given> {
    let limits = (option::of(1..5_u32), option::of(1..4_u32));
    let times = (
        prop_oneof![3 => Just(300_000_u64), 1 => Just(20_000), 1 => Just(86_400_000)],
        prop_oneof![Just(0_u64), Just(60_000)],
    );
    let outbox = (any::<bool>(), option::weighted(0.2, prop_oneof![Just(5_000_u64), Just(400_000)]));
    let counted =
        (option::weighted(0.6, option::weighted(0.8, 0..2_usize)), option::weighted(0.1, 0..2_usize));
    let code = (0..3_usize, prop_oneof![5 => Just(1_u8), 1 => Just(2)]);
    (code, limits, on_right(), times, counted, outbox).prop_map(
        |(
            (code, key),
            (max_attempts, max_sends),
            on_right,
            (lives, kept_after),
            (throttle, request),
            outbox,
        )| Given {
            code,
            key,
            max_attempts,
            max_sends,
            on_right,
            lives,
            kept_after,
            throttle,
            request,
            is_claimed: outbox.0,
            follow_up: outbox.1,
        },
    )
}

fn start_by_id() -> impl Strategy<Value = Operation> {
    (tenant(), 0..2_usize, option::of(0..2_usize), on_live(), given()).prop_map(
        |(tenant, id, address, on_live, given)| Operation::StartById { tenant, id, address, on_live, given },
    )
}

fn start_by_target() -> impl Strategy<Value = Operation> {
    let unique = option::weighted(0.3, vec(0..3_usize, 1..3));
    (tenant(), 0..2_usize, 0..2_usize, on_live(), unique, given()).prop_map(
        |(tenant, channel, address, on_live, unique, given)| Operation::StartByTarget {
            tenant,
            channel,
            address,
            on_live,
            unique,
            given,
        },
    )
}

fn check() -> impl Strategy<Value = Operation> {
    let keys =
        prop_oneof![9 => Just(vec![1_u8, 2]), 1 => Just(vec![1]), 1 => Just(vec![2]), 1 => Just(vec![])];
    let how = (keys, option::of(on_right()), any::<bool>(), any::<bool>());
    (tenant(), vec(who(), 1..3), 0..3_usize, how).prop_map(
        |(tenant, who, code, (keys, on_right, is_taken_again, is_strict))| Operation::Check {
            tenant,
            who,
            code,
            keys,
            on_right,
            is_taken_again,
            is_strict,
        },
    )
}

fn sending() -> impl Strategy<Value = Operation> {
    let how =
        || (nth(), prop_oneof![4 => Just(false), 1 => Just(true)], option::of(0..2_usize), any::<bool>());
    let cool_down = prop_oneof![Just(0_u64), Just(30_000)];
    let after = option::of(prop_oneof![Just(1_000_u64), Just(400_000)]);
    prop_oneof![
        (how(), cool_down).prop_map(|((nth, is_stale, ip, is_claimed), cool_down)| {
            Operation::Resend { nth, is_stale, cool_down, ip, is_claimed }
        }),
        (how(), 0..2_usize).prop_map(|((nth, is_stale, ip, is_claimed), address)| {
            Operation::SetAddress { nth, is_stale, address, ip, is_claimed }
        }),
        (nth(), after, any::<bool>()).prop_map(|(nth, after, is_claimed)| Operation::Enqueue {
            nth,
            after,
            is_claimed
        }),
    ]
}

fn delivering() -> impl Strategy<Value = Operation> {
    let settled = prop_oneof![
        3 => nth().prop_map(Settled::Accepted),
        1 => nth().prop_map(Settled::Failed),
        1 => nth().prop_map(Settled::Expired),
        1 => nth().prop_map(Settled::Canceled),
        3 => (nth(), prop_oneof![Just(0_u64), Just(5_000), Just(200_000)])
            .prop_map(|(nth, after)| Settled::Retry(nth, after)),
    ];
    prop_oneof![
        4 => (0..2_usize, prop_oneof![Just(1_usize), Just(100)])
            .prop_map(|(node, max)| Operation::Claim { node, max }),
        4 => vec(settled, 1..3).prop_map(|settled| Operation::Settle { settled }),
        1 => (nth(), prop_oneof![Just(1_u64), Just(60)])
            .prop_map(|(nth, seconds)| Operation::Extend { nth, seconds }),
        1 => nth().prop_map(|nth| Operation::Receipt { nth }),
        2 => nth().prop_map(|nth| Operation::Hasten { nth }),
    ]
}

fn ending() -> impl Strategy<Value = Operation> {
    prop_oneof![
        (tenant(), who()).prop_map(|(tenant, who)| Operation::Cancel { tenant, who }),
        (tenant(), who()).prop_map(|(tenant, who)| Operation::DeleteIfApproved { tenant, who }),
        (tenant(), 0..4_usize).prop_map(|(tenant, address)| Operation::Unlock { tenant, address }),
    ]
}

fn rules_and_look_ups() -> impl Strategy<Value = Operation> {
    let rules = || {
        let rule = (1..4_u32, prop_oneof![Just(10_u64), Just(600), Just(86_400)]);
        option::of(vec(rule.prop_map(|(rate, seconds)| Rule { rate, seconds }), 0..3))
    };
    prop_oneof![
        (tenant(), 0..2_usize, rules(), rules()).prop_map(|(tenant, channel, by_ip, by_target)| {
            Operation::PutRules { tenant, channel, by_ip, by_target }
        }),
        (tenant(), 0..2_usize, 0..3_usize).prop_map(|(tenant, channel, code)| Operation::NewestTarget {
            tenant,
            channel,
            code
        }),
    ]
}

fn upkeep() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => Just(Operation::Purge),
        1 => vec(1..4_u8, 0..3).prop_map(|keys| Operation::RegisterKeys { keys }),
    ]
}

use std::sync::Arc;

use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use watchword_core::address::{Channel, Target};
use watchword_core::delivery::Delivery;
use watchword_core::keyring::KeyId;
use watchword_core::ports::{
    CheckOutcome, ClaimDue, Claimed, DeleteOutcome, Fenced, HastenOutcome, KeyUse, SealedRow, Select,
    Selector, SendOutcome, StartOutcome, Store, StoreStats,
};
use watchword_core::throttle::ThrottleRules;
use watchword_core::time::Timestamp;
use watchword_core::verification::Verification;

use super::operation::{Operation, Step, history};
use super::world::{ADDRESSES, CHANNELS, Command, IDS, TENANTS, World};
use crate::suite::Fresh;
use crate::suite::story::{EVERY_DELIVERY, Story, external_id, key, namespace, target};

/// The most steps of a history.
const LONGEST: usize = 60;

/// How many histories to run: what `WATCHWORD_HISTORIES` says, else `otherwise`.
///
/// # Panics
/// It says no number.
pub fn default_cases(otherwise: u32) -> u32 {
    let asked = std::env::var("WATCHWORD_HISTORIES").ok();
    asked.map_or(otherwise, |cases| cases.parse().expect("a number of histories"))
}

/// Runs `cases` random histories against stores that `make` makes and references that `make_reference` makes.
///
/// Needs a multi-thread tokio runtime.
///
/// # Panics
/// An outcome or the state after it differs; the text tells the shortest history found where it does.
pub async fn run(cases: u32, make: impl AsyncFn() -> Fresh, make_reference: impl AsyncFn() -> Fresh) {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 4_096, ..Config::default() };
    let runtime = Handle::current();
    let ran = block_in_place(|| {
        TestRunner::new(config).run(&history(LONGEST), |steps| {
            let told = runtime.block_on(async { tell(&steps, make().await, make_reference().await).await });
            told.map_err(TestCaseError::fail)
        })
    });
    match ran {
        Ok(()) => {}
        Err(TestError::Fail(reason, steps)) => panic!("{reason}\n\nThe history:\n{}", lines(&steps)),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

fn lines(steps: &[Step]) -> String {
    let line = |(number, step): (usize, &Step)| {
        format!("{:>3}. after {} ms: {:?}\n", number + 1, step.wait, step.operation)
    };
    steps.iter().enumerate().map(line).collect()
}

/// What happens after every history: what is unsent comes to light, and then what is over goes.
fn epilogue() -> [Step; 4] {
    let claim = || Operation::Claim { node: 1, max: 100 };
    [(60_000, claim()), (60_000, claim()), (86_400_000, Operation::Purge), (1, claim())]
        .map(|(wait, operation)| Step { wait, operation })
}

async fn tell(steps: &[Step], fresh: Fresh, reference: Fresh) -> Result<(), String> {
    let store = Arc::clone(&fresh.store);
    let mut world = World::new(Story::new(fresh));
    for (number, step) in steps.iter().chain(&epilogue()).enumerate() {
        world.story.pass(std::time::Duration::from_millis(step.wait));
        let Some(command) = world.command(&step.operation) else { continue };
        let now = world.story.now;
        let is_sharded = store.partitions().len() > 1;
        let answer = give(&*store, command.clone(), now, is_sharded).await;
        let expected = give(&*reference.store, command, now, is_sharded).await;
        let step = format!("step {} ({:?})", number + 1, step.operation);
        if answer != expected {
            return Err(format!("{step} answers\n{answer:#?}\nand the reference\n{expected:#?}"));
        }
        world.learn(&expected);
        let (seen, expected) = (look(&*store, &world).await, look(&*reference.store, &world).await);
        if seen != expected {
            return Err(format!("after {step} the store holds\n{seen:#?}\nand the reference\n{expected:#?}"));
        }
    }
    Ok(())
}

/// What a store answered.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Start(StartOutcome),
    Send(SendOutcome),
    Check(CheckOutcome),
    Found(Option<Arc<Verification>>),
    Delete(DeleteOutcome),
    Target(Option<Target>),
    Claimed(Claimed),
    Fenced(Vec<Fenced>),
    Hastened(HastenOutcome),
    Is(bool),
    Done,
}

impl World {
    fn learn(&mut self, answer: &Answer) {
        match answer {
            Answer::Start(outcome) => self.started(outcome),
            Answer::Send(outcome) => self.sent(outcome),
            Answer::Claimed(claimed) => self.claimed(&claimed.claims),
            _ => {}
        }
    }
}

/// Gives one command to a store.
async fn give(store: &dyn Store, command: Command, now: Timestamp, is_sharded: bool) -> Answer {
    let works = "the store works";
    match command {
        Command::Start(start) => Answer::Start(store.start(*start).await.expect(works)),
        Command::Resend(resend) => Answer::Send(store.resend(resend).await.expect(works)),
        Command::SetAddress(set) => Answer::Send(store.set_address(set).await.expect(works)),
        Command::Enqueue(enqueue) => Answer::Send(store.enqueue(enqueue).await.expect(works)),
        Command::Check(check) => Answer::Check(store.check(check).await.expect(works)),
        Command::Cancel(namespace, selector) => {
            Answer::Found(store.cancel(Select { namespace, now, selector }).await.expect(works))
        }
        Command::DeleteIfApproved(namespace, selector) => {
            Answer::Delete(store.delete_if_approved(Select { namespace, now, selector }).await.expect(works))
        }
        Command::NewestTarget(look_up) => Answer::Target(store.newest_target(look_up).await.expect(works)),
        Command::PutRules(namespace, channel, by_ip, by_target) => {
            store.put_rules(namespace, channel, by_ip, by_target).await.expect(works);
            Answer::Done
        }
        Command::Claim(claimant, max) => {
            // Shards have no order among each other, so which come first is not to be compared there.
            let max = if is_sharded { usize::MAX } else { max };
            let mut all = Claimed::default();
            for partition in store.partitions() {
                let claim = ClaimDue { partition, now, claimant: claimant.clone(), max };
                let claimed = store.claim(claim).await.expect(works);
                all.claims.extend(claimed.claims);
                all.next_due = all.next_due.into_iter().chain(claimed.next_due).min();
            }
            if is_sharded {
                all.claims.sort_by_key(|claim| claim.delivery.id);
            }
            Answer::Claimed(all)
        }
        Command::Extend(extend) => Answer::Fenced(vec![store.extend(extend).await.expect(works)]),
        Command::Settle(settlements) => Answer::Fenced(store.settle(now, settlements).await.expect(works)),
        Command::Receipt(receipt) => Answer::Is(store.receipt(receipt).await.expect(works)),
        Command::Hasten(hasten) => Answer::Hastened(store.hasten(hasten).await.expect(works)),
        Command::Unlock(namespace, subject) => {
            Answer::Is(store.unlock(namespace, vec![subject]).await.expect(works))
        }
        Command::Purge => {
            for partition in store.partitions() {
                while store.purge(partition, now, 1_000).await.expect(works).more {}
            }
            Answer::Done
        }
        Command::RegisterKeys(keys) => {
            store.register_keys(keys.into_iter().map(key).collect()).await.expect(works);
            Answer::Done
        }
    }
}

/// Everything that can be seen of a store without changing it.
#[derive(Debug, PartialEq)]
struct Seen {
    by_vid: Vec<[Option<Arc<Verification>>; 2]>,
    by_name: Vec<(Selector, Option<Arc<Verification>>)>,
    passcodes: Vec<Option<SealedRow>>,
    rules: Vec<ThrottleRules>,
    stats: StoreStats,
    deliveries: Vec<Delivery>,
    key_uses: Vec<KeyUse>,
    keys: Vec<KeyId>,
}

async fn look(store: &dyn Store, world: &World) -> Seen {
    let now = world.story.now;
    let works = "the store works";
    let mut by_vid = Vec::new();
    for started in &world.started {
        let vid = &started.vid;
        let select = Select { namespace: started.namespace.clone(), now, selector: Selector::Vid(*vid) };
        by_vid.push([store.find(*vid, now).await.expect(works), store.get(select).await.expect(works)]);
    }
    let targets = || CHANNELS.iter().flat_map(|channel| ADDRESSES.map(|address| target(channel, address)));
    let selectors = || {
        let ids = IDS.iter().map(|id| Selector::Id(external_id(id)));
        ids.chain(targets().map(Selector::Target))
    };
    let (mut by_name, mut passcodes, mut rules) = (Vec::new(), Vec::new(), Vec::new());
    for tenant in TENANTS.map(namespace) {
        for selector in selectors() {
            let select = Select { namespace: tenant.clone(), now, selector: selector.clone() };
            by_name.push((selector, store.get(select).await.expect(works)));
        }
        for address in ADDRESSES {
            let targets = targets().filter(|target| target.address.given() == address).collect();
            passcodes.push(store.newest_passcode(tenant.clone(), now, targets).await.expect(works));
        }
        for channel in CHANNELS {
            let channel = Channel::new(channel).unwrap();
            rules.push(store.get_rules(tenant.clone(), channel).await.expect(works));
        }
    }
    let mut keys = store.keys().await.expect(works);
    keys.sort_unstable();
    Seen {
        by_vid,
        by_name,
        passcodes,
        rules,
        stats: store.stats().await.expect(works),
        deliveries: store.deliveries(EVERY_DELIVERY).await.expect(works),
        key_uses: store.key_uses(now).await.expect(works),
        keys,
    }
}

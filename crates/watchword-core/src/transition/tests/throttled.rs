use std::time::Duration;

use super::{NOW, later, start, subject, target};
use crate::ports::{OnLive, Start, StartOutcome, Throttled};
use crate::throttle::{SendTimes, Throttle, ThrottleKind, ThrottleRule, ThrottleRules, ThrottleSubject};
use crate::time::Timestamp;
use crate::transition::{SendsView, SendsWrite, StartView, start as decide};

const IP: ThrottleKind = ThrottleKind::Ip;
const TARGET: ThrottleKind = ThrottleKind::Target;

const fn rule(rate: u32, seconds: u64) -> ThrottleRule {
    ThrottleRule { rate, window: Duration::from_secs(seconds) }
}

fn ago(seconds: u64) -> Timestamp {
    NOW.before(Duration::from_secs(seconds))
}

/// A send by these subjects, each with when it sent before, seconds ago.
fn send(rules: &ThrottleRules, sent: &[(ThrottleKind, &[u64])]) -> Result<SendsWrite, StartOutcome> {
    let subjects =
        sent.iter().zip(1..).map(|((kind, _), number)| ThrottleSubject { kind: *kind, key: subject(number) });
    let throttle = Throttle { channel: target().channel, subjects: subjects.collect() };
    let times =
        sent.iter().map(|(_, times)| SendTimes::new(times.iter().map(|seconds| ago(*seconds)).collect()));
    let sends = SendsView { rules: rules.clone(), times: times.collect() };
    let asked = Start { throttle: Some(throttle), ..start(OnLive::Add) };
    decide(asked, StartView { sends, ..StartView::default() }).map(|write| write.sends)
}

#[test]
fn a_send_is_refused_by_the_rule_that_frees_last_of_the_kind_that_is_looked_at_first() {
    let (short, long) = (rule(1, 60), rule(2, 600));
    let refused = |kind, rule, retry_at| Some(StartOutcome::Throttled(Throttled { kind, rule, retry_at }));
    let missing = |kind| Some(StartOutcome::SubjectMissing(kind));
    let by_ip = ThrottleRules { by_ip: vec![short, long], by_target: Vec::new() };
    let by_target = ThrottleRules { by_ip: Vec::new(), by_target: vec![long, short] };
    let by_both = ThrottleRules { by_ip: vec![short], by_target: vec![long] };
    for (rules, sent, expected) in [
        (&by_ip, &[(IP, &[][..]), (TARGET, &[0, 0, 0])][..], None),
        (&by_ip, &[(IP, &[59]), (TARGET, &[])], refused(IP, short, later(1))),
        (&by_ip, &[(IP, &[60])], None),
        (&by_ip, &[(IP, &[599, 60])], refused(IP, long, later(1))),
        (&by_ip, &[(IP, &[599, 0])], refused(IP, short, later(60))),
        (&by_ip, &[(IP, &[600, 60])], None),
        (&by_target, &[(TARGET, &[10, 5])], refused(TARGET, long, later(590))),
        (&by_both, &[(IP, &[0]), (TARGET, &[1, 1])], refused(IP, short, later(60))),
        (&by_both, &[(TARGET, &[1, 1]), (IP, &[0])], refused(IP, short, later(60))),
        (&by_both, &[(IP, &[]), (TARGET, &[1, 1])], refused(TARGET, long, later(599))),
        // Whom to count is asked before anything is.
        (&by_both, &[(TARGET, &[1, 1])], missing(IP)),
        (&by_both, &[(IP, &[0])], missing(TARGET)),
        (&by_both, &[], missing(IP)),
        (&by_target, &[(TARGET, &[])], None),
        (&ThrottleRules::default(), &[], None),
    ] {
        assert_eq!(send(rules, sent).err(), expected, "{rules:?}, {sent:?}");
    }
}

#[test]
fn a_send_is_counted_against_everybody_it_names() {
    let written = send(&ThrottleRules::default(), &[(IP, &[7]), (TARGET, &[])]).unwrap();
    let expected = [(subject(1), SendTimes::new(vec![ago(7), NOW])), (subject(2), SendTimes::new(vec![NOW]))];
    assert_eq!(written, expected);
}

#[test]
fn who_asks_for_no_throttling_is_not_counted() {
    let full = SendsView {
        rules: ThrottleRules { by_ip: vec![rule(1, 60)], by_target: vec![rule(1, 60)] },
        times: vec![SendTimes::new(vec![NOW])],
    };
    let decided = decide(start(OnLive::Add), StartView { sends: full, ..StartView::default() });
    assert_eq!(decided.map(|write| write.sends), Ok(Vec::new()));
}

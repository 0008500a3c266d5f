use std::time::Duration;

use super::{NOW, later, target};
use crate::guess::{GuessCount, LookupRule};
use crate::time::Timestamp;
use crate::transition::{CountWrite, LookUpWrite, look_up};

#[test]
fn misses_in_a_row_are_counted_and_refuse_the_next_for_a_while() {
    let rule = LookupRule { burst: 3, wait: Duration::from_secs(10) };
    let count =
        |wrong_in_a_row, refused_until| GuessCount { wrong_in_a_row, refused_until, last_wrong_at: NOW };
    let never = Timestamp::default();
    let refusing = count(3, later(10));
    for (found, before, expected, written) in [
        (false, None, false, CountWrite::Set(count(1, never))),
        (false, Some(count(1, never)), false, CountWrite::Set(count(2, never))),
        (false, Some(count(2, never)), false, CountWrite::Set(refusing)),
        // Refused: it looks like a miss, and is not counted.
        (true, Some(refusing), false, CountWrite::Unchanged),
        (false, Some(refusing), false, CountWrite::Unchanged),
        (true, Some(count(2, never)), true, CountWrite::Clear),
        (true, None, true, CountWrite::Unchanged),
        // After the wait: the next miss refuses again, for as long.
        (false, Some(count(3, NOW)), false, CountWrite::Set(count(4, later(10)))),
        (true, Some(count(3, NOW)), true, CountWrite::Clear),
    ] {
        let write = look_up(found.then(target), before, &rule, NOW);
        let expected = LookUpWrite { target: expected.then(target), count: written };
        assert_eq!(write, expected, "found: {found}, before: {before:?}");
    }
    let off = LookupRule { burst: 0, ..rule };
    let write = look_up(None, Some(count(1_000, NOW)), &off, NOW);
    assert_eq!(write.count, CountWrite::Set(count(1_001, never)), "counted, and never refused");
}

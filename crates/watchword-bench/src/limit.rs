//! What kept a load from being faster: figures of a load program that was itself at its limit say little of the server.

use std::fmt;

use serde::Serialize;

/// The load program is late when its own part of the lateness, at its p99, is more than this, in microseconds …
const LATE_US: u64 = 1_000;

/// … and more than this part of PUT's latency.
const LATE_PART: f64 = 0.1;

/// Part of the cores from which on they are used up.
const USED_UP: f64 = 0.95;

/// Part of the cores that the load program alone can't go beyond by much.
const ALL_FOR_ITSELF: f64 = 0.9;

/// Part of the turns that may wait for a free connection.
const MAY_WAIT: f64 = 0.01;

/// What a load was limited by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    /// The load program: it was late, or used nearly all cores itself.
    Generator,
    /// The machine's cores, which the load program shares with the server.
    Machine,
    /// The server, or what it waits for.
    Server,
    /// Nothing: a fixed rate was kept.
    Nothing,
}

/// What [`limit`] looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// At a fixed rate: the p99 of the load program's own lateness in microseconds, and which part of the turns waited
    /// for a free connection.
    pub(crate) paced: Option<Paced>,
    pub(crate) put_p99_us: u64,
    /// Which part of all cores the load program used, from 0 to 1.
    pub(crate) generator: f64,
    /// Which part of all cores was used, by all that runs here. `None`: not known.
    pub(crate) machine: Option<f64>,
}

/// See [`Facts::paced`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paced {
    pub(crate) own_p99_us: u64,
    pub(crate) waited: f64,
}

/// What limited a load.
pub(crate) fn limit(facts: &Facts) -> Limit {
    let late = facts.paced.is_some_and(|paced| {
        paced.own_p99_us > LATE_US && paced.own_p99_us as f64 > LATE_PART * facts.put_p99_us as f64
    });
    if late || facts.generator >= ALL_FOR_ITSELF {
        return Limit::Generator;
    }
    let kept = facts.paced.is_some_and(|paced| paced.waited <= MAY_WAIT);
    let used_up = facts.machine.is_some_and(|machine| machine >= USED_UP);
    match (kept, used_up) {
        (true, _) => Limit::Nothing,
        (false, true) => Limit::Machine,
        (false, false) => Limit::Server,
    }
}

impl Limit {
    /// In one word, as in the JSON document.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Machine => "machine",
            Self::Server => "server",
            Self::Nothing => "nothing",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Generator => "the LOAD PROGRAM, not the server: these latencies are partly its own",
            Self::Machine => "the machine's cores, which the load program shares",
            Self::Server => "the server, or what it waits for",
            Self::Nothing => "nothing, the rate was kept",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_when_the_load_program_and_not_the_server_was_the_limit() {
        let paced = |own_p99_us, waited| Some(Paced { own_p99_us, waited });
        let cases = [
            // at a fixed rate, p99 of PUT, load program, machine
            (None, 5_000, 0.3, Some(0.5), Limit::Server),
            (None, 5_000, 0.3, Some(0.99), Limit::Machine),
            (None, 5_000, 0.95, Some(0.99), Limit::Generator),
            (None, 5_000, 0.3, None, Limit::Server),
            (paced(200, 0.0), 5_000, 0.3, Some(0.5), Limit::Nothing),
            (paced(200, 0.0), 5_000, 0.3, Some(0.97), Limit::Nothing),
            // Late, and it shows.
            (paced(2_000, 0.0), 5_000, 0.3, Some(0.5), Limit::Generator),
            // Late, but what is a millisecond to a server that takes a second?
            (paced(2_000, 0.0), 1_000_000, 0.3, Some(0.5), Limit::Nothing),
            // Late by a part of PUT that is large, but small in itself.
            (paced(900, 0.0), 1_000, 0.3, Some(0.5), Limit::Nothing),
            // Every connection was busy.
            (paced(200, 0.4), 90_000, 0.3, Some(0.5), Limit::Server),
            (paced(200, 0.4), 90_000, 0.3, Some(0.98), Limit::Machine),
        ];
        for (paced, put_p99_us, generator, machine, expected) in cases {
            let facts = Facts { paced, put_p99_us, generator, machine };
            assert_eq!(limit(&facts), expected, "{facts:?}");
        }
    }

    #[test]
    fn its_name_is_that_of_the_json_document() {
        for limit in [Limit::Generator, Limit::Machine, Limit::Server, Limit::Nothing] {
            assert_eq!(serde_json::to_value(limit).unwrap(), limit.name());
        }
    }
}

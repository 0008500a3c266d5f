//! What a script is given: the partitions it is about, the time, and its arguments in the order in which it takes them.

use std::time::Duration;

use ::redis::Cmd;
use uuid::Uuid;
use watchword_core::delivery::{Claimant, NewDelivery};
use watchword_core::namespace::Partition;
use watchword_core::ports::Selector;
use watchword_core::throttle::{Throttle, ThrottleKind};
use watchword_core::time::Timestamp;

use super::keys::Prefix;
use super::packed::Packing;
use super::script::Script;

/// The largest whole number that a script's floating-point numbers keep exactly.
const MOST_EXACT: i64 = (1 << 53) - 1;

/// A script and its arguments, which it takes as one.
pub(super) struct Call {
    script: &'static Script,
    command: Cmd,
    arguments: Packing,
}

/// A script with its arguments, ready to be sent.
pub(super) struct Ready {
    pub(super) script: &'static Script,
    pub(super) command: Cmd,
}

impl Call {
    /// Every script takes the time and how long records are kept first.
    pub(super) fn new(
        script: &'static Script,
        prefix: &Prefix,
        partitions: &[Partition],
        now: Timestamp,
        records_kept: Duration,
    ) -> Self {
        let mut command = ::redis::cmd("EVALSHA");
        command.arg(script.digest()).arg(partitions.len());
        for partition in partitions {
            command.arg(prefix.of(*partition));
        }
        let mut call = Self { script, command, arguments: Packing::default() };
        call.time(now).wait(records_kept);
        call
    }

    /// It was given all it takes.
    pub(super) fn ready(self) -> Ready {
        let Self { script, mut command, arguments } = self;
        command.arg(arguments.list());
        Ready { script, command }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.arguments.bytes(bytes);
        self
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// As 16 bytes: there are many of them, and memory is what this store costs.
    pub(super) fn uuid(&mut self, uuid: &Uuid) -> &mut Self {
        self.bytes(uuid.as_bytes())
    }

    pub(super) fn optional(&mut self, value: Option<&[u8]>) -> &mut Self {
        match value {
            None => self.absent(),
            Some(value) => self.bytes(value),
        }
    }

    pub(super) fn optional_text(&mut self, text: Option<&str>) -> &mut Self {
        self.optional(text.map(str::as_bytes))
    }

    pub(super) fn number(&mut self, number: i64) -> &mut Self {
        self.arguments.number(exact(number));
        self
    }

    pub(super) fn flag(&mut self, flag: bool) -> &mut Self {
        self.number(flag.into())
    }

    pub(super) fn count(&mut self, count: usize) -> &mut Self {
        self.number(i64::try_from(count).unwrap_or(i64::MAX))
    }

    pub(super) fn optional_number(&mut self, number: Option<i64>) -> &mut Self {
        match number {
            Some(number) => self.number(number),
            None => self.absent(),
        }
    }

    fn absent(&mut self) -> &mut Self {
        self.arguments.absent();
        self
    }

    pub(super) fn time(&mut self, time: Timestamp) -> &mut Self {
        self.number(time.as_millis())
    }

    pub(super) fn wait(&mut self, wait: Duration) -> &mut Self {
        self.number(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
    }

    /// Its length, then each element.
    pub(super) fn list<T>(
        &mut self,
        list: impl ExactSizeIterator<Item = T>,
        mut add: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.count(list.len());
        list.for_each(|element| add(self, element));
        self
    }

    pub(super) fn selector(&mut self, selector: &Selector) -> &mut Self {
        match selector {
            Selector::Id(id) => self.text("i").text(id.as_str()),
            Selector::Target(target) => {
                self.text("t").text(target.channel.as_str()).text(target.address.given())
            }
            Selector::Vid(vid) => self.text("v").uuid(vid.as_uuid()),
        }
    }

    pub(super) fn claimant(&mut self, claimant: Option<&Claimant>) -> &mut Self {
        self.optional_text(claimant.map(|claimant| claimant.node.as_str()));
        if let Some(claimant) = claimant {
            self.time(claimant.lease_until);
        }
        self
    }

    pub(super) fn messages(&mut self, messages: &[NewDelivery]) -> &mut Self {
        self.list(messages.iter(), |call, message| {
            call.uuid(message.id.as_uuid()).text(message.route.as_str());
            call.bytes(message.message.as_bytes()).text(&message.masked_to);
            call.optional_number(message.not_before.map(Timestamp::as_millis));
        })
    }

    pub(super) fn throttle(&mut self, throttle: Option<&Throttle>) -> &mut Self {
        self.optional_text(throttle.map(|throttle| throttle.channel.as_str()));
        if let Some(throttle) = throttle {
            self.list(throttle.subjects.iter(), |call, subject| {
                call.number(kind_number(subject.kind)).bytes(subject.key.as_bytes());
            });
        }
        self
    }
}

impl Ready {
    /// The same call with the script's text, for a server that does not know it yet.
    pub(super) fn with_source(&self) -> Cmd {
        let mut command = ::redis::cmd("EVAL");
        command.arg(self.script.source());
        for argument in self.command.args_iter().skip(2) {
            if let ::redis::Arg::Simple(argument) = argument {
                command.arg(argument);
            }
        }
        command
    }
}

/// The nearest whole number that scripts keep exactly.
pub(super) fn exact(number: i64) -> i64 {
    number.clamp(-MOST_EXACT, MOST_EXACT)
}

const fn kind_number(kind: ThrottleKind) -> i64 {
    match kind {
        ThrottleKind::Ip => 0,
        ThrottleKind::Target => 1,
    }
}

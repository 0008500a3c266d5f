//! What the broker has, read by kcat.

use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use watchword_testkit::deadline::eventually;
use watchword_testkit::kafka::Broker;
use watchword_testkit::shared::Shared;

pub(crate) const SMS: &str = "egov.core.notification.sms.otp";
pub(crate) const EMAIL: &str = "egov.core.notification.email";

static BROKER: Shared<Broker> = Shared::new();

/// The broker of all tests that do nothing to it.
pub(crate) fn broker() -> Arc<Broker> {
    BROKER.get(Broker::start)
}

/// A record, and when the broker took it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// In milliseconds since 1970.
    pub(crate) taken_at: i64,
    pub(crate) key: Value,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) value: String,
}

impl Record {
    /// The header of that name, of which there is one.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let (_, value) = found.next().unwrap_or_else(|| panic!("no {name}: {self:?}"));
        assert!(found.next().is_none(), "two of {name}: {self:?}");
        value
    }

    /// A member of the value.
    pub(crate) fn member(&self, name: &str) -> Value {
        serde_json::from_str::<Value>(&self.value).unwrap()[name].take()
    }

    /// How long, in milliseconds, the SMS's consumer had left to send it when the broker took it.
    pub(crate) fn left(&self) -> i64 {
        self.member("expiryTime").as_i64().unwrap() - self.taken_at
    }
}

/// Every record of a topic so far.
pub(crate) fn all(broker: &Broker, topic: &str) -> Vec<Record> {
    let mut kcat = Command::new("kcat");
    kcat.args(["-C", "-J", "-e", "-q", "-o", "beginning", "-b", &broker.url(), "-t", topic]);
    let read = kcat.output().expect("`kcat` can be run; install the package kcat");
    assert!(read.status.success(), "{read:?}");
    String::from_utf8(read.stdout).unwrap().lines().map(record).collect()
}

fn record(line: &str) -> Record {
    let read: Value = serde_json::from_str(line).unwrap();
    assert_eq!(read["tstype"], "logappend", "the time is the broker's: {line}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let headers = read["headers"].as_array().unwrap().chunks(2).map(|pair| (text(&pair[0]), text(&pair[1])));
    Record {
        taken_at: read["ts"].as_i64().unwrap(),
        key: read["key"].clone(),
        headers: headers.collect(),
        value: text(&read["payload"]),
    }
}

/// Waits until a topic has so many.
pub(crate) async fn wait_for(broker: &Broker, topic: &str, count: usize) -> Vec<Record> {
    eventually("records", async || {
        let records = tokio::task::block_in_place(|| all(broker, topic));
        (records.len() >= count).then_some(records)
    })
    .await
}

//! What takes every message and sends none.

use watchword_core::delivery::Outcome;
use watchword_core::ports::Probe;
use watchword_delivery::discard::DiscardSettings;
use watchword_delivery::registry::{ProviderSettings, Registry};

use crate::sample::{Sample, clock, provider_id};

#[tokio::test]
async fn every_message_is_taken_and_the_operator_is_told_that_none_is_sent() {
    let registry = Registry::new(clock());
    let settings = ProviderSettings::Discard(DiscardSettings::default());
    let provider = registry.build(provider_id("sms"), &settings).unwrap();
    assert_eq!(
        registry.take_warnings(),
        ["provider `sms`: takes every message and sends none; nobody gets a passcode by it"]
    );
    for number in 0..3 {
        let outcome = Sample::numbered(number).send(&*provider).await;
        assert_eq!(outcome, Outcome::Accepted { message_id: None });
    }
    assert_eq!(provider.probe().await, Probe::Untried { reason: "it sends nothing".to_owned() });
}

//! The limits of a channel: throttle rules, as this dialect writes them.

use std::time::Duration;

use serde_json::value::RawValue;
use watchword_core::throttle::{ThrottleRule, ThrottleRules};

use super::channel::ChannelName;
use super::name::Name;
use super::parameters::Parameters;
use super::refusal::{InputError, MAX_RULES};
use super::wire::{GivenRule, Rule, RulesContent};

/// The longest window: ten years. What a caller asks beyond it comes to the same, for no send is that old.
const MAX_MINUTES: u64 = 10 * 365 * 24 * 60;

/// The rules that a parameter holds. `None`: it is no array, and leaves the rules alone. An item that is no rule is passed over.
///
/// # Errors
/// More rules than a send could look at.
pub(super) fn rules(
    parameters: &Parameters<'_>,
    name: Name,
) -> Result<Option<Vec<ThrottleRule>>, InputError> {
    let Some(items) = parameters.items(name) else { return Ok(None) };
    let rules: Vec<_> = items.into_iter().filter_map(rule).collect();
    if rules.len() > MAX_RULES { Err(InputError::TooManyRules(name)) } else { Ok(Some(rules)) }
}

fn rule(item: &RawValue) -> Option<ThrottleRule> {
    let text = item.get();
    // What serde fills from an object, it would fill from an array too.
    let given: GivenRule<'_> = text.starts_with('{').then(|| serde_json::from_str(text).ok())??;
    let minutes = count(given.minutes?)?.min(MAX_MINUTES);
    let rate = u32::try_from(count(given.rate?)?).unwrap_or(u32::MAX);
    Some(ThrottleRule { rate, window: Duration::from_secs(60 * minutes) })
}

/// A whole number from 1 on, or a text that says one; what is too large for us is the largest there is.
fn count(raw: &RawValue) -> Option<u64> {
    let text = raw.get();
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let digits = quoted.map_or(text, str::trim_ascii);
    let is_count = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_count.then(|| digits.parse().unwrap_or(u64::MAX)).filter(|count| *count >= 1)
}

/// The rules, under the names that the channel's `POST` knows.
pub(super) fn shown(channel: ChannelName, rules: &ThrottleRules) -> RulesContent {
    let list = |rules: &[ThrottleRule]| rules.iter().map(shown_rule).collect::<Vec<_>>();
    let by_target = |name| (channel.target_rules() == name).then(|| list(&rules.by_target));
    RulesContent {
        ips: list(&rules.by_ip),
        phones: by_target(Name::Phones),
        emails: by_target(Name::Emails),
        chat_ids: by_target(Name::ChatIds),
    }
}

fn shown_rule(rule: &ThrottleRule) -> Rule {
    Rule { minutes: rule.window.as_secs().div_ceil(60), rate: rule.rate }
}

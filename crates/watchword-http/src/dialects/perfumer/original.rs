//! What the original gave out before it was replaced, in this dialect's terms.

use std::time::Duration;

use watchword_core::address::{Address, Channel};
use watchword_core::engine::{PasscodeSource, StartRequest, ThrottleBy};
use watchword_core::passcode::Passcode;
use watchword_core::verification::RouteName;

use super::channel::ChannelName;
use super::map;
use super::refusal::MAX_CHARACTERS;
use super::settings::PerfumerSettings;

/// The request that a call of this dialect would have made for a passcode that is good for `lifetime` more; the passcode is that of
/// its [`PasscodeSource::Given`]. `None`: none of its calls finds such a target or such a passcode.
pub fn request_for(
    settings: &PerfumerSettings,
    channel: &Channel,
    target: &str,
    password: &str,
    lifetime: Duration,
) -> Option<(StartRequest, Passcode)> {
    let channel = ChannelName::find(channel.as_str())?;
    let is_short = |text: &str| text.chars().count() <= MAX_CHARACTERS;
    if !is_short(target) || !is_short(password) {
        return None;
    }
    let (to, passcode) = (Address::new(target).ok()?, Passcode::new(password).ok()?);
    // It was sent; a channel that carries nothing any more still has its passcodes checked.
    let unused = || RouteName::new(channel.as_str()).ok();
    let route = settings.routes.of(channel).cloned().or_else(unused)?;
    let request = map::start(
        channel,
        settings.namespace.clone(),
        route,
        to,
        PasscodeSource::Given(passcode.clone()),
        lifetime,
        ThrottleBy::default(),
    );
    Some((request, passcode))
}

//! What each dialect is told, from the configuration.
//!
//! # How to add one more
//!
//! - **A dialect**: its function here, and its arm in `Rewiring::public`.
//! - **A kind of provider**: which addresses it takes, in `address_rule`; what its messages are written in, in `composer`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use watchword_core::address::Channel;
use watchword_core::delivery::BodyFormat;
use watchword_core::error::InvalidInput;
use watchword_core::verification::RouteName;
use watchword_delivery::http::AddressKind;
use watchword_delivery::kafka;
use watchword_delivery::queue::Sends;
use watchword_delivery::registry::ProviderSettings;
use watchword_http::dialects::egov::{EgovSettings, LocalizationSettings, MdmsSettings};
use watchword_http::dialects::otpgateway::{
    Access, AddressRule, BuiltIn, Compose, OtpgatewaySettings, PageSettings, ProviderProfile, Templated,
};
use watchword_http::dialects::perfumer::{BasicAuth, ChannelRoutes, PerfumerSettings, WebhookSettings};

use crate::config::{Config, ConfiguredProvider, Egov, MessageTemplates, Perfumer, ServiceUrl};

pub(super) fn otpgateway_settings(
    config: &Config,
    listen: SocketAddr,
) -> Result<OtpgatewaySettings, InvalidInput> {
    let access = config.namespaces.iter().map(|(namespace, secret)| Access {
        namespace: namespace.clone(),
        secret: secret.expose().to_owned(),
    });
    let mut providers = Vec::with_capacity(config.routes.len());
    for (name, ids) in &config.routes {
        // People see the first provider's medium; the others stand in for it.
        if let Some((id, configured)) = ids.first().and_then(|id| config.providers.get_key_value(id)) {
            let ConfiguredProvider { settings, .. } = configured;
            let shown = settings.presentation(id);
            let channel = Channel::new(shown.channel)?;
            let profile = ProviderProfile::new(name.clone(), channel, address_rule(settings));
            providers.push(ProviderProfile {
                address_name: shown.address_name.to_owned(),
                passcode_length: shown.passcode_length,
                max_address_length: shown.max_address_length,
                composer: composer(config.messages.get(id), settings).unwrap_or(profile.composer),
                ..profile
            });
        }
    }
    let root_url = match &config.server.root_url {
        Some(url) => url.as_str().to_owned(),
        None => match &config.server.tls {
            None => origin(listen),
            Some(_) => origin(listen).replacen("http:", "https:", 1),
        },
    };
    Ok(OtpgatewaySettings {
        root_url,
        namespaces: access.collect(),
        providers,
        // The configuration has checked its size.
        default_ttl: u32::try_from(config.otp.ttl.as_secs()).unwrap_or(u32::MAX),
        default_max_attempts: config.otp.max_attempts,
        default_max_generate: config.otp.max_generate,
        server_timeout: config.server.timeout,
        pages: PageSettings {
            pages: Arc::clone(&config.pages.pages),
            frame_ancestors: config.frame_ancestors.clone(),
            resend_cool_down: config.pages.resend_cool_down,
            requests_per_minute: config.pages.requests_per_minute,
        },
    })
}

/// What the dialect perfumer is told. A channel goes by the route of its name.
pub(crate) fn perfumer_settings(config: &Config) -> PerfumerSettings {
    let Perfumer { username, password, webhook, .. } = &config.perfumer;
    let default = PerfumerSettings::default();
    let route = |name| route(config, name);
    let basic_auth = username.clone().zip(password.as_ref());
    PerfumerSettings {
        namespace: config.perfumer.namespace().cloned().unwrap_or(default.namespace),
        basic_auth: basic_auth
            .map(|(username, password)| BasicAuth { username, password: password.expose().to_owned() }),
        routes: ChannelRoutes {
            sms: route("sms"),
            call: route("call"),
            email: route("email"),
            telegram: route("telegram"),
        },
        webhook: WebhookSettings {
            secret: webhook.secret.as_ref().map(|secret| secret.expose().to_owned()),
            groups: webhook.groups,
            digits: webhook.digits,
            lifetime: webhook.lifetime,
            text: webhook.text.clone(),
        },
        server_timeout: config.server.timeout,
    }
}

/// Whether all that carry egov's SMS want a number with its country code, as carriers do. DIGIT's own consumers don't.
fn sms_takes_whole_numbers(config: &Config) -> bool {
    let providers = config.routes.iter().find(|(route, _)| route.as_str() == "sms");
    let mut settings = providers
        .into_iter()
        .flat_map(|(_, ids)| ids)
        .filter_map(|id| config.providers.get(id))
        .map(|configured| &configured.settings)
        .peekable();
    settings.peek().is_some()
        && settings.all(|settings| match settings {
            ProviderSettings::Http(http) => http.address == AddressKind::Phone,
            ProviderSettings::KaleyraSms(_) | ProviderSettings::PinpointSms(_) => true,
            _ => false,
        })
}

/// What the dialect egov is told. SMS and mail go by the routes of those names.
pub(super) fn egov_settings(config: &Config) -> EgovSettings {
    let Egov { user_otp_path, management_path, user_url, digits, lifetime, localization, mdms } =
        &config.egov;
    let url = |url: &Option<ServiceUrl>| url.as_ref().map(|url| url.0.clone());
    EgovSettings {
        user_otp_path: user_otp_path.clone(),
        management_path: management_path.clone(),
        user_url: url(user_url),
        localization: LocalizationSettings {
            url: url(&localization.url),
            module: localization.module.clone(),
            default_locale: localization.default_locale.clone(),
            strip_suffix_count: localization.strip_suffix_count,
        },
        mdms: MdmsSettings {
            url: url(&mdms.url),
            module: mdms.module.clone(),
            master: mdms.master.clone(),
            default_country_code: Some(mdms.default_country_code.clone()).filter(|code| !code.is_empty()),
            default_pattern: mdms.default_pattern.clone(),
            cache_ttl: mdms.cache,
            state_tenant_parts: mdms.state_tenant_parts,
        },
        passcode_length: *digits,
        ttl: *lifetime,
        sms_route: route(config, "sms"),
        sms_to_whole_number: sms_takes_whole_numbers(config),
        email_route: route(config, "email"),
        server_timeout: config.server.timeout,
    }
}

/// The route of that name, if there is one.
fn route(config: &Config, name: &str) -> Option<RouteName> {
    config.routes.keys().find(|route| route.as_str() == name).cloned()
}

/// Words the messages of a provider. The configuration has tried its templates: `None` does not come.
fn composer(messages: Option<&MessageTemplates>, settings: &ProviderSettings) -> Option<Arc<dyn Compose>> {
    let format = match settings {
        ProviderSettings::Smtp(_) => BodyFormat::Html,
        ProviderSettings::Queue(queue) if queue.sends == Sends::Email => BodyFormat::Html,
        ProviderSettings::Queue(_)
        | ProviderSettings::Kafka(_)
        | ProviderSettings::Telegram(_)
        | ProviderSettings::Discard(_)
        | ProviderSettings::Webhook(_)
        | ProviderSettings::Http(_)
        | ProviderSettings::KaleyraSms(_)
        | ProviderSettings::KaleyraWhatsapp(_)
        | ProviderSettings::PinpointSms(_)
        | ProviderSettings::Inbox(_) => BodyFormat::Text,
    };
    // What sends to Telegram behind Queue leaves previews on: Telegram would open the link, which holds the passcode.
    let is_previewed = matches!(settings, ProviderSettings::Queue(queue) if queue.sends == Sends::Telegram);
    let link = address_rule(settings) != AddressRule::Phone && !is_previewed;
    let built_in = BuiltIn { subject: None, link, format };
    let subject = messages.and_then(|messages| messages.subject.as_deref());
    let body = messages.and_then(|messages| messages.body.as_ref());
    let body = body.map(|body| (body.source.as_str(), body.format));
    if subject.is_none() && body.is_none() {
        return Some(Arc::new(built_in));
    }
    Some(Arc::new(Templated::new(subject, body, built_in).ok()?))
}

/// Which addresses a provider takes.
fn address_rule(settings: &ProviderSettings) -> AddressRule {
    match settings {
        ProviderSettings::Smtp(_) => AddressRule::Email,
        ProviderSettings::Http(http) => match http.address {
            AddressKind::Any => AddressRule::Any,
            AddressKind::Phone => AddressRule::Phone,
            AddressKind::Email => AddressRule::Email,
        },
        ProviderSettings::KaleyraSms(_)
        | ProviderSettings::KaleyraWhatsapp(_)
        | ProviderSettings::PinpointSms(_) => AddressRule::Phone,
        ProviderSettings::Queue(queue) => match queue.sends {
            Sends::Sms | Sends::Call => AddressRule::Phone,
            Sends::Email => AddressRule::Email,
            Sends::Telegram => AddressRule::Any,
        },
        ProviderSettings::Kafka(kafka) => match kafka.sends {
            kafka::Sends::Sms => AddressRule::Phone,
            kafka::Sends::Email => AddressRule::Email,
        },
        ProviderSettings::Telegram(_)
        | ProviderSettings::Discard(_)
        | ProviderSettings::Webhook(_)
        | ProviderSettings::Inbox(_) => AddressRule::Any,
    }
}

/// Where a browser on this machine reaches a server that listens there: scheme, address and port.
pub fn origin(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

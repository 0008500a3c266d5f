//! egov-localization: the words of messages (wire contract of egov, step 4).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use watchword_core::time::Timestamp;

use super::cache::{Cache, Fetched, Found, Keeping};
use super::service::{Question, Service, json};
use super::{Passed, until};
use crate::dialects::egov::fields::{WrongType, items, members, text};
use crate::dialects::egov::settings::LocalizationSettings;
use crate::dialects::egov::tenant::without_last_parts;
use crate::dialects::egov::wire::LocalizationSearch;
use crate::dialects::egov::words::{Text, Texts};

/// The most bytes of an answer: a module has hundreds of texts.
const MOST_BYTES: usize = 4 * 1_024 * 1_024;
/// The most bytes of a text that is used.
const MOST_TEXT_BYTES: usize = 8 * 1_024;
/// How long texts are good. Those who edit them see them within that time.
const FRESH_FOR: Duration = Duration::from_secs(60);
/// The most tenants and locales whose texts are kept.
const MOST_KEPT: usize = 512;
/// How long an answer may take that nobody waits for any more.
const LIMIT: Duration = Duration::from_secs(10);

/// egov-localization, and what it said.
pub(in crate::dialects::egov) struct Localization {
    service: Option<Service>,
    module: String,
    default_locale: String,
    strip_suffix_count: usize,
    patience: Duration,
    texts: Cache<(String, String), Texts>,
}

impl Localization {
    pub(super) fn new(service: Option<Service>, settings: &LocalizationSettings, patience: Duration) -> Self {
        let LocalizationSettings { url: _, module, default_locale, strip_suffix_count } = settings;
        Self {
            service,
            module: module.clone(),
            default_locale: default_locale.clone(),
            strip_suffix_count: *strip_suffix_count,
            patience,
            texts: Cache::new(Keeping { fresh_for: Some(FRESH_FOR), most: MOST_KEPT }),
        }
    }

    /// The texts of a tenant in a locale; none where they are not to be had soon.
    pub(in crate::dialects::egov) async fn texts(
        &self,
        locale: Option<&str>,
        passed: &Passed<'_>,
        now: Timestamp,
    ) -> Arc<Texts> {
        let Some(service) = &self.service else { return Arc::default() };
        let tenant = without_last_parts(passed.tenant, self.strip_suffix_count);
        let locale = locale.unwrap_or(&self.default_locale);
        let key = (tenant.to_owned(), locale.to_owned());
        let found = self.texts.find(&key, now, |_| true, || self.fetch(service, tenant, locale, passed));
        match found {
            Found::Ready(texts) => texts,
            // Who comes later waits no longer than who came first.
            Found::Asked { at, flight, .. } => {
                match until(service.clock(), at.after(self.patience), flight).await {
                    Some(Fetched::Kept(texts) | Fetched::Passing(texts)) => texts,
                    Some(Fetched::Failed) | None => Arc::default(),
                }
            }
        }
    }

    fn fetch(
        &self,
        service: &Service,
        tenant: &str,
        locale: &str,
        passed: &Passed<'_>,
    ) -> impl Future<Output = Fetched<Texts>> + Send + use<> {
        let mut url = service.url().clone();
        url.query_pairs_mut()
            .append_pair("tenantId", tenant)
            .append_pair("module", &self.module)
            .append_pair("locale", locale);
        let body = json(&LocalizationSearch { request_info: passed.info });
        let (service, tenant, correlation) =
            (service.clone(), passed.tenant.to_owned(), passed.correlation.clone());
        async move {
            let question = Question { url, tenant: &tenant, correlation: &correlation, body };
            let Ok(body) = service.ask(question, LIMIT, MOST_BYTES).await else { return Fetched::Failed };
            match serde_json::from_slice(&body).map_err(|_| WrongType).and_then(known_texts) {
                Ok(texts) => Fetched::Kept(Arc::new(texts)),
                Err(WrongType) => {
                    service.garbage();
                    Fetched::Failed
                }
            }
        }
    }
}

/// Those of the messages that are ours.
fn known_texts(body: &RawValue) -> Result<Texts, WrongType> {
    let [messages] = members(body, &["messages"])?.ok_or(WrongType)?;
    let messages = messages.map(items).transpose()?.flatten().unwrap_or_default();
    let mut texts = Texts::default();
    for message in messages {
        let Some([code, words]) = members(message, &["code", "message"])? else { continue };
        // One text that can't be read is no reason to do without the others.
        let (Ok(Some(code)), Ok(Some(words))) = (text(code), text(words)) else { continue };
        if let Some(known) = Text::ALL.into_iter().find(|known| known.code() == code)
            && words.len() <= MOST_TEXT_BYTES
        {
            texts.set(known, &words);
        }
    }
    Ok(texts)
}

impl fmt::Debug for Localization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Localization").field("module", &self.module).finish_non_exhaustive()
    }
}

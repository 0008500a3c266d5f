//! MDMS: what mobile numbers look like, by state and country code (wire contract of egov, step 1).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use watchword_core::time::Timestamp;

use super::cache::{Cache, Fetched, Found, Keeping};
use super::service::{Question, Service, json};
use super::{Passed, Unavailable, until};
use crate::dialects::egov::fields::{WrongType, items, members, text};
use crate::dialects::egov::pattern::Pattern;
use crate::dialects::egov::settings::MdmsSettings;
use crate::dialects::egov::tenant::leading_parts;
use crate::dialects::egov::wire::{MasterDetail, MdmsCriteria, MdmsSearch, ModuleDetail};

/// The most bytes of an answer.
const MOST_BYTES: usize = 1_024 * 1_024;
/// The most states whose answers are kept.
const MOST_KEPT: usize = 256;
/// The most entries of an answer: there are some 250 countries.
const MOST_RULES: usize = 1_000;
/// How long an answer may take that nobody waits for any more.
const LIMIT: Duration = Duration::from_secs(10);

/// MDMS, and what it said.
pub(in crate::dialects::egov) struct Mdms {
    service: Option<Service>,
    module: String,
    master: String,
    state_tenant_parts: usize,
    patience: Duration,
    rules: Cache<String, NumberRules>,
    default: NumberRule,
}

/// What the numbers of a country look like.
#[derive(Debug)]
pub(in crate::dialects::egov) struct NumberRule {
    pub(in crate::dialects::egov) country_code: Option<String>,
    pub(in crate::dialects::egov) pattern: Pattern,
    is_default: bool,
}

/// The entries of a state that have a pattern.
#[derive(Debug, Default)]
pub(in crate::dialects::egov) struct NumberRules(Vec<NumberRule>);

impl NumberRules {
    /// The entry for a country code, else the default one.
    pub(in crate::dialects::egov) fn of(&self, country_code: Option<&str>) -> Option<&NumberRule> {
        let of_country = country_code
            .and_then(|code| self.0.iter().find(|rule| rule.country_code.as_deref() == Some(code)));
        of_country.or_else(|| self.0.iter().find(|rule| rule.is_default))
    }
}

impl Mdms {
    pub(super) fn new(service: Option<Service>, settings: &MdmsSettings, patience: Duration) -> Self {
        let fresh_for = Some(settings.cache_ttl).filter(|ttl| !ttl.is_zero());
        Self {
            service,
            module: settings.module.clone(),
            master: settings.master.clone(),
            state_tenant_parts: settings.state_tenant_parts,
            patience,
            rules: Cache::new(Keeping { fresh_for, most: MOST_KEPT }),
            default: NumberRule {
                country_code: settings.default_country_code.clone(),
                pattern: Pattern::new(settings.default_pattern.clone()),
                is_default: true,
            },
        }
    }

    /// What a number looks like that comes without a country code, where MDMS has nothing for it.
    pub(in crate::dialects::egov) const fn default(&self) -> &NumberRule {
        &self.default
    }

    /// The entries of a tenant's state, of which one is for that country code where there is any such.
    ///
    /// # Errors
    /// It does not answer, and did not before.
    pub(in crate::dialects::egov) async fn rules(
        &self,
        country_code: Option<&str>,
        passed: &Passed<'_>,
        now: Timestamp,
    ) -> Result<Arc<NumberRules>, Unavailable> {
        let Some(service) = &self.service else { return Ok(Arc::default()) };
        let state = leading_parts(passed.tenant, self.state_tenant_parts).to_owned();
        let suits = |rules: &NumberRules| rules.of(country_code).is_some();
        match self.rules.find(&state, now, suits, || self.fetch(service, passed)) {
            Found::Ready(rules) => Ok(rules),
            Found::Asked { at, flight, stale } => {
                match until(service.clock(), at.after(self.patience), flight).await {
                    Some(Fetched::Kept(rules) | Fetched::Passing(rules)) => Ok(rules),
                    Some(Fetched::Failed) | None => stale.ok_or(Unavailable::Mdms),
                }
            }
        }
    }

    fn fetch(
        &self,
        service: &Service,
        passed: &Passed<'_>,
    ) -> impl Future<Output = Fetched<NumberRules>> + Send + use<> {
        let search = MdmsSearch {
            request_info: passed.info,
            mdms_criteria: MdmsCriteria {
                tenant_id: passed.tenant,
                module_details: [ModuleDetail {
                    module_name: &self.module,
                    master_details: [MasterDetail { name: &self.master }],
                }],
            },
        };
        let body = json(&search);
        let (service, tenant, correlation) =
            (service.clone(), passed.tenant.to_owned(), passed.correlation.clone());
        let (module, master) = (self.module.clone(), self.master.clone());
        async move {
            let url = service.url().clone();
            let question = Question { url, tenant: &tenant, correlation: &correlation, body };
            let Ok(body) = service.ask(question, LIMIT, MOST_BYTES).await else { return Fetched::Failed };
            let read = serde_json::from_slice(&body).map_err(|_| WrongType);
            match read.and_then(|body| number_rules(body, &module, &master)) {
                Ok(rules) if rules.0.is_empty() => Fetched::Passing(Arc::new(rules)),
                Ok(rules) => Fetched::Kept(Arc::new(rules)),
                Err(WrongType) => {
                    service.garbage();
                    Fetched::Failed
                }
            }
        }
    }
}

/// `MdmsRes.{module}.{master}: [{countryCode, mobileNumberRegex, default}]`. What is not there has no entries.
fn number_rules(body: &RawValue, module: &str, master: &str) -> Result<NumberRules, WrongType> {
    let [result] = members(body, &["MdmsRes"])?.ok_or(WrongType)?;
    let entries = inside(inside(result, module)?, master)?;
    let entries = entries.map(items).transpose()?.flatten().unwrap_or_default();
    let mut rules = Vec::with_capacity(entries.len().min(MOST_RULES));
    for entry in entries.into_iter().take(MOST_RULES) {
        // One entry that can't be read says nothing of the others.
        rules.extend(number_rule(entry).ok().flatten());
    }
    Ok(NumberRules(rules))
}

/// `None`: it has no pattern.
fn number_rule(entry: &RawValue) -> Result<Option<NumberRule>, WrongType> {
    let names = ["countryCode", "mobileNumberRegex", "default"];
    let Some([country_code, pattern, default]) = members(entry, &names)? else { return Ok(None) };
    let Some(pattern) = text(pattern)?.filter(|pattern| !pattern.trim().is_empty()) else { return Ok(None) };
    Ok(Some(NumberRule {
        country_code: text(country_code)?.map(std::borrow::Cow::into_owned),
        pattern: Pattern::new(pattern.into_owned()),
        is_default: text(default)?.is_some_and(|default| default.eq_ignore_ascii_case("true")),
    }))
}

fn inside<'a>(value: Option<&'a RawValue>, name: &str) -> Result<Option<&'a RawValue>, WrongType> {
    let found = value.map(|value| members(value, &[name])).transpose()?.flatten();
    Ok(found.and_then(|[found]| found))
}

impl fmt::Debug for Mdms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mdms").field("master", &self.master).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<NumberRules, WrongType> {
        number_rules(serde_json::from_str(body).unwrap(), "common-masters", "MobileNumberValidation")
    }

    #[test]
    fn the_entry_of_the_country_comes_first_then_the_default_one() {
        let rules = read(
            r#"{"MdmsRes":{"common-masters":{"MobileNumberValidation":[
                {"countryCode":"+1","mobileNumberRegex":" ","default":true},
                {"countryCode":"+44","mobileNumberRegex":"b"},
                {"countryCode":"+91","mobileNumberRegex":"a","default":true},
                {"countryCode":7,"mobileNumberRegex":"c","default":"true"}]}}}"#,
        )
        .unwrap();
        for (code, pattern) in [
            (None, "a"),
            (Some("+91"), "a"),
            (Some("+44"), "b"),
            (Some("7"), "c"),
            (Some("+1"), "a"),
            (Some("+99"), "a"),
        ] {
            assert_eq!(rules.of(code).unwrap().pattern.as_str(), pattern, "{code:?}");
        }
    }

    #[test]
    fn an_entry_that_can_t_be_read_hides_no_other() {
        let entries = r#"["bad",{"countryCode":{}, "mobileNumberRegex":"1"},{"countryCode":"+91","mobileNumberRegex":"[0-9]+"}]"#;
        let body = format!(r#"{{"MdmsRes":{{"common-masters":{{"MobileNumberValidation":{entries}}}}}}}"#);
        assert!(read(&body).unwrap().of(Some("+91")).is_some());
    }

    #[test]
    fn what_is_not_there_has_no_entries() {
        for body in [
            "{}",
            r#"{"MdmsRes":null}"#,
            r#"{"MdmsRes":{}}"#,
            r#"{"MdmsRes":{"common-masters":{}}}"#,
            r#"{"MdmsRes":{"common-masters":{"MobileNumberValidation":null}}}"#,
            r#"{"MdmsRes":{"common-masters":{"MobileNumberValidation":[null,{}]}}}"#,
        ] {
            assert!(read(body).unwrap().of(None).is_none(), "{body}");
        }
        for garbage in [
            "[]",
            "null",
            r#"{"MdmsRes":[]}"#,
            r#"{"MdmsRes":{"common-masters":{"MobileNumberValidation":{}}}}"#,
        ] {
            assert!(read(garbage).is_err(), "{garbage}");
        }
    }
}

//! Who looks at which page: what its path, its query and its reader's browser say.

use http::request::Parts;
use watchword_core::namespace::Namespace;
use watchword_core::verification::ExternalId;

use super::super::Api;
use super::super::map;
use super::super::message::page_url;
use super::super::parameters::{Name, Parameters};
use super::super::refusal::InputError;
use crate::form::decode_segment;
use crate::pages::{Language, Place};

/// One look at a page.
pub(super) struct Visit<'a> {
    /// Whose page it is; `None`: nobody's, for the namespace is not configured or the id can't be one.
    pub(super) name: Option<(Namespace, ExternalId)>,
    pub(super) language: &'a Language,
    base: &'a str,
    /// Whether the plugin opened it.
    popup: bool,
    /// The path of the page where the code is entered, with how it was opened.
    page_path: String,
}

impl<'a> Visit<'a> {
    pub(super) fn new(api: &'a Api, parts: &Parts) -> Self {
        let mut segments = parts.uri.path().split('/').skip(2);
        let (namespace, id) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
        let namespace = decode_segment(namespace).ok();
        let namespace = namespace.filter(|namespace| api.site.policies.contains_key(namespace.as_ref()));
        let namespace = namespace.and_then(|namespace| Namespace::new(&namespace).ok());
        let name = namespace.zip(map::external_id(id, InputError::ShortId).ok());
        let query = Parameters::of_query(parts.uri.query()).unwrap_or_default();
        let popup = query.get(Name::View) == Some("popup");
        let base = api.site.base.as_str();
        let page_path = name.as_ref().map_or_else(String::new, |(namespace, id)| {
            let view = if popup { "?view=popup" } else { "" };
            page_url(base, namespace.as_str(), id.as_str()) + view
        });
        let language = api.settings.pages.pages.language(&parts.headers);
        Self { name, language, base, popup, page_path }
    }

    pub(super) fn place(&self) -> Place<'_> {
        let (namespace, id) =
            self.name.as_ref().map_or(("", ""), |(namespace, id)| (namespace.as_str(), id.as_str()));
        Place { base: self.base, popup: self.popup, namespace, id, page_path: &self.page_path }
    }

    pub(super) fn page_path(&self) -> &str {
        &self.page_path
    }

    /// The path of the page where the address is asked for.
    pub(super) fn address_path(&self) -> String {
        match self.page_path.split_once('?') {
            Some((path, query)) => format!("{path}/address?{query}"),
            None => format!("{}/address", self.page_path),
        }
    }
}

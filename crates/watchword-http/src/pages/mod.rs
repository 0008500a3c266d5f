//! The pages that people see: what they look like and in which words. Nothing is decided here: a dialect says which page, and
//! with what on it.
//!
//! # How to add one more
//!
//! - **A language**: a file in `texts/` with every key of `en.toml`, and its line in `languages.rs`; a test compares the keys.
//! - **A page**: a struct in `page.rs` with what its template can say, the template in `templates/`, its samples in
//!   `samples.rs`. Every template is rendered with all its samples in a test, and before an operator's own is taken.
//!
//! # How it hangs together
//!
//! [`Pages`] holds templates (`templates.rs`), texts (`languages.rs`) and static files (`files.rs`), with an operator's own laid over them
//! (`folder.rs`). `policy.rs` is what a browser is told about a page besides.

mod files;
mod folder;
mod languages;
mod page;
mod policy;
mod samples;
mod templates;

use std::path::Path;

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

pub(crate) use files::StaticFile;
pub use folder::PagesError;
pub(crate) use languages::Language;
pub(crate) use page::{AddressPage, CodePage, InputKind, Message, MessagePage, Notice, Page, Place};
pub use policy::{FrameAncestor, ImageUrl, Look};
pub(crate) use policy::{page_response, policy};

use files::StaticFiles;
use folder::Overrides;
use languages::Languages;
use templates::Templates;

/// All pages, ready to be filled in.
#[derive(Debug)]
pub struct Pages {
    languages: Languages,
    templates: Templates,
    /// In place of an operator's template that fails on what it was not tried with.
    built_in: Option<Templates>,
    files: StaticFiles,
    look: Look,
    /// The part of the Content-Security-Policy that is the same for every page.
    policy: String,
}

impl Pages {
    /// The pages as they come with Watchword.
    pub fn built_in(look: Look) -> Self {
        #[expect(clippy::expect_used, reason = "a test renders each of them")]
        Self::over(&Overrides::default(), look).expect("the built-in pages are sound")
    }

    /// The pages with those files in `folder` in place of the built-in ones: `layout.html`, `code.html`, `address.html`,
    /// `message.html`, `style.css`, and texts by language, like `en.toml`. Other files are not looked at.
    ///
    /// # Errors
    /// Everything that is wrong with them: each template is tried with every kind of content.
    pub fn with_folder(folder: &Path, look: Look) -> Result<Self, Vec<PagesError>> {
        let overrides = Overrides::read(folder)?;
        let pages = Self::over(&overrides, look)?;
        pages.templates.try_out(&pages.languages, &overrides)?;
        Ok(pages)
    }

    fn over(overrides: &Overrides, look: Look) -> Result<Self, Vec<PagesError>> {
        let languages = Languages::new(overrides)?;
        let built_in = Templates::new(&Overrides::default(), &languages);
        let templates = Templates::new(overrides, &languages)?;
        let has_own = overrides.has_templates();
        Ok(Self {
            templates,
            built_in: if has_own { built_in.ok() } else { None },
            files: StaticFiles::new(overrides.style()),
            policy: policy::common(&look),
            languages,
            look,
        })
    }

    /// The language that a reader likes best, of those that are there.
    pub(crate) fn language(&self, headers: &HeaderMap) -> &Language {
        let wanted = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
        self.languages.choose(wanted)
    }

    /// The page as HTML. `None`: not even the built-in template can say it, which a test rules out.
    pub(crate) fn render(&self, page: &Page<'_>, place: &Place<'_>, language: &Language) -> Option<String> {
        let context = page.context(place, language, &self.look);
        let name = page.template();
        let failure = match self.templates.render(name, &context) {
            Ok(html) => return Some(html),
            Err(failure) => failure,
        };
        // The text may hold what the page was to show; the place is enough to mend it.
        tracing::error!(template = name, line = failure.line(), kind = %failure.kind(), "a page's template failed");
        self.built_in.as_ref()?.render(name, &context).ok()
    }

    /// The static file of that name.
    pub(crate) fn file(&self, name: &str) -> Option<&StaticFile> {
        self.files.get(name)
    }

    /// The part of the Content-Security-Policy that is the same for every page.
    pub(crate) fn policy(&self) -> &str {
        &self.policy
    }
}

#[cfg(test)]
mod tests;

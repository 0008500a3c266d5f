//! `[pages]`: what people see, read before anybody sees it.

use std::sync::Arc;
use std::time::Duration;

use watchword_http::pages::{Look, Pages};

use super::messages::beside;
use super::problem::Problem;
use super::sections::PagesSection;
use super::tree::Node;

/// The pages, and how they behave.
#[derive(Clone, Debug)]
pub struct PagesConfig {
    /// What they look like and say.
    pub pages: Arc<Pages>,
    /// How long after a message the next can be asked for.
    pub resend_cool_down: Duration,
    /// Pages that one client may ask for in a minute; 0: no limit.
    pub requests_per_minute: u32,
}

/// Reads the folder of the operator's own. What is wrong is recorded, with its file and line.
pub(super) fn read(root: &Node, section: PagesSection, problems: &mut Vec<Problem>) -> PagesConfig {
    let PagesSection { folder, logo_url, favicon_url, resend_cool_down, requests_per_minute } = section;
    let look = Look { logo: logo_url.map(|url| url.0), favicon: favicon_url.map(|url| url.0) };
    let own = folder.and_then(|folder| {
        let folder = beside(&root.nearest(&["pages", "folder"]).origin, folder);
        let own = Pages::with_folder(&folder, look.clone());
        own.inspect_err(|wrong| {
            problems.extend(wrong.iter().map(|wrong| {
                let file = wrong.file.display().to_string().into();
                Problem::of_file(file, wrong.line, wrong.problem.clone())
            }));
        })
        .ok()
    });
    let pages = Arc::new(own.unwrap_or_else(|| Pages::built_in(look)));
    PagesConfig { pages, resend_cool_down, requests_per_minute }
}

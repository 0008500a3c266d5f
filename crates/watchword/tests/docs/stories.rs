//! Every page, told from its beginning to its end.

use crate::page;
use crate::story::Story;

/// Pages whose commands are for developers of Watchword, and are run by `scripts/test` or by hand.
const FOR_DEVELOPERS: [&str; 2] = ["docs/performance.md", "CONTRIBUTING.md"];

#[test]
fn every_page_works_as_it_says() {
    let pages: Vec<_> =
        page::all().into_iter().filter(|page| !FOR_DEVELOPERS.contains(&page.name().as_str())).collect();
    std::thread::scope(|scope| {
        let told: Vec<_> = pages.iter().map(|page| (page, scope.spawn(|| Story::new(page).run()))).collect();
        let failed: Vec<_> =
            told.into_iter().filter_map(|(page, told)| told.join().is_err().then(|| page.name())).collect();
        assert!(failed.is_empty(), "these pages do not work as they say: {failed:#?}");
    });
}

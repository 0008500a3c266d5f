//! Links lead somewhere, and the book has every page.

use std::collections::BTreeSet;
use std::fs;

use crate::page::{self, Page, project};

/// Where the links of a page lead, without those to other sites.
fn links(page: &Page) -> Vec<String> {
    let prose = page.prose();
    let ends = prose.match_indices("](").map(|(at, _)| at + 2);
    let links = ends.filter_map(|begin| Some(prose[begin..].split_once(')')?.0.to_owned()));
    links.filter(|link| !link.contains("://") && !link.starts_with("mailto:")).collect()
}

/// As GitHub and mdBook name a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    for page in page::all() {
        for link in links(&page) {
            let (path, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = match path {
                "" => page.path.clone(),
                path => page.path.parent().unwrap().join(path),
            };
            let is_there = target.exists()
                && (heading.is_empty() || anchors(&fs::read_to_string(&target).unwrap()).contains(heading));
            if !is_there {
                broken.push(format!("{}: {link}", page.name()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere: {broken:#?}");
}

#[test]
fn the_book_has_every_page() {
    let docs = project().join("docs");
    let summary = Page::read(&docs.join("SUMMARY.md"));
    let linked: BTreeSet<_> = links(&summary).iter().map(|link| docs.join(link)).collect();
    let written: BTreeSet<_> = page::all().into_iter().map(|page| page.path).collect();
    let is_in_book = |path: &&std::path::PathBuf| {
        path.starts_with(&docs) && !path.ends_with("SUMMARY.md") && !path.ends_with("0000-template.md")
    };
    let missing: Vec<_> = written.iter().filter(is_in_book).filter(|path| !linked.contains(*path)).collect();
    assert!(missing.is_empty(), "docs/SUMMARY.md does not name {missing:#?}");
}

//! What a page of the documentation holds: blocks of code, and links.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the whole project.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A page.
pub(crate) struct Page {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A block of code: what follows its first fence, the line that it begins on, and its lines.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) info: &'a str,
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn read(path: &Path) -> Self {
        Self { path: path.to_owned(), text: fs::read_to_string(path).unwrap() }
    }

    /// Where it is, for people.
    pub(crate) fn name(&self) -> String {
        self.path.strip_prefix(project()).unwrap_or(&self.path).display().to_string()
    }

    pub(crate) fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks = Vec::new();
        let mut open: Option<Block<'_>> = None;
        for (index, line) in self.text.lines().enumerate() {
            match (line.trim_start().strip_prefix("```"), &mut open) {
                // Inline code may begin a line; a fence has no more backticks.
                (Some(info), _) if info.contains('`') => {}
                (Some(info), None) => {
                    open = Some(Block { info: info.trim(), line: index + 1, text: String::new() });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block of code does not end", self.name());
        blocks
    }

    /// The text without blocks of code.
    pub(crate) fn prose(&self) -> String {
        let mut inside = false;
        let outside = self.text.lines().filter(|line| {
            let fence = line.trim_start().strip_prefix("```").is_some_and(|info| !info.contains('`'));
            inside ^= fence;
            !fence && !inside
        });
        outside.collect::<Vec<_>>().join("\n")
    }
}

/// Every page that people read: those in `docs/`, and those at the top of the project.
pub(crate) fn all() -> Vec<Page> {
    let mut pages = Vec::new();
    let mut folders = vec![project().join("docs")];
    let is_page = |path: &Path| path.extension().is_some_and(|extension| extension == "md");
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if is_page(&path) {
                pages.push(Page::read(&path));
            }
        }
    }
    for entry in fs::read_dir(project()).unwrap() {
        let path = entry.unwrap().path();
        if is_page(&path) {
            pages.push(Page::read(&path));
        }
    }
    pages.sort_by(|one, other| one.path.cmp(&other.path));
    pages
}

//! Reads `corpus/*.txt`: a line of what the file is about, then templates, each under a line `=== title [flags]`.
//!
//! Flags: `text` or `html` (else both), `go` (without sprig's functions), `message` (over otpgateway's struct), `ascii` (not with
//! the data beyond ASCII: ours never cuts a character).

use std::path::Path;

/// The minor version of Go 1 that knows what is in `newer.txt`. The rest is the same from 1.19 on.
pub(crate) const NEWER: u32 = 24;

/// How a template is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Text,
    Html,
}

/// One template in one mode.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) title: String,
    pub(crate) mode: Mode,
    pub(crate) source: String,
    pub(crate) sprig: bool,
    pub(crate) message: bool,
    pub(crate) ascii: bool,
    /// The minor version of Go 1 from which on it knows this.
    pub(crate) needs: u32,
    /// Whether it was made of another one by cutting and pasting.
    pub(crate) damaged: bool,
}

/// All templates.
pub(crate) fn read() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/against_go/corpus");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let theme = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        for part in text.split("\n=== ").skip(1) {
            let (title, source) = part.split_once('\n').unwrap();
            let source = source.strip_suffix('\n').unwrap_or(source);
            let (title, flags) = title.split_once(" [").unwrap_or((title, "]"));
            let flags: Vec<&str> = flags.trim_end_matches(']').split(", ").collect();
            for (mode, name) in [(Mode::Text, "text"), (Mode::Html, "html")] {
                let other = if mode == Mode::Text { "html" } else { "text" };
                if flags.contains(&other) {
                    continue;
                }
                cases.push(Case {
                    title: format!("{theme} · {title} · {name}"),
                    mode,
                    source: source.to_owned(),
                    sprig: !flags.contains(&"go"),
                    message: flags.contains(&"message"),
                    ascii: flags.contains(&"ascii"),
                    needs: if theme == "newer" { NEWER } else { 0 },
                    damaged: false,
                });
            }
        }
    }
    cases
}

//! Findings, for people and for programs.

use std::fmt::Write as _;

use super::{Finding, State};

/// One line a finding; a column each for its state, its subject and what was found.
pub fn as_table(findings: &[Finding], colour: bool) -> String {
    let widest = findings.iter().map(|finding| finding.subject.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for Finding { subject, state, detail } in findings {
        let (word, paint) = match state {
            State::Good => ("ok  ", "32"),
            State::Warning => ("warn", "33"),
            State::Failed => ("FAIL", "31;1"),
            State::Untried => ("-   ", "2"),
        };
        let word = if colour { format!("\u{1b}[{paint}m{word}\u{1b}[0m") } else { word.to_owned() };
        // A detail may have several lines; they stay in their column.
        let indent = format!("\n{}", " ".repeat(4 + 2 + widest + 2));
        let detail = detail.trim_end().replace('\n', &indent);
        // Writing to a text never fails.
        let _ = writeln!(text, "{word}  {subject:widest$}  {detail}");
    }
    text
}

/// One JSON array: `[{"subject": …, "state": "good" | "warning" | "failed" | "untried", "detail": …}]`.
pub fn as_json(findings: &[Finding]) -> String {
    // Texts always serialize.
    serde_json::to_string_pretty(findings).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        vec![
            Finding::new("store", State::Good, "opens"),
            Finding::new("provider mail", State::Failed, "no connection\ntry again"),
        ]
    }

    #[test]
    fn a_table_keeps_its_columns() {
        assert_eq!(
            as_table(&findings(), false),
            "ok    store          opens\nFAIL  provider mail  no connection\n                     try again\n"
        );
        assert!(as_table(&findings(), true).starts_with("\u{1b}[32mok  \u{1b}[0m  store"));
    }

    #[test]
    fn programs_get_json() {
        let json: serde_json::Value = serde_json::from_str(&as_json(&findings())).unwrap();
        let first = serde_json::json!({"subject": "store", "state": "good", "detail": "opens"});
        assert_eq!((&json[0], &json[1]["state"]), (&first, &serde_json::json!("failed")));
    }
}

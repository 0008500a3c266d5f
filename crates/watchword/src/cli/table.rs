//! Columns of text, for a terminal.

/// Rows below their headings, each column as wide as its widest cell. What could move the cursor is shown, not done.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let headings = headings.map(str::to_owned);
    let rows: Vec<[String; N]> = std::iter::once(headings)
        .chain(rows.iter().cloned())
        .map(|row| row.map(|cell| plain(&cell)))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The same text on one line: control characters, which a provider's answer may hold, are written out.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_bidi(character) {
            plain.extend(character.escape_unicode());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// Characters that change the order in which others are shown.
const fn is_bidi(character: char) -> bool {
    matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_headings() {
        let rows = [["j…@e….com", "failed"], ["…", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(table(["TO", "STATE"], &rows), "TO         STATE\nj…@e….com  failed\n…\n");
    }

    #[test]
    fn nothing_in_a_cell_moves_the_cursor() {
        let text = table(["DETAIL"], &[["a\u{1b}[2Jb\nc\u{202E}d".to_owned()]]);
        assert_eq!(text, "DETAIL\na\\u{1b}[2Jb\\u{a}c\\u{202e}d\n");
    }
}

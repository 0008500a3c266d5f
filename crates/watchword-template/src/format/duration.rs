//! `time.Duration`.

use std::fmt::Write;

/// `1h30m0s`, `5m0s`, `1.5s`, `2ms`, `0s`.
pub(crate) fn text(nanos: i64) -> String {
    let mut out = String::with_capacity(16);
    write(&mut out, nanos);
    out
}

/// Appends it.
pub(crate) fn write(out: &mut String, nanos: i64) {
    if nanos < 0 {
        out.push('-');
    }
    let nanos = nanos.unsigned_abs();
    if nanos == 0 {
        out.push_str("0s");
    } else if nanos < 1_000 {
        scaled(out, nanos, 1, "ns");
    } else if nanos < 1_000_000 {
        scaled(out, nanos, 1_000, "µs");
    } else if nanos < 1_000_000_000 {
        scaled(out, nanos, 1_000_000, "ms");
    } else {
        let minutes = nanos / 60_000_000_000;
        // Writing to a String can't fail.
        if minutes >= 60 {
            let _ = write!(out, "{}h", minutes / 60);
        }
        if minutes > 0 {
            let _ = write!(out, "{}m", minutes % 60);
        }
        scaled(out, nanos % 60_000_000_000, 1_000_000_000, "s");
    }
}

/// `nanos` in units of `unit`, without zeros at the end of the fraction.
fn scaled(out: &mut String, nanos: u64, unit: u64, name: &str) {
    let (whole, rest) = (nanos / unit, nanos % unit);
    let _ = write!(out, "{whole}");
    if rest > 0 {
        let width = unit.ilog10() as usize;
        let digits = format!("{rest:0width$}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
    out.push_str(name);
}

/// Reads `1h30m`, `-1.5s`, `300ms`. None where Go's `time.ParseDuration` says no.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let number = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let after = &rest[number..];
        let unit = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let scale: i64 = match &after[..unit] {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = rest[..number].split_once('.').unwrap_or((&rest[..number], ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let mut part = whole.checked_mul(scale)?;
        if !fraction.is_empty() {
            part = part.checked_add((format!("0.{fraction}").parse::<f64>().ok()? * scale as f64) as i64)?;
        }
        total = total.checked_add(part)?;
        rest = &after[unit..];
    }
    Some(if negative { -total } else { total })
}

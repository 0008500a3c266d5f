//! Floating-point numbers as `strconv.FormatFloat` writes them.

/// How a float is written.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Notation {
    /// `%e`
    Exponent,
    /// `%f`
    Plain,
    /// `%g`: whichever is shorter.
    Shorter,
}

/// `%v`: the fewest digits that read back the same.
pub(crate) fn shortest(float: f64) -> String {
    // What needs no exponent, Rust writes in the same way.
    if (1e-4..1e6).contains(&float.abs()) || float == 0.0 {
        return float.to_string();
    }
    format(float, Notation::Shorter, None)
}

/// Writes `float` with `precision` digits (behind the point; for `%g` in all), or the fewest that read back the same.
pub(crate) fn format(float: f64, notation: Notation, precision: Option<usize>) -> String {
    if float.is_nan() {
        return "NaN".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    match (notation, precision) {
        (Notation::Plain, Some(digits)) => format!("{float:.digits$}"),
        (Notation::Plain, None) => format!("{float}"),
        (Notation::Exponent, Some(digits)) => exponent(&format!("{float:.digits$e}")),
        (Notation::Exponent, None) => exponent(&format!("{float:e}")),
        (Notation::Shorter, _) => shorter(float, precision),
    }
}

/// `%g`: with an exponent where that is below -4, or not below the digits asked for (6 if none are).
fn shorter(float: f64, precision: Option<usize>) -> String {
    let wanted = precision.map(|digits| digits.max(1));
    let scientific = match wanted {
        Some(digits) => format!("{float:.*e}", digits - 1),
        None => format!("{float:e}"),
    };
    let Some((mantissa, power)) = scientific.split_once('e') else { return scientific };
    let power: i64 = power.parse().unwrap_or(0);
    let trimmed =
        if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    let significant = trimmed.bytes().filter(u8::is_ascii_digit).count() as i64;
    let limit = match wanted.map(|digits| digits as i64) {
        None => 6,
        Some(digits) if digits > significant && significant > power => significant,
        Some(digits) => digits,
    };
    if power < -4 || power >= limit {
        return exponent(&format!("{trimmed}e{power}"));
    }
    let places = usize::try_from(significant - 1 - power).unwrap_or(0);
    // Rounded already: the digits that were kept, written without an exponent.
    match scientific.parse::<f64>() {
        Ok(rounded) => format!("{rounded:.places$}"),
        Err(_) => scientific,
    }
}

/// Rust writes `1e7`, Go `1e+07`.
fn exponent(text: &str) -> String {
    let Some((mantissa, power)) = text.split_once('e') else { return text.to_owned() };
    let (sign, digits) = match power.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', power),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

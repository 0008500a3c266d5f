//! Numbers, and how they are written for a person.

/// The middle one, or the mean of the middle two. `None` of none.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(values.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

/// `numerator / denominator`, where both are there and the result is a number.
pub(crate) fn ratio(numerator: Option<f64>, denominator: Option<f64>) -> Option<f64> {
    Some(numerator? / denominator?).filter(|ratio| ratio.is_finite())
}

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with so many decimals, or a dash.
pub(crate) fn decimal(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

/// Microseconds in the unit that reads best.
pub(crate) fn duration(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.2} ms", micros as f64 / 1_000.0),
        _ => format!("{:.2} s", micros as f64 / 1_000_000.0),
    }
}

/// KiB as MiB.
pub(crate) fn mebibytes(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios_of_what_is_not_there_are_not_there() {
        let medians = [
            (vec![], None),
            (vec![3.0], Some(3.0)),
            (vec![9.0, 1.0, 5.0], Some(5.0)),
            (vec![4.0, 1.0, 2.0, 9.0], Some(3.0)),
        ];
        for (values, expected) in medians {
            assert_eq!(median(values), expected);
        }
        let ratios = [
            (Some(3.0), Some(2.0), Some(1.5)),
            (Some(3.0), Some(0.0), None),
            (Some(0.0), Some(0.0), None),
            (None, Some(1.0), None),
            (Some(1.0), None, None),
        ];
        for (numerator, denominator, expected) in ratios {
            assert_eq!(ratio(numerator, denominator), expected);
        }
    }

    #[test]
    fn numbers_read_well() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        for (micros, text) in [(999, "999 µs"), (1_500, "1.50 ms"), (2_345_678, "2.35 s")] {
            assert_eq!(duration(micros), text);
        }
        assert_eq!((decimal(Some(0.12345), 3).as_str(), decimal(None, 3).as_str()), ("0.123", "-"));
    }
}

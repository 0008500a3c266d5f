//! `time.Time.Format`: layouts that spell the moment `Mon Jan 2 15:04:05 MST 2006`.

use std::fmt::Write;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// A piece of a layout. The order matters: the first that fits is taken, so the longer come first.
const PIECES: &[(&str, Piece)] = &[
    ("January", Piece::MonthName),
    ("Jan", Piece::MonthShort),
    ("Monday", Piece::WeekdayName),
    ("Mon", Piece::WeekdayShort),
    ("MST", Piece::ZoneName),
    ("01", Piece::Month(2)),
    ("002", Piece::YearDay('0')),
    ("02", Piece::Day("0")),
    ("03", Piece::Hour12(2)),
    ("04", Piece::Minute(2)),
    ("05", Piece::Second(2)),
    ("06", Piece::YearShort),
    ("15", Piece::Hour),
    ("1", Piece::Month(1)),
    ("2006", Piece::Year),
    ("2", Piece::Day("")),
    ("_2006", Piece::UnderscoreYear),
    ("__2", Piece::YearDay(' ')),
    ("_2", Piece::Day(" ")),
    ("3", Piece::Hour12(1)),
    ("4", Piece::Minute(1)),
    ("5", Piece::Second(1)),
    ("PM", Piece::Half(["AM", "PM"])),
    ("pm", Piece::Half(["am", "pm"])),
    ("-070000", Piece::Offset { seconds: true, colon: false, minutes: true, zulu: false }),
    ("-07:00:00", Piece::Offset { seconds: true, colon: true, minutes: true, zulu: false }),
    ("-0700", Piece::Offset { seconds: false, colon: false, minutes: true, zulu: false }),
    ("-07:00", Piece::Offset { seconds: false, colon: true, minutes: true, zulu: false }),
    ("-07", Piece::Offset { seconds: false, colon: false, minutes: false, zulu: false }),
    ("Z070000", Piece::Offset { seconds: true, colon: false, minutes: true, zulu: true }),
    ("Z07:00:00", Piece::Offset { seconds: true, colon: true, minutes: true, zulu: true }),
    ("Z0700", Piece::Offset { seconds: false, colon: false, minutes: true, zulu: true }),
    ("Z07:00", Piece::Offset { seconds: false, colon: true, minutes: true, zulu: true }),
    ("Z07", Piece::Offset { seconds: false, colon: false, minutes: false, zulu: true }),
];

#[derive(Clone, Copy)]
enum Piece {
    Year,
    UnderscoreYear,
    YearShort,
    MonthName,
    MonthShort,
    Month(usize),
    WeekdayName,
    WeekdayShort,
    Day(&'static str),
    YearDay(char),
    Hour,
    Hour12(usize),
    Minute(usize),
    Second(usize),
    Half([&'static str; 2]),
    ZoneName,
    Offset { seconds: bool, colon: bool, minutes: bool, zulu: bool },
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Writes `moment` as the layout says.
pub(crate) fn format(moment: &Zoned, layout: &str) -> String {
    let mut out = String::with_capacity(layout.len() + 8);
    let mut rest = layout;
    while let Some(next) = rest.chars().next() {
        if let Some(length) = fraction(&mut out, moment, rest) {
            rest = &rest[length..];
            continue;
        }
        match PIECES
            .iter()
            .find(|(text, piece)| rest.starts_with(text) && !is_word(*piece, &rest[text.len()..]))
        {
            Some((text, piece)) => {
                write_piece(&mut out, moment, *piece);
                rest = &rest[text.len()..];
            }
            None => {
                out.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    out
}

/// `Jan` in `Janitor` is no month, nor is `Mon` in `Monster` a day.
fn is_word(piece: Piece, after: &str) -> bool {
    matches!(piece, Piece::MonthShort | Piece::WeekdayShort)
        && after.starts_with(|c: char| c.is_ascii_lowercase())
}

/// `.000`, `,999`: digits of the second behind a point or comma. How much of the layout it was.
fn fraction(out: &mut String, moment: &Zoned, rest: &str) -> Option<usize> {
    let mark = rest.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let digit = rest[1..].chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let count = rest.len() - 1 - rest[1..].trim_start_matches(digit).len();
    let after = &rest[1 + count..];
    if after.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let nanos = format!("{:09}", moment.subsec_nanosecond());
    let digits = &nanos[..count.min(9)];
    let digits = if digit == '9' { digits.trim_end_matches('0') } else { digits };
    if !digits.is_empty() {
        out.push(mark);
        out.push_str(digits);
        out.extend(std::iter::repeat_n('0', if digit == '0' { count.saturating_sub(9) } else { 0 }));
    }
    Some(1 + count)
}

fn write_piece(out: &mut String, moment: &Zoned, piece: Piece) {
    let month = usize::from(moment.month().unsigned_abs()).saturating_sub(1) % 12;
    let weekday = usize::from(moment.weekday().to_sunday_zero_offset().unsigned_abs()) % 7;
    let hour = moment.hour();
    let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
    // Writing to a String can't fail.
    let _ = match piece {
        Piece::Year => write!(out, "{:04}", moment.year()),
        Piece::UnderscoreYear => write!(out, "_{:04}", moment.year()),
        Piece::YearShort => write!(out, "{:02}", moment.year().rem_euclid(100)),
        Piece::MonthName => write!(out, "{}", MONTHS[month]),
        Piece::MonthShort => write!(out, "{}", &MONTHS[month][..3]),
        Piece::Month(width) => write!(out, "{:0width$}", moment.month()),
        Piece::WeekdayName => write!(out, "{}", WEEKDAYS[weekday]),
        Piece::WeekdayShort => write!(out, "{}", &WEEKDAYS[weekday][..3]),
        Piece::Day(fill) => write!(out, "{}{}", if moment.day() < 10 { fill } else { "" }, moment.day()),
        Piece::YearDay('0') => write!(out, "{:03}", moment.day_of_year()),
        Piece::YearDay(_) => write!(out, "{:3}", moment.day_of_year()),
        Piece::Hour => write!(out, "{hour:02}"),
        Piece::Hour12(width) => write!(out, "{hour12:0width$}"),
        Piece::Minute(width) => write!(out, "{:0width$}", moment.minute()),
        Piece::Second(width) => write!(out, "{:0width$}", moment.second()),
        Piece::Half(halves) => write!(out, "{}", halves[usize::from(hour >= 12)]),
        Piece::ZoneName => {
            let details = moment.time_zone().to_offset_info(moment.timestamp());
            write!(out, "{}", details.abbreviation())
        }
        Piece::Offset { seconds, colon, minutes, zulu } => {
            let offset = moment.offset().seconds();
            if zulu && offset == 0 {
                write!(out, "Z")
            } else {
                let sign = if offset < 0 { '-' } else { '+' };
                let total = offset.unsigned_abs();
                let mark = if colon { ":" } else { "" };
                let _ = write!(out, "{sign}{:02}", total / 3600);
                if minutes {
                    let _ = write!(out, "{mark}{:02}", total / 60 % 60);
                }
                if seconds { write!(out, "{mark}{:02}", total % 60) } else { Ok(()) }
            }
        }
    };
}

/// As `{{ now }}` prints: `2026-11-21 09:30:00.5 +0000 UTC`.
pub(crate) fn write(out: &mut String, time: Timestamp) {
    out.push_str(&format(&time.to_zoned(TimeZone::UTC), "2006-01-02 15:04:05.999999999 -0700 MST"));
}

/// `time.Time.AddDate`: days that a month does not have run over into the next.
pub(crate) fn add(time: Timestamp, years: i64, months: i64, days: i64) -> Option<Timestamp> {
    let moment = time.to_zoned(TimeZone::UTC);
    let months = i64::from(moment.year())
        .checked_mul(12)?
        .checked_add(i64::from(moment.month()) - 1)?
        .checked_add(years.checked_mul(12)?)?
        .checked_add(months)?;
    let year = i16::try_from(months.div_euclid(12)).ok()?;
    let month = i8::try_from(months.rem_euclid(12) + 1).ok()?;
    let first = jiff::civil::Date::new(year, month, 1).ok()?;
    let days = days.checked_add(i64::from(moment.day()) - 1)?;
    let date = first.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
    Some(date.to_datetime(moment.time()).to_zoned(TimeZone::UTC).ok()?.timestamp())
}

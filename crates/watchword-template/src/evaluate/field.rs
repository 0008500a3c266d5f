//! Fields of maps, and the methods of lengths and points of time.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::item::Item;
use crate::error::{Problem, nearest};
use crate::format::{date, duration};

/// What `item.name` is, called with `arguments` if it is a method.
pub(crate) fn get<'a>(item: &Item<'a>, name: &str, arguments: &[Item<'a>]) -> Result<Item<'a>, Problem> {
    let method = match item {
        // A field of what is not there is not there either.
        Item::Nil => return Ok(Item::Nil),
        Item::Map(map) => {
            if !arguments.is_empty() {
                return Err(format!("`.{name}` is a field and takes no value").into());
            }
            return Ok(map.get(name).unwrap_or(Item::Nil));
        }
        Item::Duration(nanos) => of_duration(*nanos, name, arguments),
        Item::Time(time) => of_time(*time, name, arguments),
        _ => None,
    };
    method.unwrap_or_else(|| Err(no_such(item, name)))
}

/// What `kind` of thing has no field `name`.
fn no_such(item: &Item<'_>, name: &str) -> Problem {
    let known: &[&str] = match item {
        Item::Duration(_) => DURATION,
        Item::Time(_) => TIME,
        _ => &[],
    };
    format!("`.{name}`: {} has no such field{}", item.kind(), nearest(name, ".", known.iter().copied()))
        .into()
}

/// The methods of a length of time.
pub(crate) const DURATION: &[&str] = &[
    "Hours",
    "Minutes",
    "Seconds",
    "Milliseconds",
    "Microseconds",
    "Nanoseconds",
    "String",
    "Round",
    "Truncate",
    "Abs",
];

/// The methods of a point in time.
pub(crate) const TIME: &[&str] = &[
    "Year",
    "YearDay",
    "Day",
    "Hour",
    "Minute",
    "Second",
    "Nanosecond",
    "Unix",
    "UnixMilli",
    "UTC",
    "Format",
    "Add",
    "AddDate",
];

type Answer<'a> = Option<Result<Item<'a>, Problem>>;

fn of_duration<'a>(nanos: i64, name: &str, arguments: &[Item<'a>]) -> Answer<'a> {
    let value = match name {
        "Round" | "Truncate" => return Some(rounded(nanos, name, arguments)),
        "Hours" => Item::Float(fraction(nanos, 3_600_000_000_000)),
        "Minutes" => Item::Float(fraction(nanos, 60_000_000_000)),
        "Seconds" => Item::Float(fraction(nanos, 1_000_000_000)),
        "Milliseconds" => Item::Int(nanos / 1_000_000),
        "Microseconds" => Item::Int(nanos / 1_000),
        "Nanoseconds" => Item::Int(nanos),
        "String" => Item::text(duration::text(nanos)),
        "Abs" => Item::Duration(nanos.checked_abs().unwrap_or(i64::MAX)),
        _ => return None,
    };
    Some(no_arguments(name, arguments).map(|()| value))
}

/// The whole units and the rest apart, as Go adds them up.
fn fraction(nanos: i64, unit: i64) -> f64 {
    (nanos / unit) as f64 + (nanos % unit) as f64 / unit as f64
}

fn rounded<'a>(nanos: i64, name: &str, arguments: &[Item<'a>]) -> Result<Item<'a>, Problem> {
    // Go takes a whole number for nanoseconds.
    let [Item::Duration(unit) | Item::Int(unit)] = arguments else {
        return Err(format!("`.{name}` takes a length of time").into());
    };
    if *unit <= 0 {
        return Ok(Item::Duration(nanos));
    }
    let rest = nanos % unit;
    let down = nanos - rest;
    if name == "Truncate" || rest.unsigned_abs() < unit.unsigned_abs() - rest.unsigned_abs() {
        return Ok(Item::Duration(down));
    }
    Ok(Item::Duration(if nanos < 0 { down.saturating_sub(*unit) } else { down.saturating_add(*unit) }))
}

fn of_time<'a>(time: Timestamp, name: &str, arguments: &[Item<'a>]) -> Answer<'a> {
    let moment = time.to_zoned(TimeZone::UTC);
    let value = match name {
        "Format" => return Some(formatted(time, arguments)),
        "Add" => return Some(later(time, arguments)),
        "AddDate" => return Some(other_date(time, arguments)),
        "Year" => i64::from(moment.year()),
        "YearDay" => i64::from(moment.day_of_year()),
        "Day" => i64::from(moment.day()),
        "Hour" => i64::from(moment.hour()),
        "Minute" => i64::from(moment.minute()),
        "Second" => i64::from(moment.second()),
        "Nanosecond" => i64::from(moment.subsec_nanosecond()),
        "Unix" => time.as_second(),
        "UnixMilli" => time.as_millisecond(),
        "UTC" => return Some(no_arguments(name, arguments).map(|()| Item::Time(time))),
        _ => return None,
    };
    Some(no_arguments(name, arguments).map(|()| Item::Int(value)))
}

fn formatted<'a>(time: Timestamp, arguments: &[Item<'a>]) -> Result<Item<'a>, Problem> {
    match arguments {
        [Item::Text(layout)] => Ok(Item::text(date::format(&time.to_zoned(TimeZone::UTC), layout))),
        _ => Err("`.Format` takes one text, a layout as `2006-01-02 15:04`".into()),
    }
}

fn later<'a>(time: Timestamp, arguments: &[Item<'a>]) -> Result<Item<'a>, Problem> {
    let [Item::Duration(nanos)] = arguments else {
        return Err("`.Add` takes one length of time".into());
    };
    let sum = time.checked_add(jiff::SignedDuration::from_nanos(*nanos));
    sum.map(Item::Time).map_err(|_| "`.Add` leaves the calendar".into())
}

fn other_date<'a>(time: Timestamp, arguments: &[Item<'a>]) -> Result<Item<'a>, Problem> {
    let [Item::Int(years), Item::Int(months), Item::Int(days)] = arguments else {
        return Err("`.AddDate` takes three whole numbers: years, months, days".into());
    };
    date::add(time, *years, *months, *days)
        .map(Item::Time)
        .ok_or_else(|| "`.AddDate` leaves the calendar".into())
}

fn no_arguments(name: &str, arguments: &[Item<'_>]) -> Result<(), Problem> {
    if arguments.is_empty() { Ok(()) } else { Err(format!("`.{name}` takes no value").into()) }
}

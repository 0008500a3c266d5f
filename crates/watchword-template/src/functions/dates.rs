//! sprig's functions for dates. `now` is UTC; `date` prints in UTC, `dateInZone` in any zone of the IANA database.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Wants::{Any, Text, Time};
use super::{Call, Function};
use crate::error::Problem;
use crate::evaluate::item::Item;
use crate::format::{date, duration};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("now", &[], |call| Ok(Item::Time(call.now))),
    Function::new("date", &[Text, Any], |call| Ok(in_zone(call, call.text(0), call.any(1), "UTC"))),
    Function::new("dateInZone", &[Text, Any, Text], |call| {
        Ok(in_zone(call, call.text(0), call.any(1), call.text(2)))
    }),
    Function::new("date_in_zone", &[Text, Any, Text], |call| {
        Ok(in_zone(call, call.text(0), call.any(1), call.text(2)))
    }),
    Function::new("htmlDate", &[Any], |call| Ok(in_zone(call, "2006-01-02", call.any(0), "UTC"))),
    Function::new("htmlDateInZone", &[Any, Text], |call| {
        Ok(in_zone(call, "2006-01-02", call.any(0), call.text(1)))
    }),
    Function::new("dateModify", &[Text, Time], modified),
    Function::new("date_modify", &[Text, Time], modified),
    Function::new("unixEpoch", &[Time], |call| match call.any(0) {
        Item::Time(time) => Ok(Item::text(time.as_second().to_string())),
        _ => Ok(Item::Nil),
    }),
    Function::new("duration", &[Any], |call| {
        let seconds = match call.any(0) {
            Item::Text(text) => text.parse().unwrap_or(0),
            Item::Int(int) => *int,
            _ => 0i64,
        };
        Ok(Item::text(duration::text(seconds.saturating_mul(1_000_000_000))))
    }),
];

/// A whole number is seconds since 1970; what is neither that nor a time is now. A zone that is not known is UTC.
fn in_zone<'a>(call: &Call<'_, 'a>, layout: &str, date: &Item<'_>, zone: &str) -> Item<'a> {
    let time = match date {
        Item::Time(time) => *time,
        Item::Int(seconds) => Timestamp::from_second(*seconds).unwrap_or(call.now),
        _ => call.now,
    };
    let zone = match zone {
        "" | "UTC" | "Local" => TimeZone::UTC,
        name => TimeZone::get(name).unwrap_or(TimeZone::UTC),
    };
    Item::text(date::format(&time.to_zoned(zone), layout))
}

fn modified<'a>(call: &Call<'_, 'a>) -> Result<Item<'a>, Problem> {
    let Item::Time(time) = call.any(1) else { return Ok(Item::Nil) };
    match duration::parse(call.text(0)) {
        None => Ok(Item::Time(*time)),
        Some(nanos) => time
            .checked_add(SignedDuration::from_nanos(nanos))
            .map(Item::Time)
            .map_err(|_| "`dateModify` leaves the calendar".into()),
    }
}

//! The time of a run: now, or the one that was asked for. The engine has no clock; this program may
//! read one.

use jiff::Timestamp;
use jiff::civil::Date;
use portcullis_engine::clock::{Clocks, Monotonic, UnixTime};

/// The present.
pub fn now() -> UnixTime {
    UnixTime(u64::try_from(Timestamp::now().as_second()).unwrap_or(0))
}

/// Reads a time: RFC 3339, a day (UTC), or seconds since 1970.
///
/// # Errors
/// It is none of these.
pub fn parse(text: &str) -> Result<UnixTime, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(UnixTime(seconds));
    }
    let day = || text.parse::<Date>().ok()?.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok();
    let time = text.parse::<Timestamp>().ok().or_else(|| Some(day()?.timestamp()));
    let seconds = time.and_then(|time| u64::try_from(time.as_second()).ok());
    seconds
        .map(UnixTime)
        .ok_or_else(|| format!("`{text}` is no time, as `2027-01-31T12:00:00Z` or `2027-01-31`"))
}

/// Both clocks of a decision at a time; nothing has aged.
pub const fn at(wall: UnixTime) -> Clocks {
    Clocks { wall, monotonic: Monotonic(0) }
}

/// The day of a time, in UTC.
pub fn day(time: UnixTime) -> String {
    let seconds = i64::try_from(time.0).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds)
        .map_or_else(|_| time.0.to_string(), |time| time.strftime("%Y-%m-%d").to_string())
}

/// A time as RFC 3339.
pub fn rfc3339(time: UnixTime) -> String {
    let seconds = i64::try_from(time.0).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_or_else(|_| time.0.to_string(), |time| time.to_string())
}

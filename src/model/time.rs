//! Instants in UTC to the millisecond, written as RFC 3339.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

/// Milliseconds since 1970-01-01T00:00:00Z; `2026-11-20T20:00:00.000Z` in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    pub milliseconds: i64,
}

impl Timestamp {
    pub const fn from_milliseconds(milliseconds: i64) -> Self {
        Self { milliseconds }
    }

    pub const fn plus_milliseconds(self, milliseconds: i64) -> Self {
        Self { milliseconds: self.milliseconds.saturating_add(milliseconds) }
    }

    /// Milliseconds from `earlier` to `self`, negative when `self` is before it.
    pub const fn since(self, earlier: Self) -> i64 {
        self.milliseconds - earlier.milliseconds
    }

    /// Reads a time of RFC 3339 in the years 1 to 9999 of UTC. Digits beyond the millisecond are cut off.
    pub fn parse(text: &str) -> Option<Self> {
        calendar::parse(text).map(Self::from_milliseconds)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&calendar::format(self.milliseconds))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("not a time in RFC 3339, such as 2027-06-01T20:00:00Z"))
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
    }
}

impl ToSchema for Timestamp {}

/// Converts between RFC 3339 and milliseconds since 1970.
///
/// The calendar comes from a library. The grammar is our own, because libraries accept more than RFC 3339 allows, and
/// their instants end a day before the year 9999 does.
#[cfg(feature = "ssr")]
mod calendar {
    use std::ops::RangeInclusive;

    use jiff::{
        SignedDuration,
        civil::{Date, DateTime, date},
    };

    const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);
    /// The years that four digits can express, without the year 0, which calendars in daily use do not have.
    const YEARS: RangeInclusive<i16> = 1..=9999;
    const MINUTE: SignedDuration = SignedDuration::from_secs(60);

    /// Reads a text of the form `date T time offset`, strictly by the grammar.
    pub fn parse(text: &str) -> Option<i64> {
        let mut rest = text.as_bytes();
        let day = read_date(&mut rest)?;
        any_of(&mut rest, b"Tt")?;
        let hour = number(&mut rest, 2, 0..=23)?;
        any_of(&mut rest, b":")?;
        let minute = number(&mut rest, 2, 0..=59)?;
        any_of(&mut rest, b":")?;
        let second = number(&mut rest, 2, 0..=60)?;
        let millisecond = read_milliseconds(&mut rest)?;
        let offset_minutes = read_offset(&mut rest)?;
        let start_of_minute = day.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
        let in_utc = start_of_minute.checked_sub(MINUTE * offset_minutes).ok()?;
        if !rest.is_empty() || !YEARS.contains(&in_utc.year()) || (second == 60 && !may_end_in_a_leap_second(in_utc)) {
            return None;
        }
        let within = SignedDuration::from_secs(second.into()) + SignedDuration::from_millis(millisecond.into());
        let milliseconds = (in_utc.duration_since(EPOCH) + within).as_millis();
        // A leap second at the end of the year 9999 would be read as an instant in the year 10000.
        i64::try_from(milliseconds).ok().filter(|milliseconds| *milliseconds <= last())
    }

    pub fn format(milliseconds: i64) -> String {
        let moment = EPOCH.checked_add(SignedDuration::from_millis(milliseconds));
        format!("{:.3}Z", moment.unwrap_or(DateTime::MAX))
    }

    fn last() -> i64 {
        i64::try_from(DateTime::MAX.duration_since(EPOCH).as_millis()).unwrap_or(i64::MAX)
    }

    /// A leap second is added to the last minute of June or December. It is read as the second that follows it, because
    /// clocks that count seconds since 1970 do the same.
    fn may_end_in_a_leap_second(minute: DateTime) -> bool {
        let is_last_minute = (minute.hour(), minute.minute()) == (23, 59);
        is_last_minute && matches!((minute.month(), minute.day()), (6, 30) | (12, 31))
    }

    fn read_date(rest: &mut &[u8]) -> Option<Date> {
        let year = number(rest, 4, 0..=9999)?;
        any_of(rest, b"-")?;
        let month = number(rest, 2, 1..=12)?;
        any_of(rest, b"-")?;
        let day = number(rest, 2, 1..=31)?;
        Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    }

    /// Reads an optional fraction of a second: a point and at least one digit.
    fn read_milliseconds(rest: &mut &[u8]) -> Option<u32> {
        let Some(fraction) = rest.strip_prefix(b".") else { return Some(0) };
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        *rest = &fraction[digits..];
        let shown = fraction[..digits].iter().chain(b"000").take(3);
        (digits > 0).then(|| shown.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
    }

    /// Reads by how many minutes the local time is ahead of UTC. `-00:00` is read as UTC: it means that the local
    /// offset is not known.
    fn read_offset(rest: &mut &[u8]) -> Option<i32> {
        let sign = match any_of(rest, b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let hours = number(rest, 2, 0..=23)?;
        any_of(rest, b":")?;
        let minutes = number(rest, 2, 0..=59)?;
        Some(sign * i32::try_from(hours * 60 + minutes).ok()?)
    }

    /// Takes one of the `allowed` bytes from the front.
    fn any_of(rest: &mut &[u8], allowed: &[u8]) -> Option<u8> {
        let (first, behind) = rest.split_first()?;
        *rest = behind;
        allowed.contains(first).then_some(*first)
    }

    /// Takes a number of `digits` digits from the front. Its value must lie within `bounds`.
    fn number(rest: &mut &[u8], digits: usize, bounds: RangeInclusive<u32>) -> Option<u32> {
        let (front, behind) = rest.split_at_checked(digits)?;
        *rest = behind;
        let is_number = front.iter().all(u8::is_ascii_digit);
        let value = front.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit.wrapping_sub(b'0')));
        (is_number && bounds.contains(&value)).then_some(value)
    }
}

/// Converts in the same way, but with the browser's own calendar, which costs no download.
#[cfg(not(feature = "ssr"))]
mod calendar {
    use js_sys::Date;

    #[allow(clippy::cast_possible_truncation)] // whole milliseconds of a moment are far below 2⁵³
    pub fn parse(text: &str) -> Option<i64> {
        let milliseconds = Date::parse(text);
        (!milliseconds.is_nan()).then_some(milliseconds as i64)
    }

    #[allow(clippy::cast_precision_loss)] // as above
    pub fn format(milliseconds: i64) -> String {
        let date = Date::new_0();
        date.set_time(milliseconds as f64);
        date.to_iso_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_to_the_millisecond_in_utc() {
        let opening = Timestamp::parse("2026-11-20T21:00:00.1239+01:00").unwrap();
        assert_eq!(opening.to_string(), "2026-11-20T20:00:00.123Z");
        assert_eq!(Timestamp::from_milliseconds(0).to_string(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn every_form_that_rfc_3339_allows_is_read() {
        for (text, expected) in [
            ("2027-06-01T20:00:00Z", "2027-06-01T20:00:00.000Z"),
            ("2027-06-01t20:00:00z", "2027-06-01T20:00:00.000Z"),
            ("2027-06-01T20:00:00.5+00:30", "2027-06-01T19:30:00.500Z"),
            ("2027-06-01T20:00:00.1234567890123456789Z", "2027-06-01T20:00:00.123Z"),
            ("2027-06-01T20:00:00-00:00", "2027-06-01T20:00:00.000Z"),
            ("2027-06-01T20:00:00-23:59", "2027-06-02T19:59:00.000Z"),
            ("2028-02-29T00:00:00Z", "2028-02-29T00:00:00.000Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
            ("1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00.000Z"),
        ] {
            let read = Timestamp::parse(text);
            assert_eq!(read.map(|time| time.to_string()).as_deref(), Some(expected), "{text}");
            assert_eq!(Timestamp::parse(expected), read, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2026-11-20",
            "2026-13-01T00:00:00Z",
            "2027-02-29T00:00:00Z",
            "2027-06-31T00:00:00Z",
            "2027-06-00T00:00:00Z",
            "2027-06-01T20:00:00",
            "2027-06-01T20:00Z",
            "2027-06-01T24:00:00Z",
            "2027-06-01T20:60:00Z",
            "2027-06-01T20:00:61Z",
            "2027-06-01T20:00:60Z",
            "2027-06-01T20:00:00+25:00",
            "2027-06-01T20:00:00+24:00",
            "2027-06-01T20:00:00+01:60",
            "2027-06-01T20:00:00+0100",
            "2027-06-01T20:00:00+01",
            "2027-06-01T20:00:00+01:00:00",
            "20270601T200000Z",
            "2027-06-01 20:00:00Z",
            "2027-06-01T20:00:00 Z",
            "2027-06-01T20:00:00.Z",
            "2027-06-01T20:00:00,5Z",
            "2027-06-01T20:00:00Z[UTC]",
            "2027-06-01T20:00:00ZZ",
            " 2027-06-01T20:00:00Z",
            "2027-6-1T20:00:00Z",
            "+2027-06-01T20:00:00Z",
            "-2027-06-01T20:00:00Z",
            "002027-06-01T20:00:00Z",
            "2027-W22-2T20:00:00Z",
            "2027-152T20:00:00Z",
            "٢٠٢٧-06-01T20:00:00Z",
            "2027-06-01T20:00:00−01:00",
            "0000-12-31T23:59:59Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "9999-12-31T23:59:60Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_moment_beyond_the_calendar_is_written_as_its_end() {
        assert_eq!(Timestamp::from_milliseconds(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }
}

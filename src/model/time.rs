//! Instants in UTC to the millisecond, RFC 3339 on the wire.

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

    /// Reads RFC 3339; digits beyond the millisecond are cut off.
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
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a time in RFC 3339"))
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
    }
}

impl ToSchema for Timestamp {}

/// Between RFC 3339 and milliseconds since 1970.
#[cfg(feature = "ssr")]
mod calendar {
    use jiff::Timestamp;

    pub fn parse(text: &str) -> Option<i64> {
        text.parse().ok().map(Timestamp::as_millisecond)
    }

    pub fn format(milliseconds: i64) -> String {
        format!("{:.3}", Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX))
    }
}

/// The same by the calendar that every browser has already.
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
    fn what_is_not_a_time_is_refused() {
        for text in ["", "tomorrow", "2026-13-01T00:00:00Z", "2026-11-20"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}

//! Enforce, or only show what would have been refused, until a day.

use serde::{Deserialize, Serialize};

use crate::time::UnixTime;

/// What happens to a request that level 1 or 2 refuses. The nearest one wins: row, service, policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// It ends.
    #[default]
    Enforce,
    /// It passes, marked and logged, until `ends`; from then on it ends.
    Shadow {
        /// The first second that is enforced again.
        ends: UnixTime,
    },
}

impl Mode {
    /// Whether a refusal at `now` passes all the same.
    pub fn shadows(self, now: UnixTime) -> bool {
        matches!(self, Self::Shadow { ends } if now < ends)
    }
}

/// `enforce`, or `{ shadow: { until: 2027-01-31 } }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ModeDocument {
    /// A refused request ends.
    Enforce,
    /// A refused request passes, marked and logged, so that a table can be tried on real traffic.
    Shadow {
        /// The last day (UTC) of the trial. A trial has an end, or it is forgotten.
        until: Date,
    },
}

impl From<ModeDocument> for Mode {
    fn from(document: ModeDocument) -> Self {
        match document {
            ModeDocument::Enforce => Self::Enforce,
            ModeDocument::Shadow { until } => Self::Shadow { ends: until.end() },
        }
    }
}

/// A calendar day (RFC 3339 `full-date`), in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The first second after this day.
    pub fn end(self) -> UnixTime {
        UnixTime((self.days_since_1970() + 1) * 86_400)
    }

    /// Years are 1970 and later, so every term stays positive.
    fn days_since_1970(self) -> u64 {
        // years are counted from March, so that the leap day is the last one
        let (year, month) = match self.month {
            1 | 2 => (u64::from(self.year) - 1, u64::from(self.month) + 9),
            _ => (u64::from(self.year), u64::from(self.month) - 3),
        };
        let day_of_year = (153 * month + 2) / 5 + u64::from(self.day) - 1;
        let days_since_year_0 = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
        days_since_year_0 - 719_468
    }

    fn days_in_month(year: u16, month: u8) -> u8 {
        let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
        match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 31,
        }
    }
}

impl TryFrom<String> for Date {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let error = || format!("`{text}` is not a day, as `2027-01-31`");
        let (year, rest) = text.split_once('-').ok_or_else(error)?;
        let (month, day) = rest.split_once('-').ok_or_else(error)?;
        let shaped = year.len() == 4 && month.len() == 2 && day.len() == 2;
        if !shaped || !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
            return Err(error());
        }
        let (Ok(year), Ok(month), Ok(day)) = (year.parse(), month.parse(), day.parse()) else {
            return Err(error());
        };
        if year < 1970 || !(1..=12).contains(&month) || !(1..=Self::days_in_month(year, month)).contains(&day)
        {
            return Err(error());
        }
        Ok(Self { year, month, day })
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Date {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date", "description": "A day (UTC), as 2027-01-31." })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Result<Date, String> {
        Date::try_from(text.to_owned())
    }

    #[test]
    fn a_day_ends_where_the_calendar_says() {
        for (text, end) in [
            ("1970-01-01", 86_400),
            ("2000-02-29", 951_868_800),
            ("2024-12-31", 1_735_689_600),
            ("2027-01-31", 1_801_440_000),
            ("2100-03-01", 4_107_628_800),
        ] {
            assert_eq!(date(text).unwrap().end(), UnixTime(end), "{text}");
            assert_eq!(date(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_day_of_the_calendar_is_refused() {
        for text in [
            "",
            "2027",
            "2027-1-31",
            "27-01-31",
            "2027-13-01",
            "2027-00-10",
            "2027-02-29",
            "2100-02-29",
            "2027-04-31",
            "2027-01-32",
            "2027-01-00",
            "1969-12-31",
            "2027-01-31T00:00:00Z",
            "2027/01/31",
            "+027-01-01",
        ] {
            assert!(date(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shadow_ends_by_itself_after_its_last_day() {
        let mode = Mode::from(ModeDocument::Shadow { until: date("2027-01-31").unwrap() });
        assert!(mode.shadows(UnixTime(1_801_439_999)));
        assert!(!mode.shadows(UnixTime(1_801_440_000)));
        assert!(!Mode::Enforce.shadows(UnixTime(0)));
    }
}

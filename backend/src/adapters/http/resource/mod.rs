//! JSON types and handlers, one file per kind of resource. A handler parses the request, calls one
//! use case, and formats its result.

pub(super) mod audit;
pub(super) mod delegations;
pub(super) mod memberships;
pub(super) mod orders;
pub(super) mod organisations;
pub(super) mod people;
pub(super) mod products;

use jiff::Timestamp as Instant;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::FieldErrors;
use crate::domain::product::MAX_CENTS;
use crate::domain::values::{Currency, Money, Timestamp};

/// An amount of money.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MoneyJson {
    /// Whole cents.
    #[schema(example = 1999)]
    cents: i64,
    /// ISO 4217 currency code.
    #[schema(example = "EUR")]
    currency: String,
}

impl From<Money> for MoneyJson {
    fn from(money: Money) -> Self {
        Self { cents: money.cents, currency: money.currency.to_string() }
    }
}

impl MoneyJson {
    fn validate(&self, pointer: &str, errors: &mut FieldErrors) -> Option<Money> {
        let cents = (1..=MAX_CENTS).contains(&self.cents).then_some(self.cents);
        let cents = cents.ok_or_else(|| format!("must be a number from 1 to {MAX_CENTS}"));
        let cents = errors.check(&format!("{pointer}/cents"), cents);
        let currency = errors.check(&format!("{pointer}/currency"), Currency::new(&self.currency));
        Some(Money { cents: cents?, currency: currency? })
    }
}

/// Formats a time (RFC 3339).
fn format_time(time: Timestamp) -> String {
    // RFC 3339 ends with the year 9999
    Instant::from_millisecond(time.0).unwrap_or(Instant::MAX).to_string()
}

/// Parses a time (RFC 3339) to the millisecond.
fn parse_time(text: &str) -> Result<Timestamp, &'static str> {
    let instant: Instant =
        text.parse().map_err(|_| "must be a time such as 2027-01-31T12:00:00Z")?;
    Ok(Timestamp(instant.as_millisecond()))
}

//! Parts that several resources have: people, money, times.

use jiff::Timestamp as Instant;
use portcullis_principal::{Principal, PrincipalId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::adapters::http::extract::Faults;
use crate::domain::money::{Currency, Money};
use crate::domain::product::MAX_CENTS;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// Somebody, by issuer and subject together.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct PersonJson {
    /// The provider that vouches for the subject.
    issuer: String,
    /// The subject within that issuer.
    subject: String,
}

impl From<&PrincipalId> for PersonJson {
    fn from(id: &PrincipalId) -> Self {
        Self { issuer: id.issuer().to_owned(), subject: id.subject().to_owned() }
    }
}

/// Somebody, as a client names them.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct PersonBody {
    /// The provider that vouches for the subject; the caller's own if it is left out.
    issuer: Option<String>,
    /// The subject within that issuer.
    subject: String,
}

impl PersonBody {
    /// Whom `caller` means.
    pub(super) fn meaning(
        self,
        pointer: &str,
        caller: &Principal,
        faults: &mut Faults,
    ) -> Option<PrincipalId> {
        let issuer = self.issuer.unwrap_or_else(|| caller.issuer().to_owned());
        let issuer = faults.take(&format!("{pointer}/issuer"), Text::<255>::new(issuer));
        let subject = faults.take(&format!("{pointer}/subject"), Text::<255>::new(self.subject));
        Some(PrincipalId::new(issuer?.as_str(), subject?.as_str()))
    }
}

/// An amount of money.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct MoneyJson {
    /// Whole cents.
    #[schema(example = 1999)]
    cents: i64,
    /// An ISO 4217 code.
    #[schema(example = "EUR")]
    currency: String,
}

impl From<Money> for MoneyJson {
    fn from(money: Money) -> Self {
        Self { cents: money.cents, currency: money.currency.to_string() }
    }
}

impl MoneyJson {
    pub(super) fn meaning(&self, pointer: &str, faults: &mut Faults) -> Option<Money> {
        let cents = (1..=MAX_CENTS).contains(&self.cents).then_some(self.cents);
        let cents = cents.ok_or_else(|| format!("must be a number from 1 to {MAX_CENTS}"));
        let cents = faults.take(&format!("{pointer}/cents"), cents);
        let currency = faults.take(&format!("{pointer}/currency"), Currency::new(&self.currency));
        Some(Money { cents: cents?, currency: currency? })
    }
}

/// A time as it is shown (RFC 3339).
pub(super) fn shown_time(time: Timestamp) -> String {
    // beyond the year 9999 there is no RFC 3339
    Instant::from_millisecond(time.0).unwrap_or(Instant::MAX).to_string()
}

/// A time that a client wrote, to the millisecond.
pub(super) fn read_time(text: &str) -> Result<Timestamp, &'static str> {
    let instant: Instant = text.parse().map_err(|_| "must be a time such as 2027-01-31T12:00:00Z")?;
    Ok(Timestamp(instant.as_millisecond()))
}

//! Value types: identifiers, timestamps, texts and money.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use uuid::Uuid;

macro_rules! ids {
    ($( $(#[$doc:meta])+ $name:ident; )+) => { $(
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+ };
}

ids! {
    /// Identifier of an order.
    OrderId;
    /// Identifier of a product.
    ProductId;
    /// Identifier of the share of one order with one co-owner.
    CoOwnerId;
    /// Identifier of a delegation.
    DelegationId;
    /// Identifier of an organisation.
    OrganisationId;
    /// Identifier of a membership.
    MembershipId;
    /// Identifier of an audit record.
    AuditId;
}

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns the time that is later by `by`.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// Text of 1 to `MAX` characters that is not blank and has no control characters other than line
/// breaks and tabs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<const MAX: usize>(String);

/// Reason why a text is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The text is blank.
    #[error("must not be blank")]
    Empty,
    /// The text has more than `MAX` characters.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// The text has a control character, which could garble a display.
    #[error("must not contain control characters")]
    Control,
}

impl<const MAX: usize> Text<MAX> {
    /// Validates a text.
    ///
    /// # Errors
    /// If the text is blank, too long, or has control characters.
    pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        if text.trim().is_empty() {
            Err(TextError::Empty)
        } else if text.chars().count() > MAX {
            Err(TextError::TooLong(MAX))
        } else if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            Err(TextError::Control)
        } else {
            Ok(Self(text))
        }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// ISO 4217 currency code: three capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

/// The text is not a currency code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a currency code of three capital letters, such as EUR")]
pub struct CurrencyError;

impl Currency {
    /// Parses a currency code.
    ///
    /// # Errors
    /// If it is not three capital letters.
    pub fn new(code: &str) -> Result<Self, CurrencyError> {
        match code.as_bytes() {
            [a, b, c] if code.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                Ok(Self([*a, *b, *c]))
            }
            _ => Err(CurrencyError),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| fmt::Write::write_char(f, char::from(*byte)))
    }
}

/// Amount of money in whole cents, so nothing is ever rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// Hundredths of the currency's unit.
    pub cents: i64,
    /// The currency.
    pub currency: Currency,
}

/// Reason why amounts cannot be added or multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The currencies differ.
    #[error("must have prices in one currency")]
    MixedCurrencies,
    /// The result does not fit in an `i64`.
    #[error("must have a smaller total")]
    Overflow,
}

impl Money {
    /// Returns this amount multiplied by `times`.
    ///
    /// # Errors
    /// If the result is too large.
    pub fn times(self, times: u32) -> Result<Self, MoneyError> {
        let cents = self.cents.checked_mul(times.into()).ok_or(MoneyError::Overflow)?;
        Ok(Self { cents, ..self })
    }

    /// Returns the sum.
    ///
    /// # Errors
    /// If the currencies differ, or the result is too large.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::MixedCurrencies);
        }
        let cents = self.cents.checked_add(other.cents).ok_or(MoneyError::Overflow)?;
        Ok(Self { cents, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_to_max_characters_and_no_control_characters() {
        for (text, expected) in [
            ("tea", Ok(())),
            ("Tee für", Ok(())),
            ("", Err(TextError::Empty)),
            (" \n", Err(TextError::Empty)),
            ("12345678", Err(TextError::TooLong(7))),
            ("a\u{0}b", Err(TextError::Control)),
            ("a\u{1b}[2J", Err(TextError::Control)),
        ] {
            assert_eq!(Text::<7>::new(text).map(|_| ()), expected, "{text:?}");
        }
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert_eq!(Currency::new("EUR").unwrap().to_string(), "EUR");
        for code in ["", "EU", "EURO", "eur", "E R", "€"] {
            assert_eq!(Currency::new(code), Err(CurrencyError), "{code}");
        }
    }

    #[test]
    fn mixed_currencies_and_overflows_are_errors() {
        let euro = |cents| Money { cents, currency: Currency::new("EUR").unwrap() };
        let dollar = Money { cents: 1, currency: Currency::new("USD").unwrap() };
        assert_eq!(euro(1).plus(euro(2)), Ok(euro(3)));
        assert_eq!(euro(1).plus(dollar), Err(MoneyError::MixedCurrencies));
        assert_eq!(euro(i64::MAX).plus(euro(1)), Err(MoneyError::Overflow));
        assert_eq!(euro(i64::MAX).times(2), Err(MoneyError::Overflow));
    }
}

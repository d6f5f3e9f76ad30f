//! Money: whole cents and a currency. There are no fractions, so nothing is ever rounded.

use std::fmt;

/// An ISO 4217 code: three capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

/// A text that is no currency code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a currency code of three capital letters, such as EUR")]
pub struct CurrencyError;

impl Currency {
    /// Reads a code.
    ///
    /// # Errors
    /// If it is not three capital letters.
    pub fn new(code: &str) -> Result<Self, CurrencyError> {
        match code.as_bytes() {
            [a, b, c] if code.bytes().all(|byte| byte.is_ascii_uppercase()) => Ok(Self([*a, *b, *c])),
            _ => Err(CurrencyError),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| fmt::Write::write_char(f, char::from(*byte)))
    }
}

/// An amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// Whole cents, or whatever the hundredth of the currency is called.
    pub cents: i64,
    /// Of this currency.
    pub currency: Currency,
}

/// Amounts that do not add up to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Euro and dollars have no sum.
    #[error("has prices in several currencies")]
    Currencies,
    /// More money than there is.
    #[error("comes to more than can be counted")]
    Overflow,
}

impl Money {
    /// This amount `times` over.
    ///
    /// # Errors
    /// If it is more than can be counted.
    pub fn times(self, times: u32) -> Result<Self, MoneyError> {
        let cents = self.cents.checked_mul(times.into()).ok_or(MoneyError::Overflow)?;
        Ok(Self { cents, ..self })
    }

    /// The sum of the two.
    ///
    /// # Errors
    /// If the currencies differ, or it is more than can be counted.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Currencies);
        }
        let cents = self.cents.checked_add(other.cents).ok_or(MoneyError::Overflow)?;
        Ok(Self { cents, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert_eq!(Currency::new("EUR").unwrap().to_string(), "EUR");
        for code in ["", "EU", "EURO", "eur", "E R", "€"] {
            assert_eq!(Currency::new(code), Err(CurrencyError), "{code}");
        }
    }

    #[test]
    fn amounts_of_two_currencies_have_no_sum_and_nothing_wraps_around() {
        let euro = |cents| Money { cents, currency: Currency::new("EUR").unwrap() };
        let dollar = Money { cents: 1, currency: Currency::new("USD").unwrap() };
        assert_eq!(euro(1).plus(euro(2)), Ok(euro(3)));
        assert_eq!(euro(1).plus(dollar), Err(MoneyError::Currencies));
        assert_eq!(euro(i64::MAX).plus(euro(1)), Err(MoneyError::Overflow));
        assert_eq!(euro(i64::MAX).times(2), Err(MoneyError::Overflow));
    }
}

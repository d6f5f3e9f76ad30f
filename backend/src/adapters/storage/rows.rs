//! Conversions between domain values and columns.

use std::str::FromStr;

use portcullis_principal::PrincipalId;
use sqlx::any::AnyRow;

use super::transaction::{broken, column};
use crate::application::ports::{Page, StoreError};
use crate::domain::delegation::Scope;
use crate::domain::organisation::Role;
use crate::domain::values::{Currency, Money, Text, Timestamp};

pub(super) fn id<T>(row: &AnyRow, name: &str) -> Result<T, StoreError>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    column::<&str>(row, name)?.parse().map_err(broken)
}

pub(super) fn optional_id<T>(row: &AnyRow, name: &str) -> Result<Option<T>, StoreError>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    column::<Option<String>>(row, name)?.map(|id| id.parse().map_err(broken)).transpose()
}

pub(super) fn principal_id(
    row: &AnyRow,
    issuer: &str,
    subject: &str,
) -> Result<PrincipalId, StoreError> {
    Ok(PrincipalId::new(column::<&str>(row, issuer)?, column::<&str>(row, subject)?))
}

pub(super) fn time(row: &AnyRow, name: &str) -> Result<Timestamp, StoreError> {
    column(row, name).map(Timestamp)
}

pub(super) fn optional_time(row: &AnyRow, name: &str) -> Result<Option<Timestamp>, StoreError> {
    Ok(column::<Option<i64>>(row, name)?.map(Timestamp))
}

pub(super) fn count(row: &AnyRow, name: &str) -> Result<u32, StoreError> {
    u32::try_from(column::<i64>(row, name)?).map_err(broken)
}

pub(super) fn text<const MAX: usize>(row: &AnyRow, name: &str) -> Result<Text<MAX>, StoreError> {
    Text::new(column::<&str>(row, name)?).map_err(broken)
}

pub(super) fn optional_text<const MAX: usize>(
    row: &AnyRow,
    name: &str,
) -> Result<Option<Text<MAX>>, StoreError> {
    column::<Option<String>>(row, name)?.map(|text| Text::new(text).map_err(broken)).transpose()
}

pub(super) fn money(row: &AnyRow) -> Result<Money, StoreError> {
    let currency = Currency::new(column(row, "currency")?).map_err(broken)?;
    Ok(Money { cents: column(row, "price_cents")?, currency })
}

pub(super) const ROLES: [(Role, &str); 3] =
    [(Role::Member, "member"), (Role::Editor, "editor"), (Role::Manager, "manager")];
pub(super) const SCOPES: [(Scope, &str); 2] =
    [(Scope::Reading, "reading"), (Scope::Everything, "everything")];

/// Returns the stored text of a value.
pub(super) fn encode<T: PartialEq>(words: &[(T, &'static str)], value: &T) -> &'static str {
    words.iter().find(|(v, _)| v == value).map_or("", |(_, word)| word)
}

/// Parses the stored text of a value.
pub(super) fn decode<T: Copy>(words: &[(T, &str)], word: &str) -> Result<T, StoreError> {
    let found = words.iter().find(|(_, w)| *w == word);
    found
        .map(|(value, _)| *value)
        .ok_or_else(|| broken(format!("`{word}` is not an expected value")))
}

/// Returns the exclusive upper bound of a page's ids. Lists are sorted newest first.
pub(super) fn upper_bound<Id: ToString>(page: &Page<Id>) -> String {
    // `~` sorts after every hexadecimal digit
    page.after.as_ref().map_or_else(|| "~".to_owned(), ToString::to_string)
}

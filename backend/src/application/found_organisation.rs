//! Found a company. Everybody may; the founder is its manager.

use uuid::Uuid;

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::input::Input;
use super::shop::Shop;
use crate::domain::id::{MembershipId, OrganisationId};
use crate::domain::organisation::Organisation;
use crate::domain::text::Text;

/// Founds the company.
///
/// # Errors
/// See [`Failure`].
pub async fn found_organisation(
    shop: &Shop,
    caller: &Caller,
    input: impl Input<Text<200>>,
) -> Result<Organisation, Failure> {
    let mut session = Session::write(shop, caller).await?;
    let (id, membership) = (OrganisationId(Uuid::now_v7()), MembershipId(Uuid::now_v7()));
    let (company, manager) = Organisation::found(id, input()?, &caller.principal, membership, session.now);
    session.tx.insert_organisation(&company).await?;
    session.tx.insert_membership(&manager).await?;
    session.done(company.into_inner()).await
}

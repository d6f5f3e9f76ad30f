//! See a node of an organisation.

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::shop::Shop;
use crate::domain::id::OrganisationId;
use crate::domain::organisation::Organisation;
use crate::domain::ownership::ReadOrganisation;

/// The node, to those who belong to it or above.
///
/// # Errors
/// See [`Failure`].
pub async fn read_organisation(
    shop: &Shop,
    caller: &Caller,
    id: OrganisationId,
) -> Result<Organisation, Failure> {
    let mut session = Session::read(shop, caller).await?;
    let organisation = session.tx.organisation(id).await?.ok_or(Failure::Absent("organisation"))?;
    let permit = session.admit::<ReadOrganisation>(organisation).await?;
    session.done(permit.into_inner()).await
}

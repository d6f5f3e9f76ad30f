//! See who belongs to a node.

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::input::Input;
use super::ports::Page;
use super::shop::Shop;
use crate::domain::id::{MembershipId, OrganisationId};
use crate::domain::organisation::Membership;
use crate::domain::ownership::ReadMembers;

/// The node's members, invited ones included, to its managers.
///
/// # Errors
/// See [`Failure`].
pub async fn read_members(
    shop: &Shop,
    caller: &Caller,
    id: OrganisationId,
    page: impl Input<Page<MembershipId>>,
) -> Result<Vec<Membership>, Failure> {
    let mut session = Session::read(shop, caller).await?;
    let organisation = session.tx.organisation(id).await?.ok_or(Failure::Absent("organisation"))?;
    let permit = session.admit::<ReadMembers>(organisation).await?;
    let members = session.tx.members_of(permit.on().id, page()?).await?;
    session.done(members).await
}

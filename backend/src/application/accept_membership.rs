//! Take the place in a node that one was offered.

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::shop::Shop;
use crate::domain::id::MembershipId;
use crate::domain::organisation::Membership;
use crate::domain::ownership::AcceptMembership;

/// Accepts the membership.
///
/// # Errors
/// See [`Failure`].
pub async fn accept_membership(
    shop: &Shop,
    caller: &Caller,
    id: MembershipId,
) -> Result<Membership, Failure> {
    let mut session = Session::write(shop, caller).await?;
    let membership = session.tx.membership(id).await?.ok_or(Failure::Absent("membership"))?;
    let permit = session.admit::<AcceptMembership>(membership).await?;
    let membership = permit.accept(session.now)?;
    session.tx.update_membership(&membership).await?;
    session.done(membership.into_inner()).await
}

//! Leave a node, decline its invitation, or make somebody leave it.

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::shop::Shop;
use crate::domain::id::MembershipId;
use crate::domain::ownership::EndMembership;

/// Ends the membership, at once.
///
/// # Errors
/// See [`Failure`].
pub async fn end_membership(shop: &Shop, caller: &Caller, id: MembershipId) -> Result<(), Failure> {
    let mut session = Session::write(shop, caller).await?;
    let membership = session.tx.membership(id).await?.ok_or(Failure::Absent("membership"))?;
    let permit = session.admit::<EndMembership>(membership).await?;
    session.tx.delete_membership(&permit).await?;
    session.done(()).await
}

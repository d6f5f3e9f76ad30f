//! List the nodes to which one belongs or is invited.

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::ports::Page;
use super::shop::Shop;
use crate::domain::id::MembershipId;
use crate::domain::organisation::{Membership, Organisation};

/// The caller's memberships, the latest first, with their nodes.
///
/// # Errors
/// See [`Failure`].
pub async fn list_memberships(
    shop: &Shop,
    caller: &Caller,
    page: Page<MembershipId>,
) -> Result<Vec<(Membership, Organisation)>, Failure> {
    let mut session = Session::read(shop, caller).await?;
    let memberships = session.tx.memberships_of(caller.principal.id(), page).await?;
    session.done(memberships).await
}

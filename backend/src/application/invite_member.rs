//! Offer somebody a place in a node.

use portcullis_principal::PrincipalId;
use uuid::Uuid;

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::input::Input;
use super::shop::Shop;
use crate::domain::id::{MembershipId, OrganisationId};
use crate::domain::organisation::{Membership, Role};
use crate::domain::ownership::InviteMember;

/// Whom, as what.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Whom.
    pub member: PrincipalId,
    /// As what.
    pub role: Role,
}

/// Invites them. The place counts for nothing until they accept.
///
/// # Errors
/// See [`Failure`].
pub async fn invite_member(
    shop: &Shop,
    caller: &Caller,
    id: OrganisationId,
    input: impl Input<Invitation>,
) -> Result<Membership, Failure> {
    let mut session = Session::write(shop, caller).await?;
    let organisation = session.tx.organisation(id).await?.ok_or(Failure::Absent("organisation"))?;
    let permit = session.admit::<InviteMember>(organisation).await?;
    let Invitation { member, role } = input()?;
    let membership = permit.invite(MembershipId(Uuid::now_v7()), member, role);
    session.tx.insert_membership(&membership).await?;
    session.done(membership.into_inner()).await
}

//! Use cases of memberships in organisations.

use portcullis_principal::PrincipalId;
use uuid::Uuid;

use super::failure::Failure;
use super::ports::Page;
use super::session::{Caller, Input, Session, Shop};
use crate::domain::organisation::{
    AcceptMembership, EndMembership, InviteMember, Membership, Organisation, ReadMembers, Role,
};
use crate::domain::values::{MembershipId, OrganisationId};

/// Parameters of an invitation.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Who is invited.
    pub member: PrincipalId,
    /// The role that the invitation offers.
    pub role: Role,
}

/// Invites a person to an organisation. The membership has no effect until the person accepts it.
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
    let organisation =
        session.tx.organisation(id).await?.ok_or(Failure::NotFound("organisation"))?;
    let permit = session.authorize::<InviteMember>(organisation).await?;
    let Invitation { member, role } = input()?;
    let membership = permit.invite(MembershipId(Uuid::now_v7()), member, role);
    session.tx.insert_membership(&membership).await?;
    session.commit(membership.into_inner()).await
}

/// Lists the members of an organisation, including invited persons. Only its managers may.
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
    let organisation =
        session.tx.organisation(id).await?.ok_or(Failure::NotFound("organisation"))?;
    let permit = session.authorize::<ReadMembers>(organisation).await?;
    let members = session.tx.members_of(permit.resource().id, page()?).await?;
    session.commit(members).await
}

/// Lists the caller's memberships and invitations with their organisations, newest first.
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
    session.commit(memberships).await
}

/// Accepts an invitation.
///
/// # Errors
/// See [`Failure`].
pub async fn accept_membership(
    shop: &Shop,
    caller: &Caller,
    id: MembershipId,
) -> Result<Membership, Failure> {
    let mut session = Session::write(shop, caller).await?;
    let membership = session.tx.membership(id).await?.ok_or(Failure::NotFound("membership"))?;
    let permit = session.authorize::<AcceptMembership>(membership).await?;
    let membership = permit.accept(session.now)?;
    session.tx.update_membership(&membership).await?;
    session.commit(membership.into_inner()).await
}

/// Ends a membership or declines an invitation. It takes effect immediately.
///
/// # Errors
/// See [`Failure`].
pub async fn end_membership(shop: &Shop, caller: &Caller, id: MembershipId) -> Result<(), Failure> {
    let mut session = Session::write(shop, caller).await?;
    let membership = session.tx.membership(id).await?.ok_or(Failure::NotFound("membership"))?;
    let permit = session.authorize::<EndMembership>(membership).await?;
    session.tx.delete_membership(&permit).await?;
    session.commit(()).await
}

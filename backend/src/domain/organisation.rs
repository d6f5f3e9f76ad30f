//! Organisations: trees of companies and departments, and their members.

use portcullis_principal::{Principal, PrincipalId};

use super::ownership::{Authorized, Permit, Resource, Right, actions};
use super::relations::{Relations, Relationship};
use super::values::{MembershipId, OrganisationId, Text, Timestamp};

pub use super::relations::Role;

/// Maximum depth of an organisation tree.
pub const MAX_DEPTH: u32 = 16;

/// A company, or a department below another organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// Identifier of the organisation.
    pub id: OrganisationId,
    /// Name of the organisation.
    pub name: Text<200>,
    /// The organisation above; `None` for a company.
    pub parent: Option<OrganisationId>,
    /// Number of organisations above.
    pub depth: u32,
}

/// Membership of a person in an organisation. A manager invites the person. The membership has no
/// effect until the person accepts, so inviting a person gives no access to that person's orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Identifier of the membership.
    pub id: MembershipId,
    /// The organisation.
    pub organisation: OrganisationId,
    /// The member.
    pub member: PrincipalId,
    /// Role of the member.
    pub role: Role,
    /// Time of the acceptance; `None` for an invitation.
    pub accepted_at: Option<Timestamp>,
}

/// Reason why an organisation or membership cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrganisationError {
    /// The tree would be deeper than [`MAX_DEPTH`].
    #[error("the organisation tree has the maximum depth of {MAX_DEPTH}")]
    TooDeep,
    /// The invitation has already been accepted.
    #[error("the membership has already been accepted")]
    AlreadyAccepted,
}

impl Organisation {
    /// Creates a company, with the caller as its manager.
    pub fn create(
        id: OrganisationId,
        name: Text<200>,
        founder: &Principal,
        membership: MembershipId,
        now: Timestamp,
    ) -> (Authorized<Self>, Authorized<Membership>) {
        let company = Self { id, name, parent: None, depth: 0 };
        let manager = Membership {
            id: membership,
            organisation: id,
            member: founder.id().clone(),
            role: Role::Manager,
            accepted_at: Some(now),
        };
        (Authorized::own(company), Authorized::own(manager))
    }
}

impl Permit<AddDepartment> {
    /// Adds a department below the organisation.
    ///
    /// # Errors
    /// If the tree would be too deep.
    pub fn add(
        self,
        id: OrganisationId,
        name: Text<200>,
    ) -> Result<Authorized<Organisation>, OrganisationError> {
        if self.resource().depth >= MAX_DEPTH {
            return Err(OrganisationError::TooDeep);
        }
        Ok(self.make(|parent, _| Organisation {
            id,
            name,
            parent: Some(parent.id),
            depth: parent.depth + 1,
        }))
    }
}

impl Permit<InviteMember> {
    /// Invites a person.
    pub fn invite(
        self,
        id: MembershipId,
        member: PrincipalId,
        role: Role,
    ) -> Authorized<Membership> {
        self.make(|organisation, _| Membership {
            id,
            organisation: organisation.id,
            member,
            role,
            accepted_at: None,
        })
    }
}

impl Permit<AcceptMembership> {
    /// Accepts the invitation.
    ///
    /// # Errors
    /// If it has already been accepted.
    pub fn accept(self, now: Timestamp) -> Result<Authorized<Membership>, OrganisationError> {
        self.change(|membership| match membership.accepted_at.replace(now) {
            None => Ok(()),
            Some(_) => Err(OrganisationError::AlreadyAccepted),
        })
    }
}

actions!(Organisation: AddProduct, ReadOrganisation, AddDepartment, ReadMembers, InviteMember);
actions!(Membership: AcceptMembership, EndMembership);

impl Resource for Organisation {
    fn kind(&self) -> &'static str {
        "organisation"
    }

    fn name(&self) -> String {
        format!("organisation {}", self.id)
    }

    fn relationship(&self) -> Relationship<'_> {
        Relationship::Organisation(self.id)
    }

    fn rights(&self, _: &PrincipalId, relations: &Relations, _: Timestamp) -> Vec<Right> {
        relations.organisation_roles().collect()
    }
}

impl Resource for Membership {
    fn kind(&self) -> &'static str {
        "membership"
    }

    fn name(&self) -> String {
        format!("membership {}", self.id)
    }

    fn relationship(&self) -> Relationship<'_> {
        Relationship::Organisation(self.organisation)
    }

    fn rights(&self, principal: &PrincipalId, relations: &Relations, _: Timestamp) -> Vec<Right> {
        let mut rights = Vec::new();
        rights.extend((self.member == *principal).then_some(Right::Owner));
        rights.extend(relations.organisation_roles());
        rights
    }
}

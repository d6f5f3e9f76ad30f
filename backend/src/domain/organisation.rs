//! Organisations: trees of nodes (a company, its departments), and who belongs to which node as what.

use portcullis_principal::{Principal, PrincipalId};

use super::ownership::{Authorized, Permit, Resource, Right, actions};
use super::relations::{Relations, Relationship};
use super::values::{MembershipId, OrganisationId, Text, Timestamp};

pub use super::relations::Role;

/// How deep a tree can be.
pub const MAX_DEPTH: u32 = 16;

/// One node of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// Its name for machines.
    pub id: OrganisationId,
    /// What it is called.
    pub name: Text<200>,
    /// The node above it; `None` for a company.
    pub parent: Option<OrganisationId>,
    /// How many nodes are above it.
    pub depth: u32,
}

/// Somebody's place in a node. A manager offers it, and it counts once the member has accepted: nobody's orders are laid
/// open by being named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Its name for machines.
    pub id: MembershipId,
    /// In which node.
    pub organisation: OrganisationId,
    /// Whose.
    pub member: PrincipalId,
    /// As what.
    pub role: Role,
    /// Since when it counts.
    pub accepted_at: Option<Timestamp>,
}

/// Why an organisation cannot be so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrganisationError {
    /// More than [`MAX_DEPTH`].
    #[error("the organisation has too many levels")]
    TooDeep,
    /// Once is enough.
    #[error("the membership has been accepted")]
    AlreadyAccepted,
}

impl Organisation {
    /// A company of the caller's, and the caller as its manager.
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
    /// A node below this one.
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
        Ok(self.make(|parent, _| Organisation { id, name, parent: Some(parent.id), depth: parent.depth + 1 }))
    }
}

impl Permit<InviteMember> {
    /// Offers somebody a place in the node.
    pub fn invite(self, id: MembershipId, member: PrincipalId, role: Role) -> Authorized<Membership> {
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
    /// Takes the place that was offered.
    ///
    /// # Errors
    /// If it has been taken.
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

//! Organisations: trees of nodes (a company, its departments), and who belongs to which node as what.

use portcullis_principal::{Principal, PrincipalId};

use super::ownership::{Owned, Permit, Right, Warranted, acts};
use super::relations::{Bond, Relations};
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
    AcceptedAlready,
}

impl Organisation {
    /// A company of the caller's, and the caller as its manager.
    pub fn found(
        id: OrganisationId,
        name: Text<200>,
        founder: &Principal,
        membership: MembershipId,
        now: Timestamp,
    ) -> (Warranted<Self>, Warranted<Membership>) {
        let company = Self { id, name, parent: None, depth: 0 };
        let manager = Membership {
            id: membership,
            organisation: id,
            member: founder.id().clone(),
            role: Role::Manager,
            accepted_at: Some(now),
        };
        (Warranted::own(company), Warranted::own(manager))
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
    ) -> Result<Warranted<Organisation>, OrganisationError> {
        if self.on().depth >= MAX_DEPTH {
            return Err(OrganisationError::TooDeep);
        }
        Ok(self.make(|parent, _| Organisation { id, name, parent: Some(parent.id), depth: parent.depth + 1 }))
    }
}

impl Permit<InviteMember> {
    /// Offers somebody a place in the node.
    pub fn invite(self, id: MembershipId, member: PrincipalId, role: Role) -> Warranted<Membership> {
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
    pub fn accept(self, now: Timestamp) -> Result<Warranted<Membership>, OrganisationError> {
        self.change(|membership| match membership.accepted_at.replace(now) {
            None => Ok(()),
            Some(_) => Err(OrganisationError::AcceptedAlready),
        })
    }
}

acts!(Organisation: AddProduct, ReadOrganisation, AddDepartment, ReadMembers, InviteMember);
acts!(Membership: AcceptMembership, EndMembership);

impl Owned for Organisation {
    fn kind(&self) -> &'static str {
        "organisation"
    }

    fn name(&self) -> String {
        format!("organisation {}", self.id)
    }

    fn bond(&self) -> Bond<'_> {
        Bond::Organisation(self.id)
    }

    fn rights(&self, _: &PrincipalId, relations: &Relations, _: Timestamp) -> Vec<Right> {
        relations.organisation_roles().collect()
    }
}

impl Owned for Membership {
    fn kind(&self) -> &'static str {
        "membership"
    }

    fn name(&self) -> String {
        format!("membership {}", self.id)
    }

    fn bond(&self) -> Bond<'_> {
        Bond::Organisation(self.organisation)
    }

    fn rights(&self, who: &PrincipalId, relations: &Relations, _: Timestamp) -> Vec<Right> {
        let mut rights = Vec::new();
        rights.extend((self.member == *who).then_some(Right::Owner));
        rights.extend(relations.organisation_roles());
        rights
    }
}

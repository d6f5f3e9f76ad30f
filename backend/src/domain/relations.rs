//! Facts from which rights follow: delegations, and positions in organisations.

use portcullis_principal::PrincipalId;

use super::values::{DelegationId, OrganisationId, Timestamp};

/// Facts between the caller and the other side of a resource's [`Relationship`]. The resource
/// derives the caller's rights from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relations {
    /// Delegations from the person to the caller, including expired ones.
    pub delegations: Vec<Delegation>,
    /// The caller's accepted memberships at or above the organisations of the other side.
    pub positions: Vec<Position>,
}

/// An accepted membership of the caller, as seen from an organisation at or below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The organisation of which the caller is a member.
    pub organisation: OrganisationId,
    /// Role of the caller.
    pub role: Role,
    /// Number of levels between the two organisations: 0 if they are the same.
    pub levels_above: u32,
    /// Role of the person in the lower organisation, if the relationship is to a person.
    pub person_role: Option<Role>,
}

/// The person or organisation through which principals other than the owner have rights to a
/// resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relationship<'a> {
    /// No other principal has rights.
    None,
    /// The person's delegates, and the managers above the person, have rights.
    Person(&'a PrincipalId),
    /// The members of this organisation and of those above it have rights.
    Organisation(OrganisationId),
}

/// A delegation. It ends at `until`, to the millisecond, or when it is revoked, which deletes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// Identifier of the delegation.
    pub id: DelegationId,
    /// The grantor: the owner of the delegation and of the orders.
    pub grantor: PrincipalId,
    /// The person who may act on the orders.
    pub delegate: PrincipalId,
    /// What the delegate may do.
    pub scope: Scope,
    /// Time of the grant.
    pub granted_at: Timestamp,
    /// First instant at which the delegation is no longer active.
    pub until: Timestamp,
}

/// What a delegate may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Read orders.
    Reading,
    /// Everything that acts on an order, except sharing it.
    Everything,
}

/// Role of a member in an organisation and in every organisation below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Belongs to the organisation.
    Member,
    /// Edits its products.
    Editor,
    /// Edits its products, reads the orders of everyone below, and manages its members.
    Manager,
}

impl Delegation {
    /// Returns whether the delegation is active at this time.
    pub fn is_active(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

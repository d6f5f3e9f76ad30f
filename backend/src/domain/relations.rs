//! Facts on record between people, from which rights follow.

use portcullis_principal::PrincipalId;

use super::values::{DelegationId, OrganisationId, Timestamp};

/// What is on record between the caller and an aggregate's [`Relationship`]. Facts only: what follows from them is decided here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relations {
    /// The delegations that the relationship's person granted to the caller, ended ones included.
    pub delegations: Vec<Delegation>,
    /// The caller's accepted memberships at or above the relationship's nodes.
    pub positions: Vec<Position>,
}

/// An accepted membership of the caller's, seen from a node at or below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Where the caller is a member.
    pub organisation: OrganisationId,
    /// As what.
    pub role: Role,
    /// How many levels above the other node: 0 for the very node.
    pub levels_above: u32,
    /// What the relationship's person is in the other node, if the relationship is to a person.
    pub person_role: Option<Role>,
}

/// To whom or what an aggregate ties people besides its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relationship<'a> {
    /// To nobody.
    None,
    /// To those whom this person let act, and to the managers above.
    Person(&'a PrincipalId),
    /// To those who have a role in this node or above.
    Organisation(OrganisationId),
}

/// A delegation. It is over at `until`, to the millisecond, or when it is revoked, which removes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// Its name for machines.
    pub id: DelegationId,
    /// Whose orders: its owner.
    pub grantor: PrincipalId,
    /// Who may act on them.
    pub delegate: PrincipalId,
    /// How.
    pub scope: Scope,
    /// Since when.
    pub granted_at: Timestamp,
    /// Until just before.
    pub until: Timestamp,
}

/// For what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// For reading only.
    Reading,
    /// For everything that acts on an order, but not for sharing it further.
    Everything,
}

/// What somebody is in a node, and by that in every node below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Belongs to it.
    Member,
    /// Edits its products.
    Editor,
    /// Edits its products, reads the orders of everybody below, and says who belongs to it.
    Manager,
}

impl Delegation {
    /// Whether it holds at this time.
    pub fn is_active(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

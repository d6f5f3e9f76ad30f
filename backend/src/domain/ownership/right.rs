//! By what right something is done.

use crate::domain::delegation::Scope;
use crate::domain::id::OrganisationId;
use crate::domain::organisation::Role;
use crate::domain::time::Timestamp;

/// By what somebody may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// It is theirs.
    Owner,
    /// The owner shares this one with them.
    CoOwner,
    /// The owner lets them act on all of the owner's orders.
    Delegate {
        /// How.
        scope: Scope,
        /// Until just before.
        until: Timestamp,
    },
    /// What they are in an organisation.
    OrganisationRole {
        /// In this node, which is the thing's or above it.
        organisation: OrganisationId,
        /// As this.
        role: Role,
    },
    /// They sell what was ordered.
    Seller,
    /// None, but they are an admin: on the record.
    AdminBypass,
}

impl Right {
    /// The name in logs and in the golden matrix.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::CoOwner => "co-owner",
            Self::Delegate { scope: Scope::Reading, .. } => "delegate-reading",
            Self::Delegate { scope: Scope::Everything, .. } => "delegate-everything",
            Self::OrganisationRole { role: Role::Member, .. } => "organisation-member",
            Self::OrganisationRole { role: Role::Editor, .. } => "organisation-editor",
            Self::OrganisationRole { role: Role::Manager, .. } => "organisation-manager",
            Self::Seller => "seller",
            Self::AdminBypass => "admin-bypass",
        }
    }

    /// Whether it must be audited.
    pub fn is_bypass(&self) -> bool {
        matches!(self, Self::AdminBypass)
    }
}

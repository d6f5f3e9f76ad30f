//! Level 3, in one place: may this principal do this to that aggregate, and by what right?
//!
//! [`decide`] is the only way to a [`Permit`], and a permit the only way to an [`Authorized`] change, which is all that the
//! storage writes. So a use case that forgot the question does not compile. The permit holds the very aggregate that was
//! asked about, so it cannot be used on another.
//!
//! A permit cannot be made by hand:
//!
//! ```compile_fail,E0451
//! # use backend::domain::{order::{CancelOrder, Order}, ownership::{Permit, Right}};
//! # use portcullis_principal::PrincipalId;
//! fn forged(resource: Order, principal: PrincipalId) -> Permit<CancelOrder> {
//!     Permit { resource, principal, right: Right::Owner }
//! }
//! ```
//!
//! nor be used for something else:
//!
//! ```compile_fail,E0599
//! # use backend::domain::{order::ReadOrder, ownership::Permit, values::Timestamp};
//! fn mistaken(permit: Permit<ReadOrder>, now: Timestamp) {
//!     permit.cancel(now);
//! }
//! ```
//!
//! and an order that no permit has changed is not written:
//!
//! ```compile_fail,E0308
//! # use backend::application::ports::{StoreError, Transaction};
//! # use backend::domain::{order::Order, values::Timestamp};
//! async fn forgotten(tx: &mut dyn Transaction, mut order: Order, now: Timestamp) -> Result<(), StoreError> {
//!     order.cancelled_at = Some(now);
//!     tx.update_order(&order).await
//! }
//! ```

use std::ops::Deref;

use portcullis_principal::{Principal, PrincipalId};

use super::relations::{Relations, Relationship, Role, Scope};
use super::values::{OrganisationId, Timestamp};

/// The role of those who may do what they have no right to, deliberately and on the record.
pub const ADMIN_ROLE: &str = "admin";

/// The proof that the caller may do `A` to this very aggregate, and by what right.
#[derive(Debug)]
pub struct Permit<A: Action> {
    resource: A::Resource,
    principal: PrincipalId,
    right: Right,
}

/// The caller has no right that is good for the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no right to {}", .0.id())]
pub struct Refused(pub Operation);

/// What a permit, or the caller's own making, brought forth: all that the storage writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorized<T>(T);

/// Decides. The plainest right that is good for it wins; the bypass comes last, so an admin's own things are not audited.
///
/// # Errors
/// If there is no such right.
pub fn decide<A: Action>(
    resource: A::Resource,
    caller: &Principal,
    relations: &Relations,
    now: Timestamp,
) -> Result<Permit<A>, Refused> {
    let mut rights = resource.rights(caller.id(), relations, now);
    rights.extend(caller.roles().iter().any(|role| role == ADMIN_ROLE).then_some(Right::AdminBypass));
    match rights.into_iter().find(|right| A::OPERATION.allows(right)) {
        Some(right) => Ok(Permit { resource, principal: caller.id().clone(), right }),
        None => Err(Refused(A::OPERATION)),
    }
}

impl<A: Action> Permit<A> {
    /// The aggregate.
    pub fn resource(&self) -> &A::Resource {
        &self.resource
    }

    /// Who may.
    pub fn principal(&self) -> &PrincipalId {
        &self.principal
    }

    /// By what right.
    pub fn right(&self) -> Right {
        self.right
    }

    /// The aggregate, for those who only read it, or remove it whole.
    pub fn into_inner(self) -> A::Resource {
        self.resource
    }

    /// Changes the aggregate. For the domain's own files, which know the rules of the change.
    pub(super) fn change<E>(
        mut self,
        change: impl FnOnce(&mut A::Resource) -> Result<(), E>,
    ) -> Result<Authorized<A::Resource>, E> {
        change(&mut self.resource)?;
        Ok(Authorized(self.resource))
    }

    /// Makes something new on the strength of it.
    pub(super) fn make<T>(self, make: impl FnOnce(&A::Resource, &PrincipalId) -> T) -> Authorized<T> {
        Authorized(make(&self.resource, &self.principal))
    }
}

impl<T> Authorized<T> {
    /// What somebody makes for themselves needs no permit.
    pub(super) fn own(new: T) -> Self {
        Self(new)
    }

    /// The thing, once it is written.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Authorized<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What can be somebody's.
pub trait Resource {
    /// What such things are called.
    fn kind(&self) -> &'static str;

    /// What audit records call it.
    fn name(&self) -> String;

    /// Whose [`Relations`] matter.
    fn relationship(&self) -> Relationship<'_>;

    /// The rights that `who` has by itself, the plainest first. What they are good for is the [`Operation`]'s affair.
    fn rights(&self, principal: &PrincipalId, relations: &Relations, now: Timestamp) -> Vec<Right>;
}

/// An operation as a type.
pub trait Action {
    /// On what.
    type Resource: Resource;
    /// The same as a value.
    const OPERATION: Operation;
}

/// Declares operations as types, beside the aggregate that they are done to.
macro_rules! actions {
    ($resource:ty: $($name:ident),+ $(,)?) => { $(
        #[doc = concat!("[`Operation::", stringify!($name), "`](crate::domain::ownership::Operation::", stringify!($name), ")")]
        #[derive(Debug)]
        pub enum $name {}

        impl $crate::domain::ownership::Action for $name {
            type Resource = $resource;
            const OPERATION: $crate::domain::ownership::Operation = $crate::domain::ownership::Operation::$name;
        }
    )+ };
}
pub(super) use actions;

macro_rules! operations {
    ($( $(#[$doc:meta])+ $name:ident = $id:literal; )+) => {
        /// Everything that is done to something of somebody's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operation { $( $(#[$doc])+ $name, )+ }

        impl Operation {
            /// All of them.
            pub const ALL: &'static [Self] = &[ $(Self::$name,)+ ];

            /// The name in logs, audit records and the golden matrix.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }
        }
    };
}

operations! {
    /// See an order.
    ReadOrder = "read-order";
    /// See everybody's orders.
    ListAllOrders = "list-all-orders";
    /// Cancel an order.
    CancelOrder = "cancel-order";
    /// Send an order's goods on their way.
    ShipOrder = "ship-order";
    /// Share an order with somebody.
    AddCoOwner = "add-co-owner";
    /// Share an order with somebody no more.
    RemoveCoOwner = "remove-co-owner";
    /// Offer a product in the name of an organisation.
    AddProduct = "add-product";
    /// Change what is said about a product.
    UpdateProduct = "update-product";
    /// Offer a product no more.
    WithdrawProduct = "withdraw-product";
    /// See a delegation.
    ReadDelegation = "read-delegation";
    /// End a delegation.
    RevokeDelegation = "revoke-delegation";
    /// See a node of an organisation.
    ReadOrganisation = "read-organisation";
    /// Put a node below a node.
    AddDepartment = "add-department";
    /// See who belongs to a node.
    ReadMembers = "read-members";
    /// Offer somebody a place in a node.
    InviteMember = "invite-member";
    /// Take the place that was offered.
    AcceptMembership = "accept-membership";
    /// Leave, or be made to leave.
    EndMembership = "end-membership";
}

impl Operation {
    /// The whole table: what each right is good for. The golden matrix shows it row by row.
    pub fn allows(self, right: &Right) -> bool {
        use Right::{AdminBypass, CoOwner, Delegate, OrganisationRole, Owner, Seller};
        let manager = matches!(right, OrganisationRole { role: Role::Manager, .. });
        let editor = manager || matches!(right, OrganisationRole { role: Role::Editor, .. });
        match self {
            Self::ReadOrder => manager || matches!(right, Owner | CoOwner | Delegate { .. } | AdminBypass),
            Self::CancelOrder => {
                matches!(right, Owner | CoOwner | Delegate { scope: Scope::Everything, .. } | AdminBypass)
            }
            Self::ListAllOrders => matches!(right, AdminBypass),
            Self::ShipOrder => matches!(right, Seller | AdminBypass),
            // the bypass can make nobody a co-owner, delegate or member: it could not be undone by ending it
            Self::AddCoOwner | Self::RemoveCoOwner | Self::RevokeDelegation | Self::AcceptMembership => {
                matches!(right, Owner)
            }
            Self::UpdateProduct | Self::WithdrawProduct => editor || matches!(right, Owner | AdminBypass),
            Self::AddProduct => editor,
            Self::ReadDelegation => matches!(right, Owner | Delegate { .. }),
            Self::ReadOrganisation => matches!(right, OrganisationRole { .. }),
            Self::ReadMembers | Self::AddDepartment | Self::InviteMember => manager,
            Self::EndMembership => manager || matches!(right, Owner),
        }
    }
}

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

impl Relations {
    pub(super) fn organisation_roles(&self) -> impl Iterator<Item = Right> {
        self.positions.iter().map(|position| Right::OrganisationRole {
            organisation: position.organisation,
            role: position.role,
        })
    }
}

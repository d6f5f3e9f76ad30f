//! Ownership (level 3): may this principal perform this operation on this resource, and by which
//! right?
//!
//! [`decide`] is the only source of a [`Permit`], and only a permit yields an [`Authorized`]
//! change, which is all that the storage writes. A use case that skips the decision therefore does
//! not compile. A permit owns the resource that it was issued for, so it cannot be used for
//! another.
//!
//! A permit cannot be constructed elsewhere:
//!
//! ```compile_fail,E0451
//! # use backend::domain::{order::{CancelOrder, Order}, ownership::{Permit, Right}};
//! # use portcullis_principal::PrincipalId;
//! fn forged(resource: Order, principal: PrincipalId) -> Permit<CancelOrder> {
//!     Permit { resource, principal, right: Right::Owner }
//! }
//! ```
//!
//! it cannot be used for another operation:
//!
//! ```compile_fail,E0599
//! # use backend::domain::{order::ReadOrder, ownership::Permit, values::Timestamp};
//! fn mistaken(permit: Permit<ReadOrder>, now: Timestamp) {
//!     permit.cancel(now);
//! }
//! ```
//!
//! and the storage does not accept an order that was changed without a permit:
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

/// The role that may use the admin bypass: access without a right, which is recorded in the audit
/// log.
pub const ADMIN_ROLE: &str = "admin";

/// Proof that the caller may perform `A` on this resource, with the right that allows it.
#[derive(Debug)]
pub struct Permit<A: Action> {
    resource: A::Resource,
    principal: PrincipalId,
    right: Right,
}

/// The caller has no right that allows the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no right allows {}", .0.id())]
pub struct Refused(pub Operation);

/// Result of a permitted change, or a new resource of the caller: all that the storage writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorized<T>(T);

/// Decides whether the caller may perform `A`. The first right that allows it is used. The bypass
/// comes last, so an admin's access to own resources is not audited.
///
/// # Errors
/// If no right allows the operation.
pub fn decide<A: Action>(
    resource: A::Resource,
    caller: &Principal,
    relations: &Relations,
    now: Timestamp,
) -> Result<Permit<A>, Refused> {
    let mut rights = resource.rights(caller.id(), relations, now);
    rights
        .extend(caller.roles().iter().any(|role| role == ADMIN_ROLE).then_some(Right::AdminBypass));
    match rights.into_iter().find(|right| A::OPERATION.allows(right)) {
        Some(right) => Ok(Permit { resource, principal: caller.id().clone(), right }),
        None => Err(Refused(A::OPERATION)),
    }
}

impl<A: Action> Permit<A> {
    /// Returns the resource.
    pub fn resource(&self) -> &A::Resource {
        &self.resource
    }

    /// Returns the caller.
    pub fn principal(&self) -> &PrincipalId {
        &self.principal
    }

    /// Returns the right that allows the operation.
    pub fn right(&self) -> Right {
        self.right
    }

    /// Returns the resource, to read or delete it.
    pub fn into_inner(self) -> A::Resource {
        self.resource
    }

    /// Changes the resource. Only the domain, which knows the rules of each change, may call this.
    pub(super) fn change<E>(
        mut self,
        change: impl FnOnce(&mut A::Resource) -> Result<(), E>,
    ) -> Result<Authorized<A::Resource>, E> {
        change(&mut self.resource)?;
        Ok(Authorized(self.resource))
    }

    /// Creates a resource that depends on the permitted one.
    pub(super) fn make<T>(
        self,
        make: impl FnOnce(&A::Resource, &PrincipalId) -> T,
    ) -> Authorized<T> {
        Authorized(make(&self.resource, &self.principal))
    }
}

impl<T> Authorized<T> {
    /// Wraps a new resource of the caller, which needs no permit.
    pub(super) fn own(new: T) -> Self {
        Self(new)
    }

    /// Returns the value after it was stored.
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

/// Resource to which principals have rights.
pub trait Resource {
    /// Kind of resource, such as `order`.
    fn kind(&self) -> &'static str;

    /// Name of the resource in audit records.
    fn name(&self) -> String;

    /// The other side of the [`Relations`] that the decision needs.
    fn relationship(&self) -> Relationship<'_>;

    /// Returns the rights that `principal` has to the resource, the most direct first.
    /// [`Operation::allows`] decides what each right allows.
    fn rights(&self, principal: &PrincipalId, relations: &Relations, now: Timestamp) -> Vec<Right>;
}

/// Operation as a type.
pub trait Action {
    /// The type of resource that the operation applies to.
    type Resource: Resource;
    /// The operation as a value.
    const OPERATION: Operation;
}

/// Declares the operations on one type of resource as types.
macro_rules! actions {
    ($resource:ty: $($name:ident),+ $(,)?) => { $(
        /// The [`Operation`](crate::domain::ownership::Operation) of this name, as a type.
        #[derive(Debug)]
        pub enum $name {}

        impl crate::domain::ownership::Action for $name {
            type Resource = $resource;
            const OPERATION: crate::domain::ownership::Operation =
                crate::domain::ownership::Operation::$name;
        }
    )+ };
}
pub(super) use actions;

macro_rules! operations {
    ($( $(#[$doc:meta])+ $name:ident = $id:literal; )+) => {
        /// Operation on a resource.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operation { $( $(#[$doc])+ $name, )+ }

        impl Operation {
            /// All operations.
            pub const ALL: &'static [Self] = &[ $(Self::$name,)+ ];

            /// Returns the name of the operation in logs, audit records and the snapshot of the
            /// permission matrix.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }
        }
    };
}

operations! {
    /// Read an order.
    ReadOrder = "read-order";
    /// List the orders of all customers.
    ListAllOrders = "list-all-orders";
    /// Cancel an order.
    CancelOrder = "cancel-order";
    /// Ship order lines.
    ShipOrder = "ship-order";
    /// Share an order with a co-owner.
    AddCoOwner = "add-co-owner";
    /// Stop sharing an order with a co-owner.
    RemoveCoOwner = "remove-co-owner";
    /// Add a product that belongs to an organisation.
    AddProduct = "add-product";
    /// Change the details of a product.
    UpdateProduct = "update-product";
    /// Withdraw a product.
    WithdrawProduct = "withdraw-product";
    /// Read a delegation.
    ReadDelegation = "read-delegation";
    /// Revoke a delegation.
    RevokeDelegation = "revoke-delegation";
    /// Read an organisation.
    ReadOrganisation = "read-organisation";
    /// Add a department below an organisation.
    AddDepartment = "add-department";
    /// List the members of an organisation.
    ReadMembers = "read-members";
    /// Invite a person to an organisation.
    InviteMember = "invite-member";
    /// Accept an invitation.
    AcceptMembership = "accept-membership";
    /// End a membership or decline an invitation.
    EndMembership = "end-membership";
}

impl Operation {
    /// Permission matrix: returns whether the right allows the operation. A snapshot test shows the
    /// matrix row by row.
    pub fn allows(self, right: &Right) -> bool {
        use Right::{AdminBypass, CoOwner, Delegate, OrganisationRole, Owner, Seller};
        let manager = matches!(right, OrganisationRole { role: Role::Manager, .. });
        let editor = manager || matches!(right, OrganisationRole { role: Role::Editor, .. });
        match self {
            Self::ReadOrder => {
                manager || matches!(right, Owner | CoOwner | Delegate { .. } | AdminBypass)
            }
            Self::CancelOrder => {
                matches!(
                    right,
                    Owner | CoOwner | Delegate { scope: Scope::Everything, .. } | AdminBypass
                )
            }
            Self::ListAllOrders => matches!(right, AdminBypass),
            Self::ShipOrder => matches!(right, Seller | AdminBypass),
            // the bypass does not allow these: a co-owner, delegate or member would keep the access
            // that the bypass gave
            Self::AddCoOwner
            | Self::RemoveCoOwner
            | Self::RevokeDelegation
            | Self::AcceptMembership => {
                matches!(right, Owner)
            }
            Self::UpdateProduct | Self::WithdrawProduct => {
                editor || matches!(right, Owner | AdminBypass)
            }
            Self::AddProduct => editor,
            Self::ReadDelegation => matches!(right, Owner | Delegate { .. }),
            Self::ReadOrganisation => matches!(right, OrganisationRole { .. }),
            Self::ReadMembers | Self::AddDepartment | Self::InviteMember => manager,
            Self::EndMembership => manager || matches!(right, Owner),
        }
    }
}

/// Right to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// The principal owns the resource.
    Owner,
    /// The owner shares the resource with the principal.
    CoOwner,
    /// The owner lets the principal act on all of the owner's orders.
    Delegate {
        /// What the delegate may do.
        scope: Scope,
        /// First instant at which the delegation is no longer active.
        until: Timestamp,
    },
    /// The principal has a role in an organisation.
    OrganisationRole {
        /// The organisation, which is that of the resource or above it.
        organisation: OrganisationId,
        /// The role.
        role: Role,
    },
    /// The principal sells a line of the order.
    Seller,
    /// No right, but the admin role. Every use is audited.
    AdminBypass,
}

impl Right {
    /// Returns the name of the right in logs and in the snapshot of the permission matrix.
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

    /// Returns whether the use of the right must be audited.
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

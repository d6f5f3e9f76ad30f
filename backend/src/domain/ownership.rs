//! Level 3, in one place: may this principal do this to that aggregate, and by what right?
//!
//! [`decide`] is the only way to a [`Permit`], and a permit the only way to a [`Warranted`] change, which is all that the
//! storage writes. So a use case that forgot the question does not compile. The permit holds the very aggregate that was
//! asked about, so it cannot be used on another.
//!
//! A permit cannot be made by hand:
//!
//! ```compile_fail,E0451
//! # use backend::domain::{order::Order, ownership::{CancelOrder, Permit, Right}};
//! # use portcullis_principal::PrincipalId;
//! fn forged(on: Order, by: PrincipalId) -> Permit<CancelOrder> {
//!     Permit { on, by, right: Right::Owner }
//! }
//! ```
//!
//! nor be used for something else:
//!
//! ```compile_fail,E0599
//! # use backend::domain::{order::Order, ownership::{Permit, ReadOrder, Warranted}, time::Timestamp};
//! fn mistaken(permit: Permit<ReadOrder>, now: Timestamp) {
//!     permit.cancel(now);
//! }
//! ```
//!
//! and an order that no permit has changed is not written:
//!
//! ```compile_fail,E0308
//! # use backend::application::ports::{StoreError, Transaction};
//! # use backend::domain::{order::Order, time::Timestamp};
//! async fn forgotten(tx: &mut dyn Transaction, mut order: Order, now: Timestamp) -> Result<(), StoreError> {
//!     order.cancelled_at = Some(now);
//!     tx.update_order(&order).await
//! }
//! ```

mod operation;
mod owned;
mod right;

use std::ops::Deref;

use portcullis_principal::{Principal, PrincipalId};

pub use operation::{
    AcceptMembership, Act, AddCoOwner, AddDepartment, AddProduct, CancelOrder, EndMembership, InviteMember,
    ListAllOrders, Operation, ReadDelegation, ReadMembers, ReadOrder, ReadOrganisation, RemoveCoOwner,
    RevokeDelegation, ShipOrder, UpdateProduct, WithdrawProduct,
};
pub use owned::{AllOrders, Bond, Owned, Post, Relations};
pub use right::Right;

use super::time::Timestamp;

/// The role of those who may do what they have no right to, deliberately and on the record.
pub const ADMIN_ROLE: &str = "admin";

/// The proof that the caller may do `A` to this very aggregate, and by what right.
#[derive(Debug)]
pub struct Permit<A: Act> {
    on: A::On,
    by: PrincipalId,
    right: Right,
}

/// The caller has no right that is good for the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no right to {}", .0.id())]
pub struct Refused(pub Operation);

/// What a permit, or the caller's own making, brought forth: all that the storage writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warranted<T>(T);

/// Decides. The plainest right that is good for it wins; the bypass comes last, so an admin's own things are not audited.
///
/// # Errors
/// If there is no such right.
pub fn decide<A: Act>(
    on: A::On,
    caller: &Principal,
    relations: &Relations,
    now: Timestamp,
) -> Result<Permit<A>, Refused> {
    let mut rights = on.rights(caller.id(), relations, now);
    rights.extend(caller.roles().iter().any(|role| role == ADMIN_ROLE).then_some(Right::AdminBypass));
    match rights.into_iter().find(|right| A::OPERATION.allows(right)) {
        Some(right) => Ok(Permit { on, by: caller.id().clone(), right }),
        None => Err(Refused(A::OPERATION)),
    }
}

impl<A: Act> Permit<A> {
    /// The aggregate.
    pub fn on(&self) -> &A::On {
        &self.on
    }

    /// Who may.
    pub fn by(&self) -> &PrincipalId {
        &self.by
    }

    /// By what right.
    pub fn right(&self) -> Right {
        self.right
    }

    /// The aggregate, for those who only read it, or remove it whole.
    pub fn into_inner(self) -> A::On {
        self.on
    }

    /// Changes the aggregate. For the domain's own files, which know the rules of the change.
    pub(super) fn change<E>(
        mut self,
        change: impl FnOnce(&mut A::On) -> Result<(), E>,
    ) -> Result<Warranted<A::On>, E> {
        change(&mut self.on)?;
        Ok(Warranted(self.on))
    }

    /// Makes something new on the strength of it.
    pub(super) fn make<T>(self, make: impl FnOnce(&A::On, &PrincipalId) -> T) -> Warranted<T> {
        Warranted(make(&self.on, &self.by))
    }
}

impl<T> Warranted<T> {
    /// What somebody makes for themselves needs no permit.
    pub(super) fn own(new: T) -> Self {
        Self(new)
    }

    /// The thing, once it is written.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Warranted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

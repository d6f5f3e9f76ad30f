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

use std::ops::Deref;

use portcullis_principal::{Principal, PrincipalId};

use super::delegation::{Delegation, Scope};
use super::id::OrganisationId;
use super::order::Order;
use super::organisation::{Membership, Organisation, Role};
use super::product::Product;
use super::time::Timestamp;

/// The role of those who may do what they have no right to, deliberately and on the record.
pub const ADMIN_ROLE: &str = "admin";

macro_rules! operations {
    ($( $(#[$doc:meta])+ $name:ident($on:ty) = $id:literal; )+) => {
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

        $(
            $(#[$doc])+
            #[derive(Debug)]
            pub enum $name {}

            impl Act for $name {
                type On = $on;
                const OPERATION: Operation = Operation::$name;
            }
        )+
    };
}

operations! {
    /// See an order.
    ReadOrder(Order) = "read-order";
    /// See everybody's orders.
    ListAllOrders(AllOrders) = "list-all-orders";
    /// Cancel an order.
    CancelOrder(Order) = "cancel-order";
    /// Send an order's goods on their way.
    ShipOrder(Order) = "ship-order";
    /// Share an order with somebody.
    AddCoOwner(Order) = "add-co-owner";
    /// Share an order with somebody no more.
    RemoveCoOwner(Order) = "remove-co-owner";
    /// Offer a product in the name of an organisation.
    AddProduct(Organisation) = "add-product";
    /// Change what is said about a product.
    UpdateProduct(Product) = "update-product";
    /// Offer a product no more.
    WithdrawProduct(Product) = "withdraw-product";
    /// See a delegation.
    ReadDelegation(Delegation) = "read-delegation";
    /// End a delegation.
    RevokeDelegation(Delegation) = "revoke-delegation";
    /// See a node of an organisation.
    ReadOrganisation(Organisation) = "read-organisation";
    /// Put a node below a node.
    AddDepartment(Organisation) = "add-department";
    /// See who belongs to a node.
    ReadMembers(Organisation) = "read-members";
    /// Offer somebody a place in a node.
    InviteMember(Organisation) = "invite-member";
    /// Take the place that was offered.
    AcceptMembership(Membership) = "accept-membership";
    /// Leave, or be made to leave.
    EndMembership(Membership) = "end-membership";
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

/// What is on record between the caller and an aggregate's [`Bond`]. Facts only: what follows from them is decided here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relations {
    /// The delegations that the bond's person granted to the caller, ended ones included.
    pub delegations: Vec<Delegation>,
    /// The caller's accepted memberships at or above the bond's nodes.
    pub posts: Vec<Post>,
}

/// An accepted membership of the caller's, seen from a node at or below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Post {
    /// Where the caller is a member.
    pub organisation: OrganisationId,
    /// As what.
    pub role: Role,
    /// How many levels above the other node: 0 for the very node.
    pub above: u32,
    /// What the bond's person is in the other node, if the bond is to a person.
    pub theirs: Option<Role>,
}

/// To whom or what an aggregate ties people besides its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bond<'a> {
    /// To nobody.
    None,
    /// To those whom this person let act, and to the managers above.
    Person(&'a PrincipalId),
    /// To those who have a role in this node or above.
    Organisation(OrganisationId),
}

/// What can be somebody's.
pub trait Owned {
    /// What such things are called.
    fn kind(&self) -> &'static str;

    /// What audit records call it.
    fn name(&self) -> String;

    /// Whose [`Relations`] matter.
    fn bond(&self) -> Bond<'_>;

    /// The rights that `who` has by itself, the plainest first. What they are good for is the [`Operation`]'s affair.
    fn rights(&self, who: &PrincipalId, relations: &Relations, now: Timestamp) -> Vec<Right>;
}

/// An operation as a type.
pub trait Act {
    /// On what.
    type On: Owned;
    /// The same as a value.
    const OPERATION: Operation;
}

/// All the orders there are: nobody's.
#[derive(Clone, Copy, Debug)]
pub struct AllOrders;

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

impl Relations {
    fn organisation_roles(&self) -> impl Iterator<Item = Right> {
        self.posts
            .iter()
            .map(|post| Right::OrganisationRole { organisation: post.organisation, role: post.role })
    }
}

impl Owned for Order {
    fn kind(&self) -> &'static str {
        "order"
    }

    fn name(&self) -> String {
        format!("order {}", self.id)
    }

    fn bond(&self) -> Bond<'_> {
        Bond::Person(&self.customer)
    }

    fn rights(&self, who: &PrincipalId, relations: &Relations, now: Timestamp) -> Vec<Right> {
        let mut rights = Vec::new();
        rights.extend((self.customer == *who).then_some(Right::Owner));
        rights.extend(self.co_owners.iter().any(|co_owner| co_owner.who == *who).then_some(Right::CoOwner));
        let delegations = relations.delegations.iter().filter(|delegation| {
            delegation.grantor == self.customer && delegation.delegate == *who && delegation.holds(now)
        });
        rights.extend(delegations.map(|d| Right::Delegate { scope: d.scope, until: d.until }));
        // a manager stands above the members of the node and everybody further down, not above another manager of it
        let above =
            relations.posts.iter().filter(|post| post.above > 0 || post.theirs != Some(Role::Manager));
        rights.extend(
            above.map(|post| Right::OrganisationRole { organisation: post.organisation, role: post.role }),
        );
        rights.extend(self.lines.iter().any(|line| line.seller == *who).then_some(Right::Seller));
        rights
    }
}

impl Owned for AllOrders {
    fn kind(&self) -> &'static str {
        "orders"
    }

    fn name(&self) -> String {
        "orders".to_owned()
    }

    fn bond(&self) -> Bond<'_> {
        Bond::None
    }

    fn rights(&self, _: &PrincipalId, _: &Relations, _: Timestamp) -> Vec<Right> {
        Vec::new()
    }
}

impl Owned for Product {
    fn kind(&self) -> &'static str {
        "product"
    }

    fn name(&self) -> String {
        format!("product {}", self.id)
    }

    fn bond(&self) -> Bond<'_> {
        self.organisation.map_or(Bond::None, Bond::Organisation)
    }

    fn rights(&self, who: &PrincipalId, relations: &Relations, _: Timestamp) -> Vec<Right> {
        let mut rights = Vec::new();
        rights.extend((self.seller == *who).then_some(Right::Owner));
        rights.extend(relations.organisation_roles());
        rights
    }
}

impl Owned for Delegation {
    fn kind(&self) -> &'static str {
        "delegation"
    }

    fn name(&self) -> String {
        format!("delegation {}", self.id)
    }

    fn bond(&self) -> Bond<'_> {
        Bond::None
    }

    fn rights(&self, who: &PrincipalId, _: &Relations, now: Timestamp) -> Vec<Right> {
        let mut rights = Vec::new();
        rights.extend((self.grantor == *who).then_some(Right::Owner));
        let holds = self.delegate == *who && self.holds(now);
        rights.extend(holds.then_some(Right::Delegate { scope: self.scope, until: self.until }));
        rights
    }
}

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

//! What is done to things of somebody's: each operation as a value and as a type, and which rights are good for it.

use super::owned::{AllOrders, Owned};
use super::right::Right;
use crate::domain::delegation::{Delegation, Scope};
use crate::domain::order::Order;
use crate::domain::organisation::{Membership, Organisation, Role};
use crate::domain::product::Product;

/// An operation as a type.
pub trait Act {
    /// On what.
    type On: Owned;
    /// The same as a value.
    const OPERATION: Operation;
}

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

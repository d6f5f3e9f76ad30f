//! What the shop does: one file a use case. Each loads, asks [`admission`] for a permit, does, records, commits.

mod admission;
pub mod failure;
pub mod input;
pub mod ports;
pub mod precondition;
mod shop;

pub mod accept_membership;
pub mod add_department;
pub mod add_product;
pub mod cancel_order;
pub mod end_membership;
pub mod found_organisation;
pub mod grant_delegation;
pub mod invite_member;
pub mod list_delegations;
pub mod list_memberships;
pub mod list_orders;
pub mod list_products;
pub mod place_order;
pub mod read_audit;
pub mod read_delegation;
pub mod read_members;
pub mod read_order;
pub mod read_organisation;
pub mod read_product;
pub mod revoke_delegation;
pub mod share_order;
pub mod ship_order;
pub mod unshare_order;
pub mod update_product;
pub mod withdraw_product;

pub use admission::Caller;
pub use shop::{Settings, Shop};

//! Identifiers: one type each, so an order's cannot be taken for a product's. UUIDs of version 7 (RFC 9562 5.7), which
//! sort by the time of their making.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

macro_rules! ids {
    ($( $(#[$doc:meta])+ $name:ident; )+) => { $(
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+ };
}

ids! {
    /// Names an order.
    OrderId;
    /// Names a product.
    ProductId;
    /// Names the share that makes somebody a co-owner of one order.
    CoOwnerId;
    /// Names a delegation.
    DelegationId;
    /// Names a node of an organisation's tree.
    OrganisationId;
    /// Names somebody's membership in one node.
    MembershipId;
    /// Names an audit record.
    AuditId;
}

//! Whose each thing is: from the facts on record to the rights that somebody has by them.

use portcullis_principal::PrincipalId;

use super::right::Right;
use crate::domain::delegation::Delegation;
use crate::domain::id::OrganisationId;
use crate::domain::order::Order;
use crate::domain::organisation::{Membership, Organisation, Role};
use crate::domain::product::Product;
use crate::domain::time::Timestamp;

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

/// All the orders there are: nobody's.
#[derive(Clone, Copy, Debug)]
pub struct AllOrders;

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

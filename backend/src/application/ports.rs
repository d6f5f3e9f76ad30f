//! What the use cases need of the world. Each adapter keeps every MUST below, and one contract suite tries them all on each.

use async_trait::async_trait;
use portcullis_principal::PrincipalId;

use crate::domain::audit::AuditRecord;
use crate::domain::delegation::{Delegation, RevokeDelegation};
use crate::domain::order::{ListAllOrders, Order};
use crate::domain::organisation::{EndMembership, Membership, Organisation};
use crate::domain::ownership::{Authorized, Permit};
use crate::domain::product::Product;
use crate::domain::relations::{Relations, Relationship};
use crate::domain::stock::StockChange;
use crate::domain::values::{
    AuditId, DelegationId, MembershipId, OrderId, OrganisationId, ProductId, Timestamp,
};

/// The wall clock.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Where everything is kept.
#[async_trait]
pub trait Store: Send + Sync {
    /// A transaction that MUST see one state of things throughout, and MUST refuse to write.
    async fn read(&self) -> Result<Box<dyn Transaction>, StoreError>;

    /// A transaction that writes. What it loads by id MUST NOT be changed by another before it ends. Dropped without a
    /// commit, it MUST leave nothing behind.
    async fn write(&self) -> Result<Box<dyn Transaction>, StoreError>;

    /// A writing transaction that alone works on this key, or `None` if another does. The claim MUST end with the
    /// transaction, and with the process.
    async fn write_exclusive(&self, key: &IdempotencyKey)
    -> Result<Option<Box<dyn Transaction>>, StoreError>;

    /// Whether the storage answers and has every migration.
    async fn ready(&self) -> Result<(), StoreError>;
}

/// One transaction.
#[async_trait]
pub trait Transaction:
    Orders + Products + Delegations + Organisations + Audit + IdempotencyKeys + Send
{
    /// Makes everything in it last. When this returns, it MUST survive the process and the machine.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// Orders.
#[async_trait]
pub trait Orders {
    /// One order, with its lines as they were placed and its co-owners.
    async fn order(&mut self, id: OrderId) -> Result<Option<Order>, StoreError>;
    /// Adds one.
    async fn insert_order(&mut self, order: &Authorized<Order>) -> Result<(), StoreError>;
    /// Replaces one. MUST fail with [`StoreError::Stale`] unless the stored version is the one before.
    async fn update_order(&mut self, order: &Authorized<Order>) -> Result<(), StoreError>;
    /// The orders that `who` owns, and those shared with them now in any way, the latest first.
    async fn orders_of(
        &mut self,
        principal: &PrincipalId,
        now: Timestamp,
        page: Page<OrderId>,
    ) -> Result<Vec<Order>, StoreError>;
    /// Everybody's, the latest first.
    async fn all_orders(
        &mut self,
        permit: &Permit<ListAllOrders>,
        page: Page<OrderId>,
    ) -> Result<Vec<Order>, StoreError>;
}

/// Products.
#[async_trait]
pub trait Products {
    /// One product, withdrawn or not.
    async fn product(&mut self, id: ProductId) -> Result<Option<Product>, StoreError>;
    /// Adds one.
    async fn insert_product(&mut self, product: &Authorized<Product>) -> Result<(), StoreError>;
    /// Replaces one. MUST fail with [`StoreError::Stale`] unless the stored version is the one before.
    async fn update_product(&mut self, product: &Authorized<Product>) -> Result<(), StoreError>;
    /// Changes a stock and counts the version up. MUST fail with [`Constraint::NegativeStock`] rather than go below 0.
    async fn change_stock(&mut self, change: StockChange) -> Result<(), StoreError>;
    /// Those on offer whose name or description contains `search`, in any case of ASCII letters; the latest first. MUST read
    /// no more than [`MAX_SCANNED`] products: what is further back is on a later page.
    async fn products(
        &mut self,
        search: Option<&str>,
        page: Page<ProductId>,
    ) -> Result<Vec<Product>, StoreError>;
    /// The last of the [`MAX_SCANNED`] products that such a page reads, or `None` if there are fewer.
    async fn last_scanned(&mut self, after: Option<ProductId>) -> Result<Option<ProductId>, StoreError>;
}

/// Delegations.
#[async_trait]
pub trait Delegations {
    /// One delegation.
    async fn delegation(&mut self, id: DelegationId) -> Result<Option<Delegation>, StoreError>;
    /// Adds one.
    async fn insert_delegation(&mut self, delegation: &Authorized<Delegation>) -> Result<(), StoreError>;
    /// Ends one: it MUST be gone for every transaction that begins after the commit.
    async fn delete_delegation(&mut self, permit: &Permit<RevokeDelegation>) -> Result<(), StoreError>;
    /// Those that `who` granted or was granted, ended ones included, the latest first.
    async fn delegations_of(
        &mut self,
        principal: &PrincipalId,
        page: Page<DelegationId>,
    ) -> Result<Vec<Delegation>, StoreError>;
}

/// Organisations, and what follows from them and from delegations.
#[async_trait]
pub trait Organisations {
    /// What is on record between `caller` and the relationship: every delegation of the person to the caller, and the caller's
    /// accepted memberships at and above the organisation, or at and above the person's accepted memberships.
    async fn relations(
        &mut self,
        caller: &PrincipalId,
        relationship: Relationship<'_>,
    ) -> Result<Relations, StoreError>;
    /// One node.
    async fn organisation(&mut self, id: OrganisationId) -> Result<Option<Organisation>, StoreError>;
    /// Adds a node.
    async fn insert_organisation(
        &mut self,
        organisation: &Authorized<Organisation>,
    ) -> Result<(), StoreError>;
    /// One membership.
    async fn membership(&mut self, id: MembershipId) -> Result<Option<Membership>, StoreError>;
    /// Adds one. MUST fail with [`Constraint::DuplicateMember`] if they have a place in the node.
    async fn insert_membership(&mut self, membership: &Authorized<Membership>) -> Result<(), StoreError>;
    /// Replaces one.
    async fn update_membership(&mut self, membership: &Authorized<Membership>) -> Result<(), StoreError>;
    /// Ends one.
    async fn delete_membership(&mut self, permit: &Permit<EndMembership>) -> Result<(), StoreError>;
    /// Who belongs to the node, invited ones included.
    async fn members_of(
        &mut self,
        organisation: OrganisationId,
        page: Page<MembershipId>,
    ) -> Result<Vec<Membership>, StoreError>;
    /// Where `who` belongs or is invited, with the nodes.
    async fn memberships_of(
        &mut self,
        principal: &PrincipalId,
        page: Page<MembershipId>,
    ) -> Result<Vec<(Membership, Organisation)>, StoreError>;
}

/// Audit records. There is nothing that changes or removes one.
#[async_trait]
pub trait Audit {
    /// Adds one.
    async fn record(&mut self, record: &AuditRecord) -> Result<(), StoreError>;
    /// All of them, the latest first.
    async fn audit_records(&mut self, page: Page<AuditId>) -> Result<Vec<AuditRecord>, StoreError>;
}

/// Answers that were given, by the key under which they were asked for.
#[async_trait]
pub trait IdempotencyKeys {
    /// The answer that was given under this key.
    async fn idempotency_record(
        &mut self,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, StoreError>;
    /// Keeps an answer. MUST last exactly if the rest of the transaction does.
    async fn insert_idempotency_record(
        &mut self,
        key: &IdempotencyKey,
        record: &IdempotencyRecord,
    ) -> Result<(), StoreError>;
}

/// Under what a request may be sent again: one client's name for it, apart from every other principal's, method's and route's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// Who sent it.
    pub principal: PrincipalId,
    /// By which method.
    pub method: &'static str,
    /// To which path template.
    pub route: &'static str,
    /// The client's own name for it.
    pub key: String,
}

/// What the first request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// What tells its body from another.
    pub fingerprint: String,
    /// The order that it placed.
    pub order: OrderId,
}

/// How many products one page of a search reads at most. Anyone may search, so its cost must not grow with the shop.
pub const MAX_SCANNED: u32 = 1000;

/// A stretch of a list that is sorted by id.
#[derive(Clone, Copy, Debug)]
pub struct Page<Id> {
    /// After this one, which need not exist.
    pub after: Option<Id>,
    /// At most so many.
    pub limit: u32,
}

/// Why the storage did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or did not answer in time. Later it may.
    #[error("the storage does not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It was changed by another in between.
    #[error("it was changed in between")]
    Stale,
    /// A rule of the schema.
    #[error("the schema forbids it: {0:?}")]
    Constraint(Constraint),
    /// It is broken, or says what cannot be understood.
    #[error("the storage failed")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The constraints of the schema that two transactions side by side can run into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// `products_stock_not_negative`.
    NegativeStock,
    /// `memberships_once`.
    DuplicateMember,
    /// `co_owners_once`.
    DuplicateCoOwner,
    /// `idempotency_keys_once`.
    DuplicateKey,
}

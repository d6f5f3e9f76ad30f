//! Interfaces that the use cases need. Each implementation meets every MUST below; one contract
//! test suite checks all implementations.

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

/// Wall clock.
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}

/// Persistent storage.
#[async_trait]
pub trait Store: Send + Sync {
    /// Begins a transaction that MUST see one consistent snapshot and MUST reject writes.
    async fn read(&self) -> Result<Box<dyn Transaction>, StoreError>;

    /// Begins a transaction that writes. A row that it loaded by id MUST NOT be changed by another
    /// transaction before it ends. If it is dropped without a commit, all its changes MUST be
    /// rolled back.
    async fn write(&self) -> Result<Box<dyn Transaction>, StoreError>;

    /// Begins a write transaction that holds an exclusive lock on this key. Returns `None` if
    /// another transaction holds the lock. The lock MUST be released when the transaction or the
    /// process ends.
    async fn write_exclusive(
        &self,
        key: &IdempotencyKey,
    ) -> Result<Option<Box<dyn Transaction>>, StoreError>;

    /// Checks that the storage answers and has every migration.
    async fn ready(&self) -> Result<(), StoreError>;
}

/// One transaction.
#[async_trait]
pub trait Transaction:
    Orders + Products + Delegations + Organisations + Audit + IdempotencyKeys + Send
{
    /// Commits. When this returns, the changes MUST survive a crash of the process or the machine.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// Orders.
#[async_trait]
pub trait Orders {
    /// Returns an order with its lines in their original sequence and its co-owners.
    async fn order(&mut self, id: OrderId) -> Result<Option<Order>, StoreError>;
    /// Inserts an order.
    async fn insert_order(&mut self, order: &Authorized<Order>) -> Result<(), StoreError>;
    /// Updates an order. MUST fail with [`StoreError::Stale`] unless the stored version is the
    /// preceding one.
    async fn update_order(&mut self, order: &Authorized<Order>) -> Result<(), StoreError>;
    /// Lists the orders that `principal` may read at `now` as owner, co-owner, delegate or manager,
    /// newest first.
    async fn orders_of(
        &mut self,
        principal: &PrincipalId,
        now: Timestamp,
        page: Page<OrderId>,
    ) -> Result<Vec<Order>, StoreError>;
    /// Lists all orders, newest first.
    async fn all_orders(
        &mut self,
        permit: &Permit<ListAllOrders>,
        page: Page<OrderId>,
    ) -> Result<Vec<Order>, StoreError>;
}

/// Products.
#[async_trait]
pub trait Products {
    /// Returns a product, whether it is withdrawn or not.
    async fn product(&mut self, id: ProductId) -> Result<Option<Product>, StoreError>;
    /// Inserts a product.
    async fn insert_product(&mut self, product: &Authorized<Product>) -> Result<(), StoreError>;
    /// Updates a product. MUST fail with [`StoreError::Stale`] unless the stored version is the
    /// preceding one.
    async fn update_product(&mut self, product: &Authorized<Product>) -> Result<(), StoreError>;
    /// Changes the stock and increments the version. MUST fail with [`Constraint::NegativeStock`]
    /// if the stock would become negative.
    async fn change_stock(&mut self, change: StockChange) -> Result<(), StoreError>;
    /// Lists products that are not withdrawn and whose name or description contains `search`
    /// (case-insensitive for ASCII letters), newest first. MUST scan at most [`MAX_SCANNED`]
    /// products; older ones are on later pages.
    async fn products(
        &mut self,
        search: Option<&str>,
        page: Page<ProductId>,
    ) -> Result<Vec<Product>, StoreError>;
    /// Returns the last of the [`MAX_SCANNED`] products that [`Self::products`] scans, or `None` if
    /// there are fewer.
    async fn last_scanned(
        &mut self,
        after: Option<ProductId>,
    ) -> Result<Option<ProductId>, StoreError>;
}

/// Delegations.
#[async_trait]
pub trait Delegations {
    /// Returns a delegation.
    async fn delegation(&mut self, id: DelegationId) -> Result<Option<Delegation>, StoreError>;
    /// Inserts a delegation.
    async fn insert_delegation(
        &mut self,
        delegation: &Authorized<Delegation>,
    ) -> Result<(), StoreError>;
    /// Deletes a delegation. It MUST be invisible to every transaction that begins after the
    /// commit.
    async fn delete_delegation(
        &mut self,
        permit: &Permit<RevokeDelegation>,
    ) -> Result<(), StoreError>;
    /// Lists the delegations that `principal` granted or received, including expired ones, newest
    /// first.
    async fn delegations_of(
        &mut self,
        principal: &PrincipalId,
        page: Page<DelegationId>,
    ) -> Result<Vec<Delegation>, StoreError>;
}

/// Organisations, memberships, and the relations that follow from memberships and delegations.
#[async_trait]
pub trait Organisations {
    /// Returns the relations between `caller` and the other side. For a person: the delegations
    /// from the person to the caller, and the caller's accepted memberships at or above the
    /// person's accepted memberships. For an organisation: the caller's accepted memberships at or
    /// above it.
    async fn relations(
        &mut self,
        caller: &PrincipalId,
        relationship: Relationship<'_>,
    ) -> Result<Relations, StoreError>;
    /// Returns an organisation.
    async fn organisation(
        &mut self,
        id: OrganisationId,
    ) -> Result<Option<Organisation>, StoreError>;
    /// Inserts an organisation.
    async fn insert_organisation(
        &mut self,
        organisation: &Authorized<Organisation>,
    ) -> Result<(), StoreError>;
    /// Returns a membership.
    async fn membership(&mut self, id: MembershipId) -> Result<Option<Membership>, StoreError>;
    /// Inserts a membership. MUST fail with [`Constraint::DuplicateMember`] if the person already
    /// has one in the organisation.
    async fn insert_membership(
        &mut self,
        membership: &Authorized<Membership>,
    ) -> Result<(), StoreError>;
    /// Updates a membership.
    async fn update_membership(
        &mut self,
        membership: &Authorized<Membership>,
    ) -> Result<(), StoreError>;
    /// Deletes a membership.
    async fn delete_membership(&mut self, permit: &Permit<EndMembership>)
    -> Result<(), StoreError>;
    /// Lists the members of an organisation, including invited persons.
    async fn members_of(
        &mut self,
        organisation: OrganisationId,
        page: Page<MembershipId>,
    ) -> Result<Vec<Membership>, StoreError>;
    /// Lists the memberships and invitations of `principal` with their organisations.
    async fn memberships_of(
        &mut self,
        principal: &PrincipalId,
        page: Page<MembershipId>,
    ) -> Result<Vec<(Membership, Organisation)>, StoreError>;
}

/// Audit records. They cannot be changed or deleted.
#[async_trait]
pub trait Audit {
    /// Inserts an audit record.
    async fn record(&mut self, record: &AuditRecord) -> Result<(), StoreError>;
    /// Lists all audit records, newest first.
    async fn audit_records(&mut self, page: Page<AuditId>) -> Result<Vec<AuditRecord>, StoreError>;
}

/// Idempotency keys, with the order that was placed under each.
#[async_trait]
pub trait IdempotencyKeys {
    /// Returns the record of this key.
    async fn idempotency_record(
        &mut self,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, StoreError>;
    /// Inserts a record. It MUST be committed or rolled back with the rest of the transaction.
    async fn insert_idempotency_record(
        &mut self,
        key: &IdempotencyKey,
        record: &IdempotencyRecord,
    ) -> Result<(), StoreError>;
}

/// Idempotency key. Keys of different principals, methods or routes are independent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The principal that sent the request.
    pub principal: PrincipalId,
    /// The method of the request.
    pub method: &'static str,
    /// The path template of the request.
    pub route: &'static str,
    /// The key that the client chose.
    pub key: String,
}

/// Result of the first request with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Hash of the request's body.
    pub fingerprint: String,
    /// The order that the request placed.
    pub order: OrderId,
}

/// Maximum number of products that one page of a search scans. The search is public, so its cost
/// must not grow with the number of products.
pub const MAX_SCANNED: u32 = 1000;

/// Page of a list that is sorted by id.
#[derive(Clone, Copy, Debug)]
pub struct Page<Id> {
    /// The page begins after this id, which need not exist.
    pub after: Option<Id>,
    /// Maximum number of items.
    pub limit: u32,
}

/// Reason why a storage operation failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The storage is unreachable or did not answer in time. The operation may succeed later.
    #[error("the storage does not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another transaction changed the row.
    #[error("another transaction changed the row")]
    Stale,
    /// The schema rejected the change.
    #[error("a constraint of the schema is violated: {0:?}")]
    Constraint(Constraint),
    /// The storage is broken, or holds data that cannot be read.
    #[error("the storage failed")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Constraints of the schema that concurrent transactions can violate.
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

//! In-memory storage for the tests of the use cases. The contract tests run on it, too.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex as SyncMutex};

use async_trait::async_trait;
use backend::application::ports::{
    Audit, Clock, Constraint, Delegations, IdempotencyKey, IdempotencyKeys, IdempotencyRecord,
    MAX_SCANNED, Orders, Organisations, Page, Products, Store, StoreError, Transaction,
};
use backend::domain::audit::AuditRecord;
use backend::domain::delegation::{Delegation, RevokeDelegation};
use backend::domain::order::{ListAllOrders, Order};
use backend::domain::organisation::{EndMembership, Membership, Organisation};
use backend::domain::ownership::{Authorized, Operation, Permit, Resource as _};
use backend::domain::product::Product;
use backend::domain::relations::{Position, Relations, Relationship};
use backend::domain::stock::StockChange;
use backend::domain::values::{
    AuditId, DelegationId, MembershipId, OrderId, OrganisationId, ProductId, Timestamp,
};
use portcullis_principal::PrincipalId;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Manual clock.
#[derive(Clone)]
pub struct SetClock(Arc<SyncMutex<Timestamp>>);

impl SetClock {
    pub fn at(milliseconds: i64) -> Self {
        Self(Arc::new(SyncMutex::new(Timestamp(milliseconds))))
    }

    pub fn advance(&self, milliseconds: i64) {
        self.0.lock().unwrap().0 += milliseconds;
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

#[derive(Clone, Default)]
struct State {
    orders: BTreeMap<OrderId, Order>,
    products: BTreeMap<ProductId, Product>,
    delegations: BTreeMap<DelegationId, Delegation>,
    organisations: BTreeMap<OrganisationId, Organisation>,
    memberships: BTreeMap<MembershipId, Membership>,
    audit: BTreeMap<AuditId, AuditRecord>,
    idempotency_records: HashMap<IdempotencyKey, IdempotencyRecord>,
}

#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    active_keys: Arc<SyncMutex<HashSet<IdempotencyKey>>>,
}

struct MemoryTransaction {
    /// The transaction's view of the data.
    state: State,
    /// The lock of the store, to which a commit writes.
    home: Option<OwnedMutexGuard<State>>,
    active_key: Option<(IdempotencyKey, MemoryStore)>,
}

impl MemoryStore {
    async fn begin(&self, active_key: Option<(IdempotencyKey, Self)>) -> Box<dyn Transaction> {
        let home = Arc::clone(&self.state).lock_owned().await;
        Box::new(MemoryTransaction { state: home.clone(), home: Some(home), active_key })
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn read(&self) -> Result<Box<dyn Transaction>, StoreError> {
        Ok(Box::new(MemoryTransaction {
            state: self.state.lock().await.clone(),
            home: None,
            active_key: None,
        }))
    }

    async fn write(&self) -> Result<Box<dyn Transaction>, StoreError> {
        Ok(self.begin(None).await)
    }

    async fn write_exclusive(
        &self,
        key: &IdempotencyKey,
    ) -> Result<Option<Box<dyn Transaction>>, StoreError> {
        if !self.active_keys.lock().unwrap().insert(key.clone()) {
            return Ok(None);
        }
        Ok(Some(self.begin(Some((key.clone(), self.clone()))).await))
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Drop for MemoryTransaction {
    fn drop(&mut self) {
        if let Some((key, store)) = &self.active_key {
            store.active_keys.lock().unwrap().remove(key);
        }
    }
}

impl MemoryTransaction {
    fn writable(&mut self) -> Result<&mut State, StoreError> {
        if self.home.is_some() {
            Ok(&mut self.state)
        } else {
            Err(StoreError::Broken("it only reads".into()))
        }
    }
}

#[async_trait]
impl Transaction for MemoryTransaction {
    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        if let Some(mut home) = self.home.take() {
            *home = std::mem::take(&mut self.state);
        }
        Ok(())
    }
}

fn page_of<K: Ord + Copy, V: Clone>(
    all: &BTreeMap<K, V>,
    page: Page<K>,
    keep: impl Fn(&V) -> bool,
) -> Vec<V> {
    let before = all.iter().rev().filter(|(id, _)| page.after.is_none_or(|after| **id < after));
    before
        .map(|(_, value)| value)
        .filter(|value| keep(value))
        .take(page.limit as usize)
        .cloned()
        .collect()
}

#[async_trait]
impl Orders for MemoryTransaction {
    async fn order(&mut self, id: OrderId) -> Result<Option<Order>, StoreError> {
        Ok(self.state.orders.get(&id).cloned())
    }

    async fn insert_order(&mut self, order: &Authorized<Order>) -> Result<(), StoreError> {
        self.writable()?.orders.insert(order.id, (**order).clone());
        Ok(())
    }

    async fn update_order(&mut self, order: &Authorized<Order>) -> Result<(), StoreError> {
        match self.writable()?.orders.get_mut(&order.id) {
            Some(stored) if stored.version == order.version - 1 => *stored = (**order).clone(),
            _ => return Err(StoreError::Stale),
        }
        Ok(())
    }

    async fn orders_of(
        &mut self,
        who: &PrincipalId,
        now: Timestamp,
        page: Page<OrderId>,
    ) -> Result<Vec<Order>, StoreError> {
        let visible = |order: &Order| {
            let relations = self.state.relations(who, order.relationship());
            order
                .rights(who, &relations, now)
                .iter()
                .any(|right| Operation::ReadOrder.allows(right))
        };
        Ok(page_of(&self.state.orders, page, visible))
    }

    async fn all_orders(
        &mut self,
        _: &Permit<ListAllOrders>,
        page: Page<OrderId>,
    ) -> Result<Vec<Order>, StoreError> {
        Ok(page_of(&self.state.orders, page, |_| true))
    }
}

#[async_trait]
impl Products for MemoryTransaction {
    async fn product(&mut self, id: ProductId) -> Result<Option<Product>, StoreError> {
        Ok(self.state.products.get(&id).cloned())
    }

    async fn insert_product(&mut self, product: &Authorized<Product>) -> Result<(), StoreError> {
        self.writable()?.products.insert(product.id, (**product).clone());
        Ok(())
    }

    async fn update_product(&mut self, product: &Authorized<Product>) -> Result<(), StoreError> {
        match self.writable()?.products.get_mut(&product.id) {
            Some(stored) if stored.version == product.version - 1 => *stored = (**product).clone(),
            _ => return Err(StoreError::Stale),
        }
        Ok(())
    }

    async fn change_stock(&mut self, change: StockChange) -> Result<(), StoreError> {
        let product =
            self.writable()?.products.get_mut(&change.product()).ok_or(StoreError::Stale)?;
        let stock = i64::from(product.details.stock) + change.amount();
        product.details.stock =
            u32::try_from(stock).map_err(|_| StoreError::Constraint(Constraint::NegativeStock))?;
        product.version += 1;
        Ok(())
    }

    async fn products(
        &mut self,
        search: Option<&str>,
        page: Page<ProductId>,
    ) -> Result<Vec<Product>, StoreError> {
        let search = search.unwrap_or_default().to_ascii_lowercase();
        let found = |product: &Product| {
            let description = product.details.description.as_ref().map_or("", |text| text.as_str());
            [product.details.name.as_str(), description]
                .iter()
                .any(|text| text.to_ascii_lowercase().contains(&search))
        };
        let scanned = self.last_scanned(page.after).await?;
        Ok(page_of(&self.state.products, page, |product| {
            scanned.is_none_or(|last| product.id >= last)
                && product.withdrawn_at.is_none()
                && found(product)
        }))
    }

    async fn last_scanned(
        &mut self,
        after: Option<ProductId>,
    ) -> Result<Option<ProductId>, StoreError> {
        let before =
            self.state.products.keys().rev().filter(|id| after.is_none_or(|after| **id < after));
        Ok(before.copied().nth(MAX_SCANNED as usize - 1))
    }
}

#[async_trait]
impl Delegations for MemoryTransaction {
    async fn delegation(&mut self, id: DelegationId) -> Result<Option<Delegation>, StoreError> {
        Ok(self.state.delegations.get(&id).cloned())
    }

    async fn insert_delegation(
        &mut self,
        delegation: &Authorized<Delegation>,
    ) -> Result<(), StoreError> {
        self.writable()?.delegations.insert(delegation.id, (**delegation).clone());
        Ok(())
    }

    async fn delete_delegation(
        &mut self,
        permit: &Permit<RevokeDelegation>,
    ) -> Result<(), StoreError> {
        self.writable()?
            .delegations
            .remove(&permit.resource().id)
            .map(drop)
            .ok_or(StoreError::Stale)
    }

    async fn delegations_of(
        &mut self,
        who: &PrincipalId,
        page: Page<DelegationId>,
    ) -> Result<Vec<Delegation>, StoreError> {
        Ok(page_of(&self.state.delegations, page, |d| d.grantor == *who || d.delegate == *who))
    }
}

impl State {
    fn relations(&self, caller: &PrincipalId, relationship: Relationship<'_>) -> Relations {
        let (mut relations, nodes) = match relationship {
            Relationship::None => (Relations::default(), Vec::new()),
            Relationship::Organisation(node) => (Relations::default(), vec![(node, None)]),
            Relationship::Person(person) => {
                let granted = self
                    .delegations
                    .values()
                    .filter(|d| d.grantor == *person && d.delegate == *caller);
                let theirs = self
                    .memberships
                    .values()
                    .filter(|m| m.member == *person && m.accepted_at.is_some());
                let nodes = theirs.map(|m| (m.organisation, Some(m.role))).collect();
                (
                    Relations { delegations: granted.cloned().collect(), positions: Vec::new() },
                    nodes,
                )
            }
        };
        for (node, theirs) in nodes {
            let path = std::iter::successors(Some(node), |node| self.organisations[node].parent);
            for (above, organisation) in (0..).zip(path) {
                let mine = self.memberships.values().filter(|membership| {
                    membership.organisation == organisation
                        && membership.member == *caller
                        && membership.accepted_at.is_some()
                });
                relations.positions.extend(mine.map(|mine| Position {
                    organisation,
                    role: mine.role,
                    levels_above: above,
                    person_role: theirs,
                }));
            }
        }
        relations.positions.sort_by_key(|position| (position.levels_above, position.organisation));
        relations
    }
}

#[async_trait]
impl Organisations for MemoryTransaction {
    async fn relations(
        &mut self,
        caller: &PrincipalId,
        relationship: Relationship<'_>,
    ) -> Result<Relations, StoreError> {
        Ok(self.state.relations(caller, relationship))
    }

    async fn organisation(
        &mut self,
        id: OrganisationId,
    ) -> Result<Option<Organisation>, StoreError> {
        Ok(self.state.organisations.get(&id).cloned())
    }

    async fn insert_organisation(
        &mut self,
        organisation: &Authorized<Organisation>,
    ) -> Result<(), StoreError> {
        self.writable()?.organisations.insert(organisation.id, (**organisation).clone());
        Ok(())
    }

    async fn membership(&mut self, id: MembershipId) -> Result<Option<Membership>, StoreError> {
        Ok(self.state.memberships.get(&id).cloned())
    }

    async fn insert_membership(
        &mut self,
        membership: &Authorized<Membership>,
    ) -> Result<(), StoreError> {
        let state = self.writable()?;
        let same = |m: &Membership| {
            m.organisation == membership.organisation && m.member == membership.member
        };
        if state.memberships.values().any(same) {
            return Err(StoreError::Constraint(Constraint::DuplicateMember));
        }
        state.memberships.insert(membership.id, (**membership).clone());
        Ok(())
    }

    async fn update_membership(
        &mut self,
        membership: &Authorized<Membership>,
    ) -> Result<(), StoreError> {
        self.writable()?.memberships.insert(membership.id, (**membership).clone());
        Ok(())
    }

    async fn delete_membership(
        &mut self,
        permit: &Permit<EndMembership>,
    ) -> Result<(), StoreError> {
        self.writable()?
            .memberships
            .remove(&permit.resource().id)
            .map(drop)
            .ok_or(StoreError::Stale)
    }

    async fn members_of(
        &mut self,
        organisation: OrganisationId,
        page: Page<MembershipId>,
    ) -> Result<Vec<Membership>, StoreError> {
        Ok(page_of(&self.state.memberships, page, |membership| {
            membership.organisation == organisation
        }))
    }

    async fn memberships_of(
        &mut self,
        who: &PrincipalId,
        page: Page<MembershipId>,
    ) -> Result<Vec<(Membership, Organisation)>, StoreError> {
        let memberships =
            page_of(&self.state.memberships, page, |membership| membership.member == *who);
        let node =
            |membership: &Membership| self.state.organisations[&membership.organisation].clone();
        Ok(memberships
            .into_iter()
            .map(|membership| (membership.clone(), node(&membership)))
            .collect())
    }
}

#[async_trait]
impl Audit for MemoryTransaction {
    async fn record(&mut self, record: &AuditRecord) -> Result<(), StoreError> {
        self.writable()?.audit.insert(record.id, record.clone());
        Ok(())
    }

    async fn audit_records(&mut self, page: Page<AuditId>) -> Result<Vec<AuditRecord>, StoreError> {
        Ok(page_of(&self.state.audit, page, |_| true))
    }
}

#[async_trait]
impl IdempotencyKeys for MemoryTransaction {
    async fn idempotency_record(
        &mut self,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        Ok(self.state.idempotency_records.get(key).cloned())
    }

    async fn insert_idempotency_record(
        &mut self,
        key: &IdempotencyKey,
        record: &IdempotencyRecord,
    ) -> Result<(), StoreError> {
        self.writable()?.idempotency_records.insert(key.clone(), record.clone());
        Ok(())
    }
}

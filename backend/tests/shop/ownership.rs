//! Level 3 without HTTP: what each right allows, and that only rights give access.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use backend::application::delegations::{NewDelegation, grant_delegation, revoke_delegation};
use backend::application::failure::Failure;
use backend::application::memberships::{
    Invitation, accept_membership, end_membership, invite_member,
};
use backend::application::orders::{
    OrderItem, cancel_order, list_orders, place_order, read_order, share_order, unshare_order,
};
use backend::application::organisations::{add_department, create_organisation};
use backend::application::ports::{Page, Store};
use backend::application::{Caller, Precondition, Settings, Shop};
use backend::domain::delegation::Scope;
use backend::domain::order::OrderState;
use backend::domain::organisation::Role;
use backend::domain::ownership::{Operation, Right};
use backend::domain::stock::Quantity;
use backend::domain::values::{
    CoOwnerId, DelegationId, MembershipId, OrderId, OrganisationId, ProductId, Text, Timestamp,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use crate::on_each_database;
use crate::support::memory::{MemoryStore, SetClock};
use crate::support::shop::{caller, new_product};
use crate::support::{Database, Person};

fn rights() -> Vec<Right> {
    let organisation = OrganisationId(Uuid::nil());
    let mut rights = vec![Right::Owner, Right::CoOwner];
    rights.extend(
        [Scope::Reading, Scope::Everything]
            .map(|scope| Right::Delegate { scope, until: Timestamp(0) }),
    );
    rights.extend(
        [Role::Member, Role::Editor, Role::Manager]
            .map(|role| Right::OrganisationRole { organisation, role }),
    );
    rights.extend([Right::Seller, Right::AdminBypass]);
    rights
}

#[test]
fn the_permission_matrix_equals_the_snapshot() {
    let (rights, mut matrix) = (rights(), String::new());
    for operation in Operation::ALL {
        let good = rights.iter().filter(|right| operation.allows(right)).map(Right::id);
        writeln!(matrix, "{:<20} {}", operation.id(), good.collect::<Vec<_>>().join(", ")).unwrap();
    }
    insta::assert_snapshot!("right_by_operation", matrix);
}

#[test]
fn the_bypass_cannot_grant_lasting_access() {
    use Operation::{
        AcceptMembership, AddCoOwner, AddDepartment, AddProduct, InviteMember, RemoveCoOwner,
        RevokeDelegation,
    };
    for operation in [
        AddCoOwner,
        RemoveCoOwner,
        RevokeDelegation,
        AcceptMembership,
        InviteMember,
        AddDepartment,
        AddProduct,
    ] {
        assert!(!operation.allows(&Right::AdminBypass), "{}", operation.id());
    }
}

/// The people of the property test. Their roles are irrelevant.
const PEOPLE: [&str; 4] = ["ann", "ben", "cem", "dia"];

#[derive(Clone, Debug)]
enum Step {
    Place { by: usize },
    Share { by: usize, order: usize, with: usize },
    Unshare { by: usize, order: usize, share: usize },
    Grant { by: usize, to: usize, everything: bool, seconds: i64 },
    Revoke { by: usize, delegation: usize },
    Invite { by: usize, node: usize, whom: usize, role: usize },
    Accept { by: usize, membership: usize },
    End { by: usize, membership: usize },
    Cancel { by: usize, order: usize },
    Wait { seconds: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let (who, n) = (0..PEOPLE.len(), 0..6_usize);
    prop_oneof![
        2 => who.clone().prop_map(|by| Step::Place { by }),
        3 => (who.clone(), n.clone(), who.clone()).prop_map(|(by, order, with)| Step::Share { by, order, with }),
        2 => (who.clone(), n.clone(), n.clone()).prop_map(|(by, order, share)| Step::Unshare { by, order, share }),
        3 => (who.clone(), who.clone(), any::<bool>(), 1..100_i64)
            .prop_map(|(by, to, everything, seconds)| Step::Grant { by, to, everything, seconds }),
        1 => (who.clone(), n.clone()).prop_map(|(by, delegation)| Step::Revoke { by, delegation }),
        4 => (who.clone(), 0..3_usize, who.clone(), 0..3_usize)
            .prop_map(|(by, node, whom, role)| Step::Invite { by, node, whom, role }),
        4 => (who.clone(), n.clone()).prop_map(|(by, membership)| Step::Accept { by, membership }),
        1 => (who.clone(), n.clone()).prop_map(|(by, membership)| Step::End { by, membership }),
        1 => (who, n).prop_map(|(by, order)| Step::Cancel { by, order }),
        2 => (1..60_i64).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

/// Independent model of the rules: lists of facts, without rights.
#[derive(Default)]
struct Model {
    now: i64,
    orders: Vec<ModelOrder>,
    /// Grantor, delegate, everything, end; `None` once revoked.
    delegations: Vec<Option<(usize, usize, bool, i64)>>,
    /// Organisation, member, role, accepted; `None` once ended. 0 is the company, 1 is below 0, 2
    /// is below 1.
    memberships: Vec<Option<(usize, usize, usize, bool)>>,
}

struct ModelOrder {
    owner: usize,
    shares: Vec<(CoOwnerId, usize)>,
    cancelled: bool,
}

const MANAGER: usize = 2;

impl Model {
    fn delegated(&self, from: usize, to: usize, everything: bool) -> bool {
        self.delegations.iter().flatten().any(|(grantor, delegate, all, end)| {
            (*grantor, *delegate) == (from, to) && self.now < *end && (*all || !everything)
        })
    }

    fn manages(&self, who: usize, node: usize) -> bool {
        self.memberships.iter().flatten().any(|(n, member, role, accepted)| {
            *member == who && *accepted && *role == MANAGER && *n <= node
        })
    }

    fn manages_person(&self, who: usize, whom: usize) -> bool {
        self.memberships.iter().flatten().any(|(node, member, role, accepted)| {
            let beneath = if *role == MANAGER { node.checked_sub(1) } else { Some(*node) };
            *member == whom && *accepted && beneath.is_some_and(|node| self.manages(who, node))
        })
    }

    fn shared(&self, who: usize, order: usize) -> bool {
        let ModelOrder { owner, shares, .. } = &self.orders[order];
        *owner == who || shares.iter().any(|(_, co_owner)| *co_owner == who)
    }

    fn reads(&self, who: usize, order: usize) -> bool {
        let owner = self.orders[order].owner;
        self.shared(who, order)
            || self.delegated(owner, who, false)
            || self.manages_person(who, owner)
    }

    fn cancels(&self, who: usize, order: usize) -> bool {
        self.shared(who, order) || self.delegated(self.orders[order].owner, who, true)
    }
}

struct World {
    people: Vec<Caller>,
    shop: Shop,
    clock: SetClock,
    model: Model,
    product: ProductId,
    nodes: Vec<OrganisationId>,
    orders: Vec<OrderId>,
    delegations: Vec<DelegationId>,
    memberships: Vec<MembershipId>,
}

fn refused<T>(outcome: &Result<T, Failure>) -> bool {
    matches!(outcome, Err(Failure::Refused(_)))
}

impl World {
    /// Creates a company, a department and a team, managed by Ann, and a second manager, Ben. Each
    /// world has its own people.
    async fn new(store: Arc<dyn Store>) -> Self {
        let issuer = format!("https://{}.example", Uuid::now_v7());
        let people: Vec<_> =
            PEOPLE.iter().map(|name| caller(&Person::customer(name).of(&issuer))).collect();
        let clock = SetClock::at(1_000_000);
        let shop = Shop { store, clock: Arc::new(clock.clone()), settings: Settings::default() };
        let product = new_product(&shop, &Person::seller("sam"), 100, 1_000).await.id;
        let name = || Ok(Text::new("Node").unwrap());
        let company = create_organisation(&shop, &people[0], name).await.unwrap().id;
        let department = add_department(&shop, &people[0], company, name).await.unwrap().id;
        let team = add_department(&shop, &people[0], department, name).await.unwrap().id;
        let member = people[1].principal.id().clone();
        let invitation = Invitation { member, role: Role::Manager };
        let peer = invite_member(&shop, &people[0], company, || Ok(invitation)).await.unwrap().id;
        accept_membership(&shop, &people[1], peer).await.unwrap();
        let mut tx = shop.store.read().await.unwrap();
        let founder = tx.members_of(company, Page { after: None, limit: 2 }).await.unwrap()[1].id;
        drop(tx);
        let memberships = vec![Some((0, 0, MANAGER, true)), Some((0, 1, MANAGER, true))];
        let model = Model { memberships, ..Model::default() };
        Self {
            people,
            shop,
            clock,
            model,
            product,
            nodes: vec![company, department, team],
            orders: Vec::new(),
            delegations: Vec::new(),
            memberships: vec![founder, peer],
        }
    }

    /// Performs the step in the service and in the model. Both must agree whether it is allowed.
    async fn take(&mut self, step: &Step) {
        let (people, shop, model) = (&self.people, &self.shop, &mut self.model);
        match *step {
            Step::Place { by } => {
                let item =
                    vec![OrderItem { product: self.product, quantity: Quantity::new(1).unwrap() }];
                let order = place_order(shop, &people[by], None, || Ok(item)).await.unwrap();
                self.orders.push(order.id);
                model.orders.push(ModelOrder { owner: by, shares: Vec::new(), cancelled: false });
            }
            Step::Share { by, order, with } if order < self.orders.len() => {
                let whom = people[with].principal.id().clone();
                let outcome =
                    share_order(shop, &people[by], self.orders[order], Precondition::None, || {
                        Ok(whom)
                    })
                    .await;
                assert_eq!(refused(&outcome), model.orders[order].owner != by, "{step:?}");
                if let Ok(shared) = outcome {
                    model.orders[order].shares.push((shared.co_owners.last().unwrap().id, with));
                }
            }
            Step::Unshare { by, order, share } if order < self.orders.len() => {
                let ModelOrder { owner, shares, .. } = &mut model.orders[order];
                let Some((id, _)) = shares.get(share).copied() else { return };
                let outcome =
                    unshare_order(shop, &people[by], self.orders[order], id, Precondition::None)
                        .await;
                assert_eq!(outcome.is_ok(), *owner == by, "{step:?}");
                if outcome.is_ok() {
                    shares.remove(share);
                }
            }
            Step::Grant { by, to, everything, seconds } if by != to => {
                let scope = if everything { Scope::Everything } else { Scope::Reading };
                let end = model.now + seconds * 1_000;
                let delegate = people[to].principal.id().clone();
                let grant = NewDelegation { delegate, scope, until: Timestamp(1_000_000 + end) };
                let granted = grant_delegation(shop, &people[by], || Ok(grant)).await.unwrap();
                self.delegations.push(granted.id);
                model.delegations.push(Some((by, to, everything, end)));
            }
            Step::Revoke { by, delegation } if delegation < self.delegations.len() => {
                let outcome =
                    revoke_delegation(shop, &people[by], self.delegations[delegation]).await;
                let granted = &mut model.delegations[delegation];
                assert_eq!(
                    outcome.is_ok(),
                    granted.is_some_and(|(grantor, ..)| grantor == by),
                    "{step:?}"
                );
                granted.take_if(|_| outcome.is_ok());
            }
            Step::Invite { by, node, whom, role } => {
                let member = people[whom].principal.id().clone();
                let invitation =
                    Invitation { member, role: [Role::Member, Role::Editor, Role::Manager][role] };
                let outcome =
                    invite_member(shop, &people[by], self.nodes[node], || Ok(invitation)).await;
                assert_eq!(refused(&outcome), !model.manages(by, node), "{step:?}");
                if let Ok(invited) = outcome {
                    self.memberships.push(invited.id);
                    model.memberships.push(Some((node, whom, role, false)));
                }
            }
            Step::Accept { by, membership } if membership < self.memberships.len() => {
                let outcome =
                    accept_membership(shop, &people[by], self.memberships[membership]).await;
                let offered = model.memberships[membership].as_mut();
                let may = offered
                    .as_ref()
                    .is_some_and(|(_, member, _, accepted)| *member == by && !accepted);
                assert_eq!(outcome.is_ok(), may, "{step:?}");
                if let Some((.., accepted)) = offered.filter(|_| may) {
                    *accepted = true;
                }
            }
            Step::End { by, membership } if membership < self.memberships.len() => {
                let outcome = end_membership(shop, &people[by], self.memberships[membership]).await;
                let may = model.memberships[membership]
                    .is_some_and(|(node, member, ..)| member == by || model.manages(by, node));
                assert_eq!(outcome.is_ok(), may, "{step:?}");
                model.memberships[membership].take_if(|_| may);
            }
            Step::Cancel { by, order } if order < self.orders.len() => {
                let outcome =
                    cancel_order(shop, &people[by], self.orders[order], Precondition::None).await;
                assert_eq!(refused(&outcome), !model.cancels(by, order), "{step:?}");
                model.orders[order].cancelled |= outcome.is_ok();
            }
            Step::Wait { seconds } => {
                model.now += seconds * 1_000;
                self.clock.advance(seconds * 1_000);
            }
            _ => {}
        }
    }

    async fn agree(&self) {
        for (who, caller) in self.people.iter().enumerate() {
            let mut readable = BTreeSet::new();
            for (order, id) in self.orders.iter().enumerate() {
                let read = read_order(&self.shop, caller, *id).await;
                assert_eq!(
                    read.is_ok(),
                    self.model.reads(who, order),
                    "person {who}, order {order}"
                );
                if let Ok(read) = read {
                    assert_eq!(
                        read.state() == OrderState::Cancelled,
                        self.model.orders[order].cancelled
                    );
                    readable.insert(*id);
                }
            }
            let listed =
                list_orders(&self.shop, caller, Page { after: None, limit: 100 }).await.unwrap();
            assert_eq!(
                listed.iter().map(|order| order.id).collect::<BTreeSet<_>>(),
                readable,
                "person {who}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_operations_gives_access_without_a_right(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(Arc::new(MemoryStore::default())).await;
            for step in &steps {
                world.take(step).await;
                world.agree().await;
            }
        });
    }
}

on_each_database![database_queries_agree_with_the_ownership_rules];

async fn database_queries_agree_with_the_ownership_rules(database: Database) {
    let mut runner = TestRunner::deterministic();
    for _ in 0..24 {
        let steps = proptest::collection::vec(step(), 40).new_tree(&mut runner).unwrap().current();
        let mut world = World::new(database.store.clone()).await;
        for step in &steps {
            world.take(step).await;
        }
        world.agree().await;
    }
}

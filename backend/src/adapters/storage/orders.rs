//! Orders with their lines and co-owners, and idempotency keys, which are kept as long as the
//! orders.

use std::collections::HashMap;

use async_trait::async_trait;
use portcullis_principal::PrincipalId;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, query};

use super::rows::{count, id, money, optional_time, principal_id, time, upper_bound};
use super::transaction::{SqlTransaction, Statement, broken, column};
use crate::application::ports::{
    IdempotencyKey, IdempotencyKeys, IdempotencyRecord, Orders, Page, StoreError,
};
use crate::domain::order::{CoOwner, ListAllOrders, Order, OrderLine};
use crate::domain::ownership::{Authorized, Permit};
use crate::domain::stock::Quantity;
use crate::domain::values::{OrderId, Timestamp};

#[async_trait]
impl Orders for SqlTransaction {
    async fn order(&mut self, order: OrderId) -> Result<Option<Order>, StoreError> {
        self.lock("SELECT id FROM orders WHERE id = $1 FOR UPDATE", order.to_string()).await?;
        let statement = query("SELECT * FROM orders WHERE id = $1").bind(order.to_string());
        Ok(self.orders(statement).await?.pop())
    }

    async fn insert_order(&mut self, order: &Authorized<Order>) -> Result<(), StoreError> {
        let statement = query(
            "INSERT INTO orders (id, customer_issuer, customer_subject, placed_at, cancelled_at, shipped_lines, version)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        );
        let statement = statement
            .bind(order.id.to_string())
            .bind(order.customer.issuer().to_owned())
            .bind(order.customer.subject().to_owned())
            .bind(order.placed_at.0)
            .bind(order.cancelled_at.map(|at| at.0))
            .bind(shipped_lines(order))
            .bind(order.version);
        self.execute(statement).await?;
        for (n, line) in (0_i64..).zip(&order.lines) {
            self.insert_line(order.id, n, line).await?;
        }
        self.insert_co_owners(order).await
    }

    async fn update_order(&mut self, order: &Authorized<Order>) -> Result<(), StoreError> {
        let statement = query(
            "UPDATE orders SET cancelled_at = $1, shipped_lines = $2, version = $3 WHERE id = $4 AND version = $3 - 1",
        );
        let statement = statement
            .bind(order.cancelled_at.map(|at| at.0))
            .bind(shipped_lines(order))
            .bind(order.version)
            .bind(order.id.to_string());
        self.execute_one(statement).await?;
        for line in order.lines.iter().filter(|line| line.shipped_at.is_some()) {
            let statement = query(
                "UPDATE order_lines SET shipped_at = $1 WHERE order_id = $2 AND product_id = $3",
            );
            let statement = statement
                .bind(line.shipped_at.map(|at| at.0))
                .bind(order.id.to_string())
                .bind(line.product.to_string());
            self.execute(statement).await?;
        }
        self.execute(query("DELETE FROM co_owners WHERE order_id = $1").bind(order.id.to_string()))
            .await?;
        self.insert_co_owners(order).await
    }

    async fn orders_of(
        &mut self,
        principal: &PrincipalId,
        now: Timestamp,
        page: Page<OrderId>,
    ) -> Result<Vec<Order>, StoreError> {
        // the rights that `Operation::ReadOrder` allows, as a query; tests check that both agree
        let statement = query(
            "WITH RECURSIVE below (node, depth) AS (
                 SELECT organisation_id, 0 FROM memberships
                 WHERE issuer = $1 AND subject = $2 AND role = 'manager' AND accepted_at IS NOT NULL
                 UNION
                 SELECT child.id, below.depth + 1 FROM organisations child JOIN below ON child.parent_id = below.node
             ),
             visible (id) AS (
                 SELECT id FROM orders WHERE customer_issuer = $1 AND customer_subject = $2
                 UNION
                 SELECT order_id FROM co_owners WHERE issuer = $1 AND subject = $2
                 UNION
                 SELECT o.id FROM delegations d
                 JOIN orders o ON o.customer_issuer = d.grantor_issuer AND o.customer_subject = d.grantor_subject
                 WHERE d.delegate_issuer = $1 AND d.delegate_subject = $2 AND d.until > $3
                 UNION
                 SELECT o.id FROM below
                 JOIN memberships m ON m.organisation_id = below.node AND m.accepted_at IS NOT NULL
                 JOIN orders o ON o.customer_issuer = m.issuer AND o.customer_subject = m.subject
                 WHERE below.depth > 0 OR m.role <> 'manager'
             )
             SELECT orders.* FROM orders JOIN visible ON visible.id = orders.id
             WHERE orders.id < $4 ORDER BY orders.id DESC LIMIT $5",
        );
        let statement = statement
            .bind(principal.issuer().to_owned())
            .bind(principal.subject().to_owned())
            .bind(now.0)
            .bind(upper_bound(&page))
            .bind(i64::from(page.limit));
        self.orders(statement).await
    }

    async fn all_orders(
        &mut self,
        _: &Permit<ListAllOrders>,
        page: Page<OrderId>,
    ) -> Result<Vec<Order>, StoreError> {
        let statement = query("SELECT * FROM orders WHERE id < $1 ORDER BY id DESC LIMIT $2");
        self.orders(statement.bind(upper_bound(&page)).bind(i64::from(page.limit))).await
    }
}

impl SqlTransaction {
    /// Loads the orders of these rows with their lines and co-owners.
    async fn orders(&mut self, statement: Statement) -> Result<Vec<Order>, StoreError> {
        let rows = self.fetch_all(statement).await?;
        let mut orders = rows.iter().map(read_order).collect::<Result<Vec<_>, _>>()?;
        if orders.is_empty() {
            return Ok(orders);
        }
        let indices: HashMap<OrderId, usize> =
            orders.iter().zip(0..).map(|(order, n)| (order.id, n)).collect();
        for row in
            self.parts("SELECT * FROM order_lines WHERE order_id IN", "line", &orders).await?
        {
            orders[index_of(&indices, &row)?].lines.push(read_line(&row)?);
        }
        for row in self.parts("SELECT * FROM co_owners WHERE order_id IN", "id", &orders).await? {
            let co_owner = CoOwner {
                id: id(&row, "id")?,
                principal: principal_id(&row, "issuer", "subject")?,
            };
            orders[index_of(&indices, &row)?].co_owners.push(co_owner);
        }
        Ok(orders)
    }

    async fn parts(
        &mut self,
        select: &str,
        sort: &str,
        of: &[Order],
    ) -> Result<Vec<AnyRow>, StoreError> {
        let ids: Vec<String> = (1..=of.len()).map(|n| format!("${n}")).collect();
        // only placeholders are concatenated; the values are bound
        let statement =
            query(AssertSqlSafe(format!("{select} ({}) ORDER BY {sort}", ids.join(", "))));
        self.fetch_all(
            of.iter().fold(statement, |statement, order| statement.bind(order.id.to_string())),
        )
        .await
    }

    async fn insert_line(
        &mut self,
        order: OrderId,
        n: i64,
        line: &OrderLine,
    ) -> Result<(), StoreError> {
        let statement = query(
            "INSERT INTO order_lines
                 (order_id, line, product_id, seller_issuer, seller_subject, quantity, price_cents, currency, shipped_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        );
        let statement = statement
            .bind(order.to_string())
            .bind(n)
            .bind(line.product.to_string())
            .bind(line.seller.issuer().to_owned())
            .bind(line.seller.subject().to_owned())
            .bind(i64::from(line.quantity.get()))
            .bind(line.price.cents)
            .bind(line.price.currency.to_string())
            .bind(line.shipped_at.map(|at| at.0));
        self.execute(statement).await.map(drop)
    }

    async fn insert_co_owners(&mut self, order: &Order) -> Result<(), StoreError> {
        for co_owner in &order.co_owners {
            let statement = query(
                "INSERT INTO co_owners (id, order_id, issuer, subject) VALUES ($1, $2, $3, $4)",
            );
            let statement = statement
                .bind(co_owner.id.to_string())
                .bind(order.id.to_string())
                .bind(co_owner.principal.issuer().to_owned())
                .bind(co_owner.principal.subject().to_owned());
            self.execute(statement).await?;
        }
        Ok(())
    }
}

fn index_of(indices: &HashMap<OrderId, usize>, row: &AnyRow) -> Result<usize, StoreError> {
    indices
        .get(&id(row, "order_id")?)
        .copied()
        .ok_or_else(|| broken("a line or co-owner of an order that was not requested"))
}

fn read_order(row: &AnyRow) -> Result<Order, StoreError> {
    Ok(Order {
        id: id(row, "id")?,
        customer: principal_id(row, "customer_issuer", "customer_subject")?,
        placed_at: time(row, "placed_at")?,
        lines: Vec::new(),
        co_owners: Vec::new(),
        cancelled_at: optional_time(row, "cancelled_at")?,
        version: column(row, "version")?,
    })
}

fn read_line(row: &AnyRow) -> Result<OrderLine, StoreError> {
    Ok(OrderLine {
        product: id(row, "product_id")?,
        seller: principal_id(row, "seller_issuer", "seller_subject")?,
        quantity: Quantity::new(count(row, "quantity")?)
            .ok_or_else(|| broken("the quantity is out of range"))?,
        price: money(row)?,
        shipped_at: optional_time(row, "shipped_at")?,
    })
}

fn shipped_lines(order: &Order) -> i64 {
    order.lines.iter().fold(0, |shipped, line| shipped + i64::from(line.shipped_at.is_some()))
}

#[async_trait]
impl IdempotencyKeys for SqlTransaction {
    async fn idempotency_record(
        &mut self,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        let statement = query(
            "SELECT fingerprint, order_id FROM idempotency_keys
             WHERE issuer = $1 AND subject = $2 AND method = $3 AND route = $4 AND key = $5",
        );
        let row = self.fetch_optional(bind_key(statement, key)).await?;
        row.map(|row| {
            Ok(IdempotencyRecord {
                fingerprint: column(&row, "fingerprint")?,
                order: id(&row, "order_id")?,
            })
        })
        .transpose()
    }

    async fn insert_idempotency_record(
        &mut self,
        key: &IdempotencyKey,
        record: &IdempotencyRecord,
    ) -> Result<(), StoreError> {
        let statement = query(
            "INSERT INTO idempotency_keys (issuer, subject, method, route, key, fingerprint, order_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        );
        let statement = bind_key(statement, key)
            .bind(record.fingerprint.clone())
            .bind(record.order.to_string());
        self.execute(statement).await.map(drop)
    }
}

fn bind_key(statement: Statement, key: &IdempotencyKey) -> Statement {
    statement
        .bind(key.principal.issuer().to_owned())
        .bind(key.principal.subject().to_owned())
        .bind(key.method)
        .bind(key.route)
        .bind(key.key.clone())
}

//! Products.

use async_trait::async_trait;
use sqlx::any::AnyRow;
use sqlx::query;

use super::rows::{
    count, id, money, optional_id, optional_text, optional_time, principal_id, text, upper_bound,
};
use super::transaction::{SqlTransaction, Statement, column};
use crate::application::ports::{MAX_SCANNED, Page, Products, StoreError};
use crate::domain::ownership::Authorized;
use crate::domain::product::{Product, ProductDetails};
use crate::domain::stock::StockChange;
use crate::domain::values::ProductId;

#[async_trait]
impl Products for SqlTransaction {
    async fn product(&mut self, product: ProductId) -> Result<Option<Product>, StoreError> {
        self.lock("SELECT id FROM products WHERE id = $1 FOR UPDATE", product.to_string()).await?;
        let row = self
            .fetch_optional(query("SELECT * FROM products WHERE id = $1").bind(product.to_string()))
            .await?;
        row.as_ref().map(read).transpose()
    }

    async fn insert_product(&mut self, product: &Authorized<Product>) -> Result<(), StoreError> {
        let statement = query(
            "INSERT INTO products (id, name, description, price_cents, currency, stock, withdrawn_at, version,
                                   seller_issuer, seller_subject, organisation_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        );
        let statement = bind(statement, product)
            .bind(product.seller.issuer().to_owned())
            .bind(product.seller.subject().to_owned())
            .bind(product.organisation.map(|id| id.to_string()));
        self.execute(statement).await.map(drop)
    }

    async fn update_product(&mut self, product: &Authorized<Product>) -> Result<(), StoreError> {
        let statement = query(
            "UPDATE products SET name = $2, description = $3, price_cents = $4, currency = $5, stock = $6,
                                 withdrawn_at = $7, version = $8
             WHERE id = $1 AND version = $8 - 1",
        );
        self.execute_one(bind(statement, product)).await
    }

    async fn change_stock(&mut self, change: StockChange) -> Result<(), StoreError> {
        let statement =
            query("UPDATE products SET stock = stock + $1, version = version + 1 WHERE id = $2");
        self.execute_one(statement.bind(change.amount()).bind(change.product().to_string())).await
    }

    async fn products(
        &mut self,
        search: Option<&str>,
        page: Page<ProductId>,
    ) -> Result<Vec<Product>, StoreError> {
        let statement = query(
            "SELECT * FROM (SELECT * FROM products WHERE id < $1 ORDER BY id DESC LIMIT $4) AS scanned
             WHERE withdrawn_at IS NULL
               AND (lower(name) LIKE $2 ESCAPE '!' OR lower(coalesce(description, '')) LIKE $2 ESCAPE '!')
             ORDER BY id DESC LIMIT $3",
        );
        let statement = statement
            .bind(upper_bound(&page))
            .bind(pattern(search.unwrap_or_default()))
            .bind(i64::from(page.limit))
            .bind(i64::from(MAX_SCANNED));
        self.fetch_all(statement).await?.iter().map(read).collect()
    }

    async fn last_scanned(
        &mut self,
        after: Option<ProductId>,
    ) -> Result<Option<ProductId>, StoreError> {
        let statement =
            query("SELECT id FROM products WHERE id < $1 ORDER BY id DESC LIMIT 1 OFFSET $2");
        let page = Page { after, limit: 1 };
        let statement = statement.bind(upper_bound(&page)).bind(i64::from(MAX_SCANNED - 1));
        self.fetch_optional(statement).await?.map(|row| id(&row, "id")).transpose()
    }
}

/// Returns a `LIKE` pattern for texts that contain `search`. `%` and `_` are escaped.
fn pattern(search: &str) -> String {
    let mut pattern = String::from("%");
    for c in search.to_ascii_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn bind(statement: Statement, product: &Product) -> Statement {
    let details = &product.details;
    statement
        .bind(product.id.to_string())
        .bind(details.name.as_str().to_owned())
        .bind(details.description.as_ref().map(|text| text.as_str().to_owned()))
        .bind(details.price.cents)
        .bind(details.price.currency.to_string())
        .bind(i64::from(details.stock))
        .bind(product.withdrawn_at.map(|at| at.0))
        .bind(product.version)
}

fn read(row: &AnyRow) -> Result<Product, StoreError> {
    Ok(Product {
        id: id(row, "id")?,
        seller: principal_id(row, "seller_issuer", "seller_subject")?,
        organisation: optional_id(row, "organisation_id")?,
        details: ProductDetails {
            name: text(row, "name")?,
            description: optional_text(row, "description")?,
            price: money(row)?,
            stock: count(row, "stock")?,
        },
        withdrawn_at: optional_time(row, "withdrawn_at")?,
        version: column(row, "version")?,
    })
}

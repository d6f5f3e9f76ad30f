//! Answers under idempotency keys. They are kept as long as the orders that they stand for.

use async_trait::async_trait;
use sqlx::query;

use super::rows::id;
use super::transaction::{SqlTransaction, Statement, column};
use crate::application::ports::{Answer, IdempotencyKey, IdempotencyKeys, StoreError};

#[async_trait]
impl IdempotencyKeys for SqlTransaction {
    async fn answer(&mut self, key: &IdempotencyKey) -> Result<Option<Answer>, StoreError> {
        let statement = query(
            "SELECT fingerprint, order_id FROM idempotency_keys
             WHERE issuer = $1 AND subject = $2 AND method = $3 AND route = $4 AND key = $5",
        );
        let row = self.fetch_optional(bind(statement, key)).await?;
        row.map(|row| Ok(Answer { fingerprint: column(&row, "fingerprint")?, order: id(&row, "order_id")? }))
            .transpose()
    }

    async fn keep_answer(&mut self, key: &IdempotencyKey, answer: &Answer) -> Result<(), StoreError> {
        let statement = query(
            "INSERT INTO idempotency_keys (issuer, subject, method, route, key, fingerprint, order_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        );
        let statement = bind(statement, key).bind(answer.fingerprint.clone()).bind(answer.order.to_string());
        self.execute(statement).await.map(drop)
    }
}

fn bind(statement: Statement, key: &IdempotencyKey) -> Statement {
    statement
        .bind(key.who.issuer().to_owned())
        .bind(key.who.subject().to_owned())
        .bind(key.method)
        .bind(key.route)
        .bind(key.key.clone())
}

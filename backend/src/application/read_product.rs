//! See a product. Everybody may.

use super::failure::Failure;
use super::shop::Shop;
use crate::domain::id::ProductId;
use crate::domain::product::Product;

/// The product, as long as it is on offer.
///
/// # Errors
/// See [`Failure`].
pub async fn read_product(shop: &Shop, id: ProductId) -> Result<Product, Failure> {
    let mut tx = shop.store.read().await?;
    let product = tx.product(id).await?.filter(|product| product.withdrawn_at.is_none());
    tx.commit().await?;
    product.ok_or(Failure::Absent("product"))
}

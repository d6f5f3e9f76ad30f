//! List and search products. Everybody may.

use super::failure::Failure;
use super::ports::Page;
use super::shop::Shop;
use crate::domain::id::ProductId;
use crate::domain::product::Product;

/// The products on offer, the latest first.
///
/// # Errors
/// See [`Failure`].
pub async fn list_products(
    shop: &Shop,
    search: Option<&str>,
    page: Page<ProductId>,
) -> Result<Vec<Product>, Failure> {
    let mut tx = shop.store.read().await?;
    let products = tx.products(search, page).await?;
    tx.commit().await?;
    Ok(products)
}

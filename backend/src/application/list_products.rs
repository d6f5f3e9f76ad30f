//! List and search products. Everybody may.

use super::failure::Failure;
use super::ports::Page;
use super::shop::Shop;
use crate::domain::id::ProductId;
use crate::domain::product::Product;

/// The products on offer, the latest first, and the product after which the next page begins, if there may be one. A page
/// may hold fewer products than its limit and still have a next one: one page reads a bounded number of products.
///
/// # Errors
/// See [`Failure`].
pub async fn list_products(
    shop: &Shop,
    search: Option<&str>,
    page: Page<ProductId>,
) -> Result<(Vec<Product>, Option<ProductId>), Failure> {
    let mut tx = shop.store.read().await?;
    let products = tx.products(search, page).await?;
    let full = u32::try_from(products.len()).is_ok_and(|length| length >= page.limit);
    let next = match products.last() {
        Some(last) if full => Some(last.id),
        _ => tx.scanned_to(page.after).await?,
    };
    tx.commit().await?;
    Ok((products, next))
}

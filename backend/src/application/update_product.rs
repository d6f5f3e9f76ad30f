//! Say something else about a product.

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::input::Input;
use super::precondition::Precondition;
use super::shop::Shop;
use crate::domain::id::ProductId;
use crate::domain::ownership::UpdateProduct;
use crate::domain::product::{Product, ProductDetails};

/// Replaces what is said about the product.
///
/// # Errors
/// See [`Failure`]. The precondition is required: stock is part of what is replaced.
pub async fn update_product(
    shop: &Shop,
    caller: &Caller,
    id: ProductId,
    precondition: Precondition,
    input: impl Input<ProductDetails>,
) -> Result<Product, Failure> {
    let mut session = Session::write(shop, caller).await?;
    let product = session.tx.product(id).await?.ok_or(Failure::Absent("product"))?;
    let permit = session.admit::<UpdateProduct>(product).await?;
    let outcome = precondition.require(permit.on().version).and_then(|()| Ok(permit.update(input()?)?));
    let (mut session, product) = session.judged(outcome).await?;
    session.tx.update_product(&product).await?;
    session.done(product.into_inner()).await
}

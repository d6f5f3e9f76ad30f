//! Use cases of products.

use uuid::Uuid;

use super::failure::{Failure, FieldError};
use super::ports::Page;
use super::session::{Caller, Input, Precondition, Session, Shop};
use crate::domain::organisation::AddProduct;
use crate::domain::ownership::Permit;
use crate::domain::product::{Product, ProductDetails, UpdateProduct, WithdrawProduct};
use crate::domain::values::{OrganisationId, ProductId};

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
        _ => tx.last_scanned(page.after).await?,
    };
    tx.commit().await?;
    Ok((products, next))
}

/// The product, as long as it is on offer.
///
/// # Errors
/// See [`Failure`].
pub async fn read_product(shop: &Shop, id: ProductId) -> Result<Product, Failure> {
    let mut tx = shop.store.read().await?;
    let product = tx.product(id).await?.filter(|product| product.withdrawn_at.is_none());
    tx.commit().await?;
    product.ok_or(Failure::NotFound("product"))
}

/// What is to be offered, and by whom if not by oneself.
#[derive(Clone, Debug)]
pub struct NewProduct {
    /// In whose name.
    pub organisation: Option<OrganisationId>,
    /// What.
    pub details: ProductDetails,
}

/// Offers the product.
///
/// # Errors
/// See [`Failure`]. An organisation that is not there is a fault of the body.
pub async fn add_product(
    shop: &Shop,
    caller: &Caller,
    input: impl Input<NewProduct>,
) -> Result<Product, Failure> {
    let mut session = Session::write(shop, caller).await?;
    let NewProduct { organisation, details } = input()?;
    let id = ProductId(Uuid::now_v7());
    let product = match organisation {
        None => Product::offer(id, &caller.principal, details),
        Some(organisation) => match permit(&mut session, organisation).await {
            // it is named in the body, not in the path
            Err(Failure::NotFound(_)) => {
                return Err(FieldError::body("/organisation_id", &"must be an organisation of the shop")
                    .into_invalid()
                    .into());
            }
            permit => permit?.offer(id, details),
        },
    };
    session.tx.insert_product(&product).await?;
    session.commit(product.into_inner()).await
}

async fn permit(session: &mut Session<'_>, id: OrganisationId) -> Result<Permit<AddProduct>, Failure> {
    let organisation = session.tx.organisation(id).await?.ok_or(Failure::NotFound("organisation"))?;
    session.authorize::<AddProduct>(organisation).await
}

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
    let product = session.tx.product(id).await?.ok_or(Failure::NotFound("product"))?;
    let permit = session.authorize::<UpdateProduct>(product).await?;
    let outcome = precondition.require(permit.resource().version).and_then(|()| Ok(permit.update(input()?)?));
    let (mut session, product) = session.record_rejection(outcome).await?;
    session.tx.update_product(&product).await?;
    session.commit(product.into_inner()).await
}

/// Withdraws the product.
///
/// # Errors
/// See [`Failure`]. The precondition is required.
pub async fn withdraw_product(
    shop: &Shop,
    caller: &Caller,
    id: ProductId,
    precondition: Precondition,
) -> Result<(), Failure> {
    let mut session = Session::write(shop, caller).await?;
    let product = session.tx.product(id).await?.ok_or(Failure::NotFound("product"))?;
    let permit = session.authorize::<WithdrawProduct>(product).await?;
    let outcome =
        precondition.require(permit.resource().version).and_then(|()| Ok(permit.withdraw(session.now)?));
    let (mut session, product) = session.record_rejection(outcome).await?;
    session.tx.update_product(&product).await?;
    session.commit(()).await
}

//! Use cases of products. Anyone may list and read them.

use uuid::Uuid;

use super::failure::{Failure, FieldError};
use super::ports::Page;
use super::session::{Caller, Input, Precondition, Session, Shop};
use crate::domain::organisation::AddProduct;
use crate::domain::ownership::Permit;
use crate::domain::product::{Product, ProductDetails, UpdateProduct, WithdrawProduct};
use crate::domain::values::{OrganisationId, ProductId};

/// Lists or searches products that are not withdrawn, newest first. Returns them with the id after
/// which the next page begins, if there may be a next page. A page scans a bounded number of
/// products, so it may hold fewer than its limit and still have a next page.
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

/// Returns a product that is not withdrawn.
///
/// # Errors
/// See [`Failure`].
pub async fn read_product(shop: &Shop, id: ProductId) -> Result<Product, Failure> {
    let mut tx = shop.store.read().await?;
    let product = tx.product(id).await?.filter(|product| product.withdrawn_at.is_none());
    tx.commit().await?;
    product.ok_or(Failure::NotFound("product"))
}

/// Parameters of a new product.
#[derive(Clone, Debug)]
pub struct NewProduct {
    /// The organisation that the product belongs to; none for a product of the caller alone.
    pub organisation: Option<OrganisationId>,
    /// Name, description, price and stock.
    pub details: ProductDetails,
}

/// Adds a product. With an organisation, the caller must be one of its editors.
///
/// # Errors
/// See [`Failure`]. An unknown organisation is a field error.
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
            // the organisation is named in the body, so its absence is not a 404
            Err(Failure::NotFound(_)) => {
                return Err(FieldError::body(
                    "/organisation_id",
                    &"must be an organisation of the shop",
                )
                .into_invalid()
                .into());
            }
            permit => permit?.offer(id, details),
        },
    };
    session.tx.insert_product(&product).await?;
    session.commit(product.into_inner()).await
}

async fn permit(
    session: &mut Session<'_>,
    id: OrganisationId,
) -> Result<Permit<AddProduct>, Failure> {
    let organisation =
        session.tx.organisation(id).await?.ok_or(Failure::NotFound("organisation"))?;
    session.authorize::<AddProduct>(organisation).await
}

/// Replaces the details of a product.
///
/// # Errors
/// See [`Failure`]. The precondition is required, because the stock is among the details.
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
    let outcome =
        precondition.require(permit.resource().version).and_then(|()| Ok(permit.update(input()?)?));
    let (mut session, product) = session.record_rejection(outcome).await?;
    session.tx.update_product(&product).await?;
    session.commit(product.into_inner()).await
}

/// Withdraws a product.
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
    let outcome = precondition
        .require(permit.resource().version)
        .and_then(|()| Ok(permit.withdraw(session.now)?));
    let (mut session, product) = session.record_rejection(outcome).await?;
    session.tx.update_product(&product).await?;
    session.commit(()).await
}

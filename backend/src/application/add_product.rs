//! Offer a product: one's own, or an organisation's in which one is an editor.

use uuid::Uuid;

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::input::{Fault, Input};
use super::shop::Shop;
use crate::domain::id::{OrganisationId, ProductId};
use crate::domain::ownership::{AddProduct, Permit};
use crate::domain::product::{Product, ProductDetails};

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
            Err(Failure::Absent(_)) => {
                return Err(Fault::body("/organisation_id", &"must be an organisation of the shop")
                    .alone()
                    .into());
            }
            permit => permit?.offer(id, details),
        },
    };
    session.tx.insert_product(&product).await?;
    session.done(product.into_inner()).await
}

async fn permit(session: &mut Session<'_>, id: OrganisationId) -> Result<Permit<AddProduct>, Failure> {
    let organisation = session.tx.organisation(id).await?.ok_or(Failure::Absent("organisation"))?;
    session.admit::<AddProduct>(organisation).await
}

//! Products.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MoneyJson;
use crate::adapters::http::extract::{
    FieldErrors, IfNoneMatch, JsonBody, PageQuery, PathId, page_response_with_next, with_etag,
};
use crate::adapters::http::problem::Problem;
use crate::application::failure::Invalid;
use crate::application::products::{
    NewProduct, add_product, list_products, read_product, update_product, withdraw_product,
};
use crate::application::{Caller, Precondition, Shop};
use crate::domain::product::{MAX_STOCK, Product, ProductDetails};
use crate::domain::values::{ProductId, Text};

/// A new product. The seller is always the caller.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct NewProductBody {
    /// The organisation that the product belongs to; the caller must be one of its editors.
    #[schema(format = "uuid")]
    organisation_id: Option<String>,
    /// Name of the product.
    name: String,
    /// Description of the product.
    description: Option<String>,
    /// Price of one piece.
    price: MoneyJson,
    /// Number of pieces in stock.
    #[schema(minimum = 0, maximum = 1_000_000)]
    stock: u32,
}

/// New details of a product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ProductBody {
    /// Name of the product.
    name: String,
    /// Description of the product.
    description: Option<String>,
    /// Price of one piece.
    price: MoneyJson,
    /// Number of pieces in stock.
    #[schema(minimum = 0, maximum = 1_000_000)]
    stock: u32,
}

impl NewProductBody {
    fn validate(self) -> Result<NewProduct, Invalid> {
        let Self { organisation_id, name, description, price, stock } = self;
        let mut errors = FieldErrors::default();
        let organisation = organisation_id.map(|id| id.parse()).transpose();
        let organisation = errors.check(
            "/organisation_id",
            organisation.map_err(|_| "must be the id of an organisation"),
        );
        let details = details(ProductBody { name, description, price, stock }, &mut errors);
        errors.finish(
            organisation
                .zip(details)
                .map(|(organisation, details)| NewProduct { organisation, details }),
        )
    }
}

impl ProductBody {
    fn validate(self) -> Result<ProductDetails, Invalid> {
        let mut errors = FieldErrors::default();
        let details = details(self, &mut errors);
        errors.finish(details)
    }
}

fn details(body: ProductBody, errors: &mut FieldErrors) -> Option<ProductDetails> {
    let name = errors.check("/name", Text::new(body.name));
    let description = errors.check("/description", body.description.map(Text::new).transpose());
    let price = body.price.validate("/price", errors);
    let stock = (body.stock <= MAX_STOCK).then_some(body.stock);
    let stock = errors.check("/stock", stock.ok_or_else(|| format!("must be at most {MAX_STOCK}")));
    Some(ProductDetails { name: name?, description: description?, price: price?, stock: stock? })
}

/// A product.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct ProductJson {
    /// Identifier of the product.
    #[schema(format = "uuid")]
    id: String,
    /// Subject of the seller, within `seller_issuer`.
    seller_id: String,
    /// Issuer of the seller.
    seller_issuer: String,
    /// The organisation that the product belongs to.
    #[schema(format = "uuid")]
    organisation_id: Option<String>,
    /// Name of the product.
    name: String,
    /// Description of the product.
    description: Option<String>,
    /// Price of one piece.
    price: MoneyJson,
    /// Number of pieces in stock.
    stock: u32,
}

impl From<&Product> for ProductJson {
    fn from(product: &Product) -> Self {
        let details = &product.details;
        Self {
            id: product.id.to_string(),
            seller_id: product.seller.subject().to_owned(),
            seller_issuer: product.seller.issuer().to_owned(),
            organisation_id: product.organisation.map(|id| id.to_string()),
            name: details.name.as_str().to_owned(),
            description: details.description.as_ref().map(|text| text.as_str().to_owned()),
            price: details.price.into(),
            stock: details.stock,
        }
    }
}

/// `GET /products`
pub(in super::super) async fn list(
    State(shop): State<Shop>,
    query: PageQuery<ProductId>,
) -> Result<Response, Problem> {
    let (page, search) = (query.page()?, query.search()?);
    let (products, next) = list_products(&shop, search.as_ref().map(Text::as_str), page).await?;
    let items = products.iter().map(ProductJson::from).collect();
    Ok(page_response_with_next(&query, page.limit, next.map(|id| id.to_string()), items))
}

/// `POST /products`
pub(in super::super) async fn add(
    caller: Caller,
    State(shop): State<Shop>,
    body: JsonBody<NewProductBody>,
) -> Result<Response, Problem> {
    let product = add_product(&shop, &caller, || body.parse()?.validate()).await?;
    let shown = with_etag(product.version, Json(ProductJson::from(&product)));
    Ok((StatusCode::CREATED, [(LOCATION, format!("/products/{}", product.id))], shown)
        .into_response())
}

/// `GET /products/{product_id}`
pub(in super::super) async fn read(
    State(shop): State<Shop>,
    PathId(id): PathId<ProductId>,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let product = read_product(&shop, id).await?;
    Ok(if_none_match.respond(product.version, Json(ProductJson::from(&product))))
}

/// `PUT /products/{product_id}`
pub(in super::super) async fn update(
    caller: Caller,
    State(shop): State<Shop>,
    PathId(id): PathId<ProductId>,
    precondition: Precondition,
    body: JsonBody<ProductBody>,
) -> Result<Response, Problem> {
    let product =
        update_product(&shop, &caller, id, precondition, || body.parse()?.validate()).await?;
    Ok(with_etag(product.version, Json(ProductJson::from(&product))))
}

/// `DELETE /products/{product_id}`
pub(in super::super) async fn withdraw(
    caller: Caller,
    State(shop): State<Shop>,
    PathId(id): PathId<ProductId>,
    precondition: Precondition,
) -> Result<StatusCode, Problem> {
    withdraw_product(&shop, &caller, id, precondition).await?;
    Ok(StatusCode::NO_CONTENT)
}

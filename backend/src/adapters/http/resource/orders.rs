//! Orders.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::people::PersonBody;
use super::{MoneyJson, format_time};
use crate::adapters::http::extract::{
    FieldErrors, IdempotencyHeader, IfNoneMatch, JsonBody, PageQuery, PathId, PathIds,
    page_response, with_etag,
};
use crate::adapters::http::problem::Problem;
use crate::application::failure::{Failure, FieldError, Invalid};
use crate::application::orders::{
    Idempotency, OrderItem, cancel_order, list_orders, place_order, read_order, share_order,
    ship_order, unshare_order,
};
use crate::application::ports::IdempotencyKey;
use crate::application::{Caller, Precondition, Shop};
use crate::domain::order::{MAX_LINES, Order, OrderState};
use crate::domain::stock::{MAX_QUANTITY, Quantity};
use crate::domain::values::{CoOwnerId, OrderId, ProductId};

/// A new order. The customer is always the caller.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct OrderBody {
    /// 1 to 100 lines with distinct products.
    lines: Vec<LineBody>,
}

/// Some pieces of one product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LineBody {
    /// The product.
    #[schema(format = "uuid")]
    product_id: String,
    /// Number of pieces: 1 to 10000.
    #[schema(minimum = 1, maximum = 10_000)]
    quantity: u32,
}

impl OrderBody {
    fn validate(self) -> Result<Vec<OrderItem>, Invalid> {
        if self.lines.is_empty() || self.lines.len() > MAX_LINES {
            return Err(FieldError::body("/lines", &format!("must have 1 to {MAX_LINES} lines"))
                .into_invalid());
        }
        let mut errors = FieldErrors::default();
        let items = self.lines.into_iter().enumerate().map(|(n, line)| {
            let product =
                line.product_id.parse::<ProductId>().map_err(|_| "must be the id of a product");
            let product = errors.check(&format!("/lines/{n}/product_id"), product);
            let quantity = Quantity::new(line.quantity)
                .ok_or_else(|| format!("must be from 1 to {MAX_QUANTITY}"));
            let quantity = errors.check(&format!("/lines/{n}/quantity"), quantity);
            Some(OrderItem { product: product?, quantity: quantity? })
        });
        let items: Vec<_> = items.collect();
        errors.finish(items.into_iter().collect())
    }
}

/// An order.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct OrderJson {
    /// Identifier of the order.
    #[schema(format = "uuid")]
    id: String,
    /// Subject of the customer, within `customer_issuer`.
    customer_id: String,
    /// Issuer of the customer.
    customer_issuer: String,
    /// State of the order.
    state: OrderStateJson,
    /// Time of the order.
    #[schema(format = "date-time")]
    placed_at: String,
    /// Time of the cancellation.
    #[schema(format = "date-time")]
    cancelled_at: Option<String>,
    /// The order lines.
    lines: Vec<LineJson>,
    /// Total price.
    total: MoneyJson,
    /// The co-owners.
    co_owners: Vec<CoOwnerJson>,
}

/// State of an order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum OrderStateJson {
    Placed,
    PartlyShipped,
    Shipped,
    Cancelled,
}

/// Some pieces of one product.
#[derive(Serialize, ToSchema)]
struct LineJson {
    /// The product.
    product_id: String,
    /// Subject of the seller, who ships the line, within `seller_issuer`.
    seller_id: String,
    /// Issuer of the seller.
    seller_issuer: String,
    /// Number of pieces.
    quantity: u32,
    /// Price of one piece when the order was placed.
    price: MoneyJson,
    /// Time of the shipment.
    #[schema(format = "date-time")]
    shipped_at: Option<String>,
}

/// A co-owner of the order.
#[derive(Serialize, ToSchema)]
struct CoOwnerJson {
    /// Identifier of the share.
    id: String,
    /// Issuer of the co-owner.
    issuer: String,
    /// Subject of the co-owner, within the issuer.
    subject: String,
}

impl TryFrom<&Order> for OrderJson {
    type Error = Problem;

    fn try_from(order: &Order) -> Result<Self, Problem> {
        let lines = order.lines.iter().map(|line| LineJson {
            product_id: line.product.to_string(),
            seller_id: line.seller.subject().to_owned(),
            seller_issuer: line.seller.issuer().to_owned(),
            quantity: line.quantity.get(),
            price: line.price.into(),
            shipped_at: line.shipped_at.map(format_time),
        });
        let co_owners = order.co_owners.iter().map(|co_owner| CoOwnerJson {
            id: co_owner.id.to_string(),
            issuer: co_owner.principal.issuer().to_owned(),
            subject: co_owner.principal.subject().to_owned(),
        });
        // an order without a total cannot have been placed
        let total = order.total().map_err(|error| {
            tracing::error!(order = %order.id, %error, "the total of a stored order cannot be computed");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal")
        })?;
        Ok(Self {
            id: order.id.to_string(),
            customer_id: order.customer.subject().to_owned(),
            customer_issuer: order.customer.issuer().to_owned(),
            state: match order.state() {
                OrderState::Placed => OrderStateJson::Placed,
                OrderState::PartlyShipped => OrderStateJson::PartlyShipped,
                OrderState::Shipped => OrderStateJson::Shipped,
                OrderState::Cancelled => OrderStateJson::Cancelled,
            },
            placed_at: format_time(order.placed_at),
            cancelled_at: order.cancelled_at.map(format_time),
            lines: lines.collect(),
            total: total.into(),
            co_owners: co_owners.collect(),
        })
    }
}

fn order_response(order: &Order) -> Result<Response, Problem> {
    Ok(with_etag(order.version, Json(OrderJson::try_from(order)?)))
}

fn created(location: String, order: &Order) -> Result<Response, Problem> {
    Ok((StatusCode::CREATED, [(LOCATION, location)], order_response(order)?).into_response())
}

/// `POST /orders`
pub(in super::super) async fn place(
    caller: Caller,
    State(shop): State<Shop>,
    IdempotencyHeader(key): IdempotencyHeader,
    body: JsonBody<OrderBody>,
) -> Result<Response, Problem> {
    let idempotency = key.map(|key| Idempotency {
        key: IdempotencyKey {
            principal: caller.principal.id().clone(),
            method: "POST",
            route: "/orders",
            key,
        },
        fingerprint: body.fingerprint(),
    });
    let order = place_order(&shop, &caller, idempotency, || body.parse()?.validate()).await?;
    created(format!("/orders/{}", order.id), &order)
}

/// `GET /orders`
pub(in super::super) async fn list(
    caller: Caller,
    State(shop): State<Shop>,
    query: PageQuery<OrderId>,
) -> Result<Response, Problem> {
    let page = query.page()?;
    let orders = list_orders(&shop, &caller, page).await?;
    let items = orders.iter().map(OrderJson::try_from).collect::<Result<_, _>>()?;
    Ok(page_response(&query, page.limit, orders.last().map(|order| order.id.to_string()), items))
}

/// `GET /orders/{order_id}`
pub(in super::super) async fn read(
    caller: Caller,
    State(shop): State<Shop>,
    PathId(id): PathId<OrderId>,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let order = read_order(&shop, &caller, id).await?;
    Ok(if_none_match.respond(order.version, Json(OrderJson::try_from(&order)?)))
}

/// `POST /orders/{order_id}/cancellation`
pub(in super::super) async fn cancel(
    caller: Caller,
    State(shop): State<Shop>,
    PathId(id): PathId<OrderId>,
    precondition: Precondition,
) -> Result<Response, Problem> {
    order_response(&cancel_order(&shop, &caller, id, precondition).await?)
}

/// `POST /orders/{order_id}/shipment`
pub(in super::super) async fn ship(
    caller: Caller,
    State(shop): State<Shop>,
    PathId(id): PathId<OrderId>,
    precondition: Precondition,
) -> Result<Response, Problem> {
    order_response(&ship_order(&shop, &caller, id, precondition).await?)
}

/// `POST /orders/{order_id}/co-owners`
pub(in super::super) async fn share(
    caller: Caller,
    State(shop): State<Shop>,
    PathId(id): PathId<OrderId>,
    precondition: Precondition,
    body: JsonBody<PersonBody>,
) -> Result<Response, Problem> {
    let input = || {
        let mut errors = FieldErrors::default();
        let person = body.parse()?.validate("", &caller.principal, &mut errors);
        errors.finish(person)
    };
    let order = share_order(&shop, &caller, id, precondition, input).await?;
    let share = order.co_owners.last().ok_or(Failure::NotFound("co-owner"))?.id;
    created(format!("/orders/{id}/co-owners/{share}"), &order)
}

/// `DELETE /orders/{order_id}/co-owners/{co_owner_id}`
pub(in super::super) async fn unshare(
    caller: Caller,
    State(shop): State<Shop>,
    PathIds(id, share): PathIds<OrderId, CoOwnerId>,
    precondition: Precondition,
) -> Result<Response, Problem> {
    order_response(&unshare_order(&shop, &caller, id, share, precondition).await?)
}

//! [`ROUTES`]: the one list of what the service offers. The router, the OpenAPI document and the endpoint walk are made of it.
//! It says who is asked for a principal, never which roles one needs: that is the role table's affair, at the gateway.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post, put};

use super::docs;
use super::openapi;
use super::resource::audit::{self, AuditRecordJson};
use super::resource::delegations::{self, DelegationBody, DelegationJson};
use super::resource::memberships::{self, MembershipJson, OwnMembershipJson};
use super::resource::orders::{self, OrderBody, OrderJson};
use super::resource::organisations::{self, InvitationBody, OrganisationBody, OrganisationJson};
use super::resource::people::{self, MeJson, PersonBody};
use super::resource::products::{self, NewProductBody, ProductBody, ProductJson};
use super::route::Access::{Authenticated, Public};
use super::route::ParameterSet::{
    AdminReason, IdempotencyKey, IfMatch, IfNoneMatch, Page, RequiredIfMatch, Search,
};
use super::route::{Route, any_object, schema_of};

/// Everything that the service offers.
pub static ROUTES: &[Route] = &[
    Route::new("POST", "/orders", "place_order", "Place an order", Authenticated, || post(orders::place))
        .body(schema_of::<OrderBody>)
        .created(schema_of::<OrderJson>)
        .parameters(&[IdempotencyKey])
        .refusals(&[409]),
    Route::new(
        "GET",
        "/orders",
        "list_orders",
        "See the orders that are one's own or shared with one",
        Authenticated,
        || get(orders::list),
    )
    .page(schema_of::<OrderJson>)
    .parameters(&[Page, AdminReason]),
    Route::new("GET", "/orders/{order_id}", "read_order", "See an order", Authenticated, || {
        get(orders::read)
    })
    .ok(schema_of::<OrderJson>)
    .parameters(&[IfNoneMatch, AdminReason]),
    Route::new(
        "POST",
        "/orders/{order_id}/cancellation",
        "cancel_order",
        "Cancel an order",
        Authenticated,
        || post(orders::cancel),
    )
    .ok(schema_of::<OrderJson>)
    .parameters(&[IfMatch, AdminReason])
    .refusals(&[409]),
    Route::new(
        "POST",
        "/orders/{order_id}/shipment",
        "ship_order",
        "Ship what one sells of an order",
        Authenticated,
        || post(orders::ship),
    )
    .ok(schema_of::<OrderJson>)
    .parameters(&[IfMatch, AdminReason])
    .refusals(&[409]),
    Route::new(
        "POST",
        "/orders/{order_id}/co-owners",
        "share_order",
        "Share an order with somebody",
        Authenticated,
        || post(orders::share),
    )
    .body(schema_of::<PersonBody>)
    .created(schema_of::<OrderJson>)
    .parameters(&[IfMatch])
    .refusals(&[409]),
    Route::new(
        "DELETE",
        "/orders/{order_id}/co-owners/{co_owner_id}",
        "unshare_order",
        "Share an order with somebody no more",
        Authenticated,
        || delete(orders::unshare),
    )
    .ok(schema_of::<OrderJson>)
    .parameters(&[IfMatch]),
    Route::new("GET", "/products", "list_products", "See and search the products", Public, || {
        get(products::list)
    })
    .page(schema_of::<ProductJson>)
    .parameters(&[Page, Search]),
    Route::new("POST", "/products", "add_product", "Offer a product", Authenticated, || post(products::add))
        .body(schema_of::<NewProductBody>)
        .created(schema_of::<ProductJson>)
        .refusals(&[403]),
    Route::new("GET", "/products/{product_id}", "read_product", "See a product", Public, || {
        get(products::read)
    })
    .ok(schema_of::<ProductJson>)
    .parameters(&[IfNoneMatch]),
    Route::new("PUT", "/products/{product_id}", "update_product", "Change a product", Authenticated, || {
        put(products::update)
    })
    .body(schema_of::<ProductBody>)
    .ok(schema_of::<ProductJson>)
    .parameters(&[RequiredIfMatch, AdminReason])
    .refusals(&[409]),
    Route::new(
        "DELETE",
        "/products/{product_id}",
        "withdraw_product",
        "Offer a product no more",
        Authenticated,
        || delete(products::withdraw),
    )
    .parameters(&[RequiredIfMatch, AdminReason])
    .refusals(&[409]),
    Route::new(
        "POST",
        "/delegations",
        "grant_delegation",
        "Let somebody act on one's orders for a while",
        Authenticated,
        || post(delegations::grant),
    )
    .body(schema_of::<DelegationBody>)
    .created(schema_of::<DelegationJson>),
    Route::new(
        "GET",
        "/delegations",
        "list_delegations",
        "See the delegations that one granted or was granted",
        Authenticated,
        || get(delegations::list),
    )
    .page(schema_of::<DelegationJson>)
    .parameters(&[Page]),
    Route::new(
        "GET",
        "/delegations/{delegation_id}",
        "read_delegation",
        "See a delegation",
        Authenticated,
        || get(delegations::read),
    )
    .ok(schema_of::<DelegationJson>),
    Route::new(
        "DELETE",
        "/delegations/{delegation_id}",
        "revoke_delegation",
        "End a delegation",
        Authenticated,
        || delete(delegations::revoke),
    ),
    Route::new("POST", "/organisations", "create_organisation", "Found a company", Authenticated, || {
        post(organisations::create)
    })
    .body(schema_of::<OrganisationBody>)
    .created(schema_of::<OrganisationJson>),
    Route::new(
        "GET",
        "/organisations/{organisation_id}",
        "read_organisation",
        "See a company or department",
        Authenticated,
        || get(organisations::read),
    )
    .ok(schema_of::<OrganisationJson>),
    Route::new(
        "POST",
        "/organisations/{organisation_id}/departments",
        "add_department",
        "Add a department",
        Authenticated,
        || post(organisations::add),
    )
    .body(schema_of::<OrganisationBody>)
    .created(schema_of::<OrganisationJson>)
    .refusals(&[409]),
    Route::new(
        "GET",
        "/organisations/{organisation_id}/members",
        "read_members",
        "See who belongs to a company or department",
        Authenticated,
        || get(organisations::members),
    )
    .page(schema_of::<MembershipJson>)
    .parameters(&[Page]),
    Route::new(
        "POST",
        "/organisations/{organisation_id}/members",
        "invite_member",
        "Offer somebody a place in a company or department",
        Authenticated,
        || post(organisations::invite),
    )
    .body(schema_of::<InvitationBody>)
    .created(schema_of::<MembershipJson>)
    .refusals(&[409]),
    Route::new(
        "GET",
        "/memberships",
        "list_memberships",
        "See where one belongs or is invited",
        Authenticated,
        || get(memberships::list),
    )
    .page(schema_of::<OwnMembershipJson>)
    .parameters(&[Page]),
    Route::new(
        "POST",
        "/memberships/{membership_id}/acceptance",
        "accept_membership",
        "Take the place that one was offered",
        Authenticated,
        || post(memberships::accept),
    )
    .ok(schema_of::<MembershipJson>)
    .refusals(&[409]),
    Route::new(
        "DELETE",
        "/memberships/{membership_id}",
        "end_membership",
        "Leave, decline, or make somebody leave",
        Authenticated,
        || delete(memberships::end),
    ),
    Route::new("GET", "/audit", "read_audit", "See what admins did by the bypass", Authenticated, || {
        get(audit::list)
    })
    .page(schema_of::<AuditRecordJson>)
    .parameters(&[Page]),
    Route::new("GET", "/me", "read_me", "See who one is", Authenticated, || get(people::read))
        .ok(schema_of::<MeJson>),
    Route::new("GET", "/openapi.json", "read_openapi", "See this document", Public, || get(serve_openapi))
        .ok(any_object),
    Route::new("GET", "/docs", "read_docs", "Read and try the document", Public, || get(docs::page))
        .undocumented(),
    Route::new("GET", "/docs/{file}", "read_docs_file", "Get a file of the page", Public, || get(docs::file))
        .undocumented(),
];

/// The OpenAPI document as it is served and written: JSON with line breaks, for people and for diffs.
pub fn openapi_text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let mut text = openapi::document(ROUTES).to_pretty_json().unwrap_or_default();
        text.push('\n');
        text
    });
    &TEXT
}

/// `GET /openapi.json`
async fn serve_openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], openapi_text())
}

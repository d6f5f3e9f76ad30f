//! [`ROUTES`]: the list of operations. The router, the OpenAPI document and the endpoint tests are
//! made of it. It says which operations need a principal; the gateway's role table says which roles
//! they need.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post, put};

use super::docs;
use super::openapi;
use super::resource::audit::{self, AuditRecordJson};
use super::resource::delegations::{self, DelegationBody, DelegationJson};
use super::resource::memberships::{self, InvitationBody, MembershipJson, OwnMembershipJson};
use super::resource::orders::{self, OrderBody, OrderJson};
use super::resource::organisations::{self, OrganisationBody, OrganisationJson};
use super::resource::people::{self, MeJson, PersonBody};
use super::resource::products::{self, NewProductBody, ProductBody, ProductJson};
use super::route::Access::{Authenticated, Public};
use super::route::ParameterSet::{
    AdminReason, IdempotencyKey, IfMatch, IfNoneMatch, Page, RequiredIfMatch, Search,
};
use super::route::{Route, any_object, schema_of};

/// All operations of the service.
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
        "List the caller's orders and those shared with the caller",
        Authenticated,
        || get(orders::list),
    )
    .page(schema_of::<OrderJson>)
    .parameters(&[Page, AdminReason]),
    Route::new("GET", "/orders/{order_id}", "read_order", "Get an order", Authenticated, || {
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
        "Ship the lines of an order that the caller sells",
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
        "Share an order",
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
        "Stop sharing an order",
        Authenticated,
        || delete(orders::unshare),
    )
    .ok(schema_of::<OrderJson>)
    .parameters(&[IfMatch]),
    Route::new("GET", "/products", "list_products", "List and search products", Public, || {
        get(products::list)
    })
    .page(schema_of::<ProductJson>)
    .parameters(&[Page, Search]),
    Route::new("POST", "/products", "add_product", "Add a product", Authenticated, || post(products::add))
        .body(schema_of::<NewProductBody>)
        .created(schema_of::<ProductJson>)
        .refusals(&[403]),
    Route::new("GET", "/products/{product_id}", "read_product", "Get a product", Public, || {
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
        "Withdraw a product",
        Authenticated,
        || delete(products::withdraw),
    )
    .parameters(&[RequiredIfMatch, AdminReason])
    .refusals(&[409]),
    Route::new(
        "POST",
        "/delegations",
        "grant_delegation",
        "Grant a delegation for the caller's orders",
        Authenticated,
        || post(delegations::grant),
    )
    .body(schema_of::<DelegationBody>)
    .created(schema_of::<DelegationJson>),
    Route::new(
        "GET",
        "/delegations",
        "list_delegations",
        "List the delegations that the caller granted or received",
        Authenticated,
        || get(delegations::list),
    )
    .page(schema_of::<DelegationJson>)
    .parameters(&[Page]),
    Route::new(
        "GET",
        "/delegations/{delegation_id}",
        "read_delegation",
        "Get a delegation",
        Authenticated,
        || get(delegations::read),
    )
    .ok(schema_of::<DelegationJson>),
    Route::new(
        "DELETE",
        "/delegations/{delegation_id}",
        "revoke_delegation",
        "Revoke a delegation",
        Authenticated,
        || delete(delegations::revoke),
    ),
    Route::new("POST", "/organisations", "create_organisation", "Create a company", Authenticated, || {
        post(organisations::create)
    })
    .body(schema_of::<OrganisationBody>)
    .created(schema_of::<OrganisationJson>),
    Route::new(
        "GET",
        "/organisations/{organisation_id}",
        "read_organisation",
        "Get a company or department",
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
        "List the members of a company or department",
        Authenticated,
        || get(memberships::members),
    )
    .page(schema_of::<MembershipJson>)
    .parameters(&[Page]),
    Route::new(
        "POST",
        "/organisations/{organisation_id}/members",
        "invite_member",
        "Invite a person to a company or department",
        Authenticated,
        || post(memberships::invite),
    )
    .body(schema_of::<InvitationBody>)
    .created(schema_of::<MembershipJson>)
    .refusals(&[409]),
    Route::new(
        "GET",
        "/memberships",
        "list_memberships",
        "List the caller's memberships and invitations",
        Authenticated,
        || get(memberships::list),
    )
    .page(schema_of::<OwnMembershipJson>)
    .parameters(&[Page]),
    Route::new(
        "POST",
        "/memberships/{membership_id}/acceptance",
        "accept_membership",
        "Accept an invitation",
        Authenticated,
        || post(memberships::accept),
    )
    .ok(schema_of::<MembershipJson>)
    .refusals(&[409]),
    Route::new(
        "DELETE",
        "/memberships/{membership_id}",
        "end_membership",
        "End a membership or decline an invitation",
        Authenticated,
        || delete(memberships::end),
    ),
    Route::new("GET", "/audit", "read_audit", "List the uses of the admin bypass", Authenticated, || {
        get(audit::list)
    })
    .page(schema_of::<AuditRecordJson>)
    .parameters(&[Page]),
    Route::new("GET", "/me", "read_me", "Get the current user", Authenticated, || get(people::read))
        .ok(schema_of::<MeJson>),
    Route::new("GET", "/openapi.json", "read_openapi", "Get this document", Public, || get(serve_openapi))
        .ok(any_object),
    Route::new("GET", "/docs", "read_docs", "Get the Swagger UI page", Public, || get(docs::page))
        .undocumented(),
    Route::new("GET", "/docs/{file}", "read_docs_file", "Get a file of the Swagger UI page", Public, || {
        get(docs::file)
    })
    .undocumented(),
];

/// OpenAPI document as JSON with line breaks, as it is served and committed.
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

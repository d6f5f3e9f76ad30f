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
use super::route::ParameterSet::{
    AdminReason, IdempotencyKey, IfMatch, IfNoneMatch, Page, RequiredIfMatch, Search,
};
use super::route::{Route, any_object, schema_of};

/// All operations of the service.
pub static ROUTES: &[Route] = &[
    Route::new("POST", "/orders", "place_order", || post(orders::place))
        .summary("Place an order")
        .body(schema_of::<OrderBody>)
        .created(schema_of::<OrderJson>)
        .parameters(&[IdempotencyKey])
        .refusals(&[409]),
    Route::new("GET", "/orders", "list_orders", || get(orders::list))
        .summary("List the caller's orders and those shared with the caller")
        .page(schema_of::<OrderJson>)
        .parameters(&[Page, AdminReason]),
    Route::new("GET", "/orders/{order_id}", "read_order", || get(orders::read))
        .summary("Get an order")
        .ok(schema_of::<OrderJson>)
        .parameters(&[IfNoneMatch, AdminReason]),
    Route::new("POST", "/orders/{order_id}/cancellation", "cancel_order", || post(orders::cancel))
        .summary("Cancel an order")
        .ok(schema_of::<OrderJson>)
        .parameters(&[IfMatch, AdminReason])
        .refusals(&[409]),
    Route::new("POST", "/orders/{order_id}/shipment", "ship_order", || post(orders::ship))
        .summary("Ship the lines of an order that the caller sells")
        .ok(schema_of::<OrderJson>)
        .parameters(&[IfMatch, AdminReason])
        .refusals(&[409]),
    Route::new("POST", "/orders/{order_id}/co-owners", "share_order", || post(orders::share))
        .summary("Share an order")
        .body(schema_of::<PersonBody>)
        .created(schema_of::<OrderJson>)
        .parameters(&[IfMatch])
        .refusals(&[409]),
    Route::new("DELETE", "/orders/{order_id}/co-owners/{co_owner_id}", "unshare_order", || {
        delete(orders::unshare)
    })
    .summary("Stop sharing an order")
    .ok(schema_of::<OrderJson>)
    .parameters(&[IfMatch]),
    Route::new("GET", "/products", "list_products", || get(products::list))
        .summary("List and search products")
        .public()
        .page(schema_of::<ProductJson>)
        .parameters(&[Page, Search]),
    Route::new("POST", "/products", "add_product", || post(products::add))
        .summary("Add a product")
        .body(schema_of::<NewProductBody>)
        .created(schema_of::<ProductJson>)
        .refusals(&[403]),
    Route::new("GET", "/products/{product_id}", "read_product", || get(products::read))
        .summary("Get a product")
        .public()
        .ok(schema_of::<ProductJson>)
        .parameters(&[IfNoneMatch]),
    Route::new("PUT", "/products/{product_id}", "update_product", || put(products::update))
        .summary("Change a product")
        .body(schema_of::<ProductBody>)
        .ok(schema_of::<ProductJson>)
        .parameters(&[RequiredIfMatch, AdminReason])
        .refusals(&[409]),
    Route::new("DELETE", "/products/{product_id}", "withdraw_product", || {
        delete(products::withdraw)
    })
    .summary("Withdraw a product")
    .parameters(&[RequiredIfMatch, AdminReason])
    .refusals(&[409]),
    Route::new("POST", "/delegations", "grant_delegation", || post(delegations::grant))
        .summary("Grant a delegation for the caller's orders")
        .body(schema_of::<DelegationBody>)
        .created(schema_of::<DelegationJson>),
    Route::new("GET", "/delegations", "list_delegations", || get(delegations::list))
        .summary("List the delegations that the caller granted or received")
        .page(schema_of::<DelegationJson>)
        .parameters(&[Page]),
    Route::new("GET", "/delegations/{delegation_id}", "read_delegation", || get(delegations::read))
        .summary("Get a delegation")
        .ok(schema_of::<DelegationJson>),
    Route::new("DELETE", "/delegations/{delegation_id}", "revoke_delegation", || {
        delete(delegations::revoke)
    })
    .summary("Revoke a delegation"),
    Route::new("POST", "/organisations", "create_organisation", || post(organisations::create))
        .summary("Create a company")
        .body(schema_of::<OrganisationBody>)
        .created(schema_of::<OrganisationJson>),
    Route::new("GET", "/organisations/{organisation_id}", "read_organisation", || {
        get(organisations::read)
    })
    .summary("Get a company or department")
    .ok(schema_of::<OrganisationJson>),
    Route::new("POST", "/organisations/{organisation_id}/departments", "add_department", || {
        post(organisations::add)
    })
    .summary("Add a department")
    .body(schema_of::<OrganisationBody>)
    .created(schema_of::<OrganisationJson>)
    .refusals(&[409]),
    Route::new("GET", "/organisations/{organisation_id}/members", "read_members", || {
        get(memberships::members)
    })
    .summary("List the members of a company or department")
    .page(schema_of::<MembershipJson>)
    .parameters(&[Page]),
    Route::new("POST", "/organisations/{organisation_id}/members", "invite_member", || {
        post(memberships::invite)
    })
    .summary("Invite a person to a company or department")
    .body(schema_of::<InvitationBody>)
    .created(schema_of::<MembershipJson>)
    .refusals(&[409]),
    Route::new("GET", "/memberships", "list_memberships", || get(memberships::list))
        .summary("List the caller's memberships and invitations")
        .page(schema_of::<OwnMembershipJson>)
        .parameters(&[Page]),
    Route::new("POST", "/memberships/{membership_id}/acceptance", "accept_membership", || {
        post(memberships::accept)
    })
    .summary("Accept an invitation")
    .ok(schema_of::<MembershipJson>)
    .refusals(&[409]),
    Route::new("DELETE", "/memberships/{membership_id}", "end_membership", || {
        delete(memberships::end)
    })
    .summary("End a membership or decline an invitation"),
    Route::new("GET", "/audit", "read_audit", || get(audit::list))
        .summary("List the uses of the admin bypass")
        .page(schema_of::<AuditRecordJson>)
        .parameters(&[Page]),
    Route::new("GET", "/me", "read_me", || get(people::read))
        .summary("Get the current user")
        .ok(schema_of::<MeJson>),
    Route::new("GET", "/openapi.json", "read_openapi", || get(serve_openapi))
        .summary("Get this document")
        .public()
        .ok(any_object),
    Route::new("GET", "/docs", "read_docs", || get(docs::page))
        .summary("Get the Swagger UI page")
        .public()
        .undocumented(),
    Route::new("GET", "/docs/{file}", "read_docs_file", || get(docs::file))
        .summary("Get a file of the Swagger UI page")
        .public()
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

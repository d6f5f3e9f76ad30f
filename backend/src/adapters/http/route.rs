//! Description of one operation: its method, path, parameters and responses.

use axum::routing::MethodRouter;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};

use super::state::App;

/// One operation.
pub struct Route {
    /// HTTP method. `GET` also serves `HEAD`.
    pub method: &'static str,
    /// Path template, as in the gateway's role table.
    pub path: &'static str,
    /// Operation id.
    pub id: &'static str,
    /// Summary in the OpenAPI document.
    pub summary: &'static str,
    /// Who may call the operation.
    pub access: Access,
    pub(super) body: Option<SchemaOf>,
    pub(super) success: Success,
    pub(super) refusals: &'static [u16],
    pub(super) parameters: &'static [ParameterSet],
    handler: fn() -> MethodRouter<App>,
}

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone: its entry in the role table is `public`.
    Public,
    /// Principals that the gateway authenticated.
    Authenticated,
}

/// Success response.
#[derive(Clone, Copy)]
pub(super) enum Success {
    /// 200 with this body.
    Ok(SchemaOf),
    /// 200 with a page of these.
    Page(SchemaOf),
    /// 201 with `Location` and this body.
    Created(SchemaOf),
    /// 204.
    NoContent,
    /// 200 with a page or file that the OpenAPI document leaves out.
    Undocumented,
}

/// Parameters of an operation besides the path and the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParameterSet {
    /// `limit` and `after`.
    Page,
    /// `q`.
    Search,
    /// `If-None-Match`.
    IfNoneMatch,
    /// Optional `If-Match`.
    IfMatch,
    /// Required `If-Match`: without it, 428.
    RequiredIfMatch,
    /// `Idempotency-Key`.
    IdempotencyKey,
    /// `X-Admin-Reason`.
    AdminReason,
}

impl Route {
    /// Creates an operation that requires a principal.
    pub(super) const fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        handler: fn() -> MethodRouter<App>,
    ) -> Self {
        Self {
            method,
            path,
            id,
            summary: "",
            access: Access::Authenticated,
            body: None,
            success: Success::NoContent,
            refusals: &[],
            parameters: &[],
            handler,
        }
    }

    pub(super) const fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// Lets anyone call the operation.
    pub(super) const fn public(mut self) -> Self {
        self.access = Access::Public;
        self
    }

    pub(super) const fn body(mut self, schema: SchemaOf) -> Self {
        self.body = Some(schema);
        self
    }

    pub(super) const fn ok(mut self, schema: SchemaOf) -> Self {
        self.success = Success::Ok(schema);
        self
    }

    pub(super) const fn page(mut self, schema: SchemaOf) -> Self {
        self.success = Success::Page(schema);
        self
    }

    pub(super) const fn created(mut self, schema: SchemaOf) -> Self {
        self.success = Success::Created(schema);
        self
    }

    pub(super) const fn undocumented(mut self) -> Self {
        self.success = Success::Undocumented;
        self
    }

    pub(super) const fn parameters(mut self, parameters: &'static [ParameterSet]) -> Self {
        self.parameters = parameters;
        self
    }

    pub(super) const fn refusals(mut self, statuses: &'static [u16]) -> Self {
        self.refusals = statuses;
        self
    }

    pub(super) fn handler(&self) -> MethodRouter<App> {
        (self.handler)()
    }
}

/// Returns a reference to the schema of a type, and adds the schema and its parts to the document's
/// components.
pub(super) type SchemaOf = fn(&mut Schemas) -> RefOr<Schema>;

/// Components of the document.
pub(super) type Schemas = Vec<(String, RefOr<Schema>)>;

/// Schema of `T`.
pub(super) fn schema_of<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let name = T::name().into_owned();
    T::schemas(schemas);
    schemas.push((name.clone(), T::schema()));
    RefOr::Ref(Ref::from_schema_name(name))
}

/// Schema of any object.
pub(super) fn any_object(_: &mut Schemas) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Object).into()
}

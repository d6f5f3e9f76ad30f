//! One operation of the service, as data: how it is reached, what it takes and what it answers.

use axum::routing::MethodRouter;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};

use super::state::App;

/// One operation.
pub struct Route {
    /// In capitals. `HEAD` comes with `GET`.
    pub method: &'static str,
    /// Its template: a row of the gateway's role table has the same.
    pub path: &'static str,
    /// Its name for programs.
    pub id: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Whom it answers.
    pub access: Access,
    pub(super) body: Option<SchemaOf>,
    pub(super) success: Success,
    pub(super) refusals: &'static [u16],
    pub(super) parameters: &'static [ParameterSet],
    handler: fn() -> MethodRouter<App>,
}

/// Whom an operation answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody: the row is `public`.
    Public,
    /// Whoever the gateway vouches for.
    Authenticated,
}

/// The shape of a success.
#[derive(Clone, Copy)]
pub(super) enum Success {
    /// 200 and this.
    Ok(SchemaOf),
    /// 200 and a page of these.
    Page(SchemaOf),
    /// 201, where it is, and this.
    Created(SchemaOf),
    /// 204.
    NoContent,
    /// A page for people: no part of the document.
    Undocumented,
}

/// What an operation takes besides the path and the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParameterSet {
    /// `limit` and `after`.
    Page,
    /// `q`.
    Search,
    /// `If-None-Match`.
    IfNoneMatch,
    /// `If-Match`, if the client likes.
    IfMatch,
    /// `If-Match`, or 428.
    RequiredIfMatch,
    /// `Idempotency-Key`.
    IdempotencyKey,
    /// `X-Admin-Reason`.
    AdminReason,
}

impl Route {
    pub(super) const fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        access: Access,
        handler: fn() -> MethodRouter<App>,
    ) -> Self {
        Self {
            method,
            path,
            id,
            summary,
            access,
            body: None,
            success: Success::NoContent,
            refusals: &[],
            parameters: &[],
            handler,
        }
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

/// How a type is described: by a reference to it, and what it and its parts are put among the document's components.
pub(super) type SchemaOf = fn(&mut Schemas) -> RefOr<Schema>;

/// The document's components.
pub(super) type Schemas = Vec<(String, RefOr<Schema>)>;

/// Describes `T`.
pub(super) fn schema_of<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let name = T::name().into_owned();
    T::schemas(schemas);
    schemas.push((name.clone(), T::schema()));
    RefOr::Ref(Ref::from_schema_name(name))
}

/// Describes anything.
pub(super) fn any_object(_: &mut Schemas) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Object).into()
}

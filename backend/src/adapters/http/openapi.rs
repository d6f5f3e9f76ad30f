//! OpenAPI document, made of the list of routes and the types of their requests and responses.

use axum::http::StatusCode;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, PathItem,
    PathsBuilder, Required, Response, ResponseBuilder, Schema,
};

use super::problem::Problem;
use super::route::{Access, ParameterSet, Route, Schemas, Success, schema_of};

/// Returns the document of these routes.
pub(super) fn document(routes: &[Route]) -> OpenApi {
    let mut schemas = Schemas::new();
    let problem = Content::new(Some(schema_of::<Problem>(&mut schemas)));
    let documented = routes.iter().filter(|route| !matches!(route.success, Success::Undocumented));
    let paths = documented.fold(PathsBuilder::new(), |paths, route| {
        paths.path(route.path, item(route, &problem, &mut schemas))
    });
    let token = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(
        "Token of a provider that the gateway trusts. The gateway verifies it and does not forward it.",
    ));
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("token", SecurityScheme::Http(token.build()));
    OpenApiBuilder::new()
        .info(InfoBuilder::new().title("Shop").version(env!("CARGO_PKG_VERSION")).description(
            Some(
                "Orders and products behind the Portcullis gateway. The gateway authenticates \
                     callers and checks their roles; this service decides who may access which \
                     order or product. Every error is a problem document (RFC 9457).",
            ),
        ))
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

fn item(route: &Route, problem: &Content, schemas: &mut Schemas) -> PathItem {
    let method = match route.method {
        "GET" => HttpMethod::Get,
        "PUT" => HttpMethod::Put,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Post,
    };
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.id))
        .summary(Some(route.summary))
        .tag(route.path.split('/').nth(1).unwrap_or_default());
    for parameter in
        path_parameters(route.path).chain(route.parameters.iter().flat_map(|set| set.document()))
    {
        operation = operation.parameter(parameter);
    }
    if let Some(body) = route.body {
        let content = Content::new(Some(body(schemas)));
        let body = RequestBodyBuilder::new()
            .content("application/json", content)
            .required(Some(Required::True));
        operation = operation.request_body(Some(body.build()));
    }
    let (status, response) = success(route, schemas);
    operation = operation.response(status.as_str(), response);
    for status in refusals(route) {
        let status = StatusCode::from_u16(status).unwrap_or_default();
        let response = ResponseBuilder::new()
            .description(status.canonical_reason().unwrap_or_default())
            .content("application/problem+json", problem.clone());
        operation = operation.response(status.as_str(), response);
    }
    operation = operation.security(match route.access {
        Access::Authenticated => SecurityRequirement::new::<_, [&str; 0], &str>("token", []),
        Access::Public => SecurityRequirement::default(),
    });
    PathItem::new(method, operation)
}

fn success(route: &Route, schemas: &mut Schemas) -> (StatusCode, Response) {
    let (status, content) = match route.success {
        Success::Ok(schema) => (StatusCode::OK, Some(schema(schemas))),
        Success::Created(schema) => (StatusCode::CREATED, Some(schema(schemas))),
        Success::Page(schema) => {
            let items = ArrayBuilder::new().items(schema(schemas));
            let page = ObjectBuilder::new().property("items", items).required("items");
            (StatusCode::OK, Some(page.into()))
        }
        Success::NoContent => (StatusCode::NO_CONTENT, None),
        Success::Undocumented => (StatusCode::OK, None),
    };
    let mut response =
        ResponseBuilder::new().description(status.canonical_reason().unwrap_or_default());
    let mut header = |name, description| {
        let header = HeaderBuilder::new()
            .schema(Some(text_schema(None)))
            .description(Some(description))
            .build();
        response = std::mem::take(&mut response).header(name, header);
    };
    if let Success::Created(_) = route.success {
        header("Location", "Path of the created resource");
    }
    if let Success::Page(_) = route.success {
        header("Link", "Link to the next page, `rel=\"next\"` (RFC 8288)");
    }
    let versioned = [
        ParameterSet::IfMatch,
        ParameterSet::RequiredIfMatch,
        ParameterSet::IfNoneMatch,
        ParameterSet::IdempotencyKey,
    ];
    if content.is_some() && route.parameters.iter().any(|set| versioned.contains(set)) {
        header("ETag", "Version of the resource (RFC 9110 8.8.3)");
    }
    if let Some(schema) = content {
        response = response.content("application/json", Content::new(Some(schema)));
    }
    (status, response.build())
}

/// Returns every error status of the operation, once each.
fn refusals(route: &Route) -> Vec<u16> {
    let mut statuses = route.refusals.to_vec();
    // an invalid assertion is rejected even on a public route
    statuses.extend([401, 429, 503]);
    if route.path.contains('{') {
        statuses.push(404);
        if route.access == Access::Authenticated {
            statuses.push(403);
        }
    }
    if route.body.is_some() {
        statuses.extend([400, 408, 413, 415, 422]);
    }
    for set in route.parameters {
        statuses.extend_from_slice(match set {
            ParameterSet::Page | ParameterSet::Search => &[422],
            ParameterSet::IfNoneMatch => &[],
            ParameterSet::IfMatch => &[412],
            ParameterSet::RequiredIfMatch => &[412, 428],
            ParameterSet::IdempotencyKey => &[400, 409],
            ParameterSet::AdminReason => &[400, 403],
        });
    }
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

fn path_parameters(path: &str) -> impl Iterator<Item = Parameter> {
    let names = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .schema(Some(text_schema(Some("uuid"))))
            .build()
    })
}

impl ParameterSet {
    fn document(self) -> Vec<Parameter> {
        let (name, place, required, description) = match self {
            Self::Page => {
                ("after", ParameterIn::Query, false, "Cursor from the link to the next page")
            }
            Self::Search => {
                ("q", ParameterIn::Query, false, "Text to search for in name and description")
            }
            Self::IfNoneMatch => (
                "If-None-Match",
                ParameterIn::Header,
                false,
                "ETag of the cached version: 304 if it is current",
            ),
            Self::IfMatch => {
                ("If-Match", ParameterIn::Header, false, "ETag of the version to change")
            }
            Self::RequiredIfMatch => {
                ("If-Match", ParameterIn::Header, true, "ETag of the version to change")
            }
            Self::IdempotencyKey => (
                "Idempotency-Key",
                ParameterIn::Header,
                false,
                "Key chosen by the client, to repeat the request safely",
            ),
            Self::AdminReason => (
                "X-Admin-Reason",
                ParameterIn::Header,
                false,
                "Reason why an admin uses the bypass",
            ),
        };
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(if required { Required::True } else { Required::False })
            .description(Some(description))
            .schema(Some(text_schema(None)))
            .build();
        if self != Self::Page {
            return vec![parameter];
        }
        let limit =
            ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(100));
        let limit = ParameterBuilder::new()
            .name("limit")
            .parameter_in(ParameterIn::Query)
            .description(Some("Maximum number of items; the default is 20"))
            .schema(Some(limit));
        vec![limit.build(), parameter]
    }
}

fn text_schema(format: Option<&str>) -> Schema {
    let format = format.map(|format| SchemaFormat::Custom(format.to_owned()));
    ObjectBuilder::new().schema_type(Type::String).format(format).into()
}

//! The rows of one service: an endpoint each, and exactly one requirement.

use super::super::document::RouteDocument;
use super::super::error::{Mistakes, Place};
use super::super::mode::Mode;
use super::super::service::{Row, RowId, Table};
use super::super::text::{Quoted, is_token};
use super::roles::role_is_usable;
use crate::authz::path::PathError;
use crate::authz::requirement::{Requirement, RoleId, RoleNames};
use crate::authz::template::{Template, TemplateError};
use crate::authz::tree::TreeBuilder;

/// What the rows of a service share.
pub(super) struct Rows<'a> {
    /// The service's mode.
    pub(super) mode: Mode,
    /// Every role that rows may name, if the service says so.
    pub(super) vocabulary: Option<&'a [String]>,
    /// The id of the first row.
    pub(super) first: RowId,
    pub(super) role_names: &'a mut RoleNames,
}

impl Rows<'_> {
    pub(super) fn compile(
        &mut self,
        place: &Place<'_>,
        documents: &[RouteDocument],
        mistakes: &mut Mistakes,
    ) -> Table {
        let mut tree = TreeBuilder::default();
        let mut rows = Vec::with_capacity(documents.len());
        let mut methods: Vec<Vec<u32>> = Vec::new();
        // where each row stands in the document: a row with a mistake is none
        let mut places = Vec::with_capacity(documents.len());
        for (index, document) in documents.iter().enumerate() {
            let item = place.item(index);
            let endpoint = endpoint(&item.field("match"), &document.endpoint, mistakes);
            let requirement = self.requirement(&item, document, mistakes);
            let Some((method, template)) = endpoint else { continue };
            let at = tree.add(&template) as usize;
            if methods.len() <= at {
                methods.resize_with(at + 1, Vec::new);
            }
            let Some(same_paths) = methods.get_mut(at) else { continue };
            let known = |row: &&u32| rows.get(**row as usize).is_some_and(|row: &Row| *row.method == *method);
            if let Some(other) = same_paths.iter().find(known).and_then(|row| places.get(*row as usize)) {
                let message = format!("{} matches the requests of another row", Quoted(&document.endpoint));
                let help = "keep one of the two: nothing says which would decide";
                mistakes.clash(item.field("match"), place.item(*other).field("match"), message, help);
            }
            let row = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            same_paths.push(row);
            places.push(index);
            rows.push(Row {
                id: RowId(self.first.0.saturating_add(row)),
                method: method.into(),
                template,
                requirement: requirement.unwrap_or(Requirement::Authenticated),
                mode: document.mode.map_or(self.mode, Mode::from),
            });
        }
        Table {
            first: self.first,
            rows: rows.into(),
            tree: tree.finish(),
            methods: methods.into_iter().map(Vec::into_boxed_slice).collect(),
        }
    }

    fn requirement(
        &mut self,
        place: &Place<'_>,
        document: &RouteDocument,
        mistakes: &mut Mistakes,
    ) -> Option<Requirement> {
        let RouteDocument { public, authenticated, roles, all_roles, .. } = document;
        let has_roles = roles.is_some() || all_roles.is_some();
        match (public, authenticated, has_roles) {
            (true, false, false) => Some(Requirement::Public),
            (false, true, false) => Some(Requirement::Authenticated),
            (false, false, true) => {
                let mut list = |field, list: Option<&Vec<String>>| {
                    list.map_or_else(Box::default, |list| self.roles(&place.field(field), list, mistakes))
                };
                let any = list("roles", roles.as_ref());
                let all = list("all_roles", all_roles.as_ref());
                Some(Requirement::Roles { any, all })
            }
            (false, false, false) => {
                let help = "say who may call it: `public: true`, `authenticated: true`, `roles: […]` or `all_roles: […]`";
                mistakes.add(place, "the row has no requirement", help);
                None
            }
            _ => {
                let help = "keep one of `public`, `authenticated`, and roles (`roles`, `all_roles`, or both)";
                mistakes.add(place, "the row has two requirements that contradict each other", help);
                None
            }
        }
    }

    fn roles(&mut self, place: &Place<'_>, list: &[String], mistakes: &mut Mistakes) -> Box<[RoleId]> {
        if list.is_empty() {
            let help = "name a role; `authenticated: true` admits everybody with a good token";
            mistakes.add(place, "the list of roles is empty", help);
        }
        for (index, role) in list.iter().enumerate() {
            role_is_usable(&place.item(index), role, mistakes);
            if let Some(vocabulary) = self.vocabulary.filter(|vocabulary| !vocabulary.contains(role)) {
                let known =
                    vocabulary.iter().map(|role| Quoted(role).to_string()).collect::<Vec<_>>().join(", ");
                let message = format!("{} is not in the vocabulary", Quoted(role));
                let help = format!("mend the name, or add it to the service's vocabulary: {known}");
                mistakes.add(place.item(index), message, help);
            }
        }
        let mut roles: Vec<_> = list.iter().map(|role| self.role_names.intern(role)).collect();
        roles.sort_unstable();
        roles.dedup();
        roles.into()
    }
}

/// `METHOD /template`.
fn endpoint<'a>(place: &Place<'_>, text: &'a str, mistakes: &mut Mistakes) -> Option<(&'a str, Template)> {
    let Some((method, template)) = text.split_once(' ') else {
        let message = format!("{} is not a method and a path template", Quoted(text));
        mistakes.add(place, message, "write it as `GET /orders/{order_id}`");
        return None;
    };
    if let Err((problem, help)) = check_method(method) {
        mistakes.add(place, format!("the method {} {problem}", Quoted(method)), help);
        return None;
    }
    let note = |error: TemplateError| {
        let message = format!("{}: {error}", Quoted(template));
        mistakes.add(place, message, mend_of_template(method, template, error));
    };
    Some((method, Template::parse(template).map_err(note).ok()?))
}

fn mend_of_template(method: &str, template: &str, error: TemplateError) -> String {
    match error {
        TemplateError::Path(PathError::NoSlash) if template == "*" => {
            "remove the row: a request that is about the whole server is always refused".to_owned()
        }
        TemplateError::Path(PathError::NoSlash) if template.trim_start().starts_with('/') => {
            "write one space between method and template".to_owned()
        }
        TemplateError::Path(PathError::NoSlash) => {
            format!("begin it with a slash, as {}", Quoted(&format!("{method} /{}", template.trim_start())))
        }
        TemplateError::Path(
            PathError::EscapedDelimiter
            | PathError::EscapedControl
            | PathError::NotUtf8
            | PathError::DelimiterAlias,
        ) => "remove the escape: a request with it is always refused".to_owned(),
        TemplateError::Path(PathError::TrimmedSegment) => {
            "rename the segment: a request with it is always refused".to_owned()
        }
        TemplateError::Path(PathError::NeedlessEscape) | TemplateError::Spelling => {
            "write the character itself, or its escape in upper case where it needs one".to_owned()
        }
        TemplateError::Path(PathError::Unescaped) => {
            "escape it, as `%20`, if it is meant; one space stands before the template, and none behind"
                .to_owned()
        }
        TemplateError::Query => "remove the query: rows match paths".to_owned(),
        _ => "write it as `/orders/{order_id}` or `/files/{*rest}`".to_owned(),
    }
}

/// Methods are compared exactly (RFC 9110 9.1).
fn check_method(method: &str) -> Result<(), (&'static str, String)> {
    if !is_token(method) {
        return Err(("is none", "write one as `GET`, then one space, then the template".to_owned()));
    }
    if method.bytes().any(|b| b.is_ascii_lowercase()) {
        let help = format!("write `{}`: methods are compared exactly", method.to_ascii_uppercase());
        return Err(("has lower-case letters", help));
    }
    match method {
        "CONNECT" => Err(("asks for a tunnel, and has no path", "remove the row".to_owned())),
        "TRACE" => Err(("would send credentials back", "remove the row".to_owned())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;

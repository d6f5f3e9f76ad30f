//! A service and its role table, compiled for finding.

use std::borrow::Cow;

use super::mode::Mode;
use super::provider::{ProviderId, SourceId};
use crate::authz::path::CanonicalPath;
use crate::authz::requirement::Requirement;
use crate::authz::template::Template;
use crate::authz::tree::Tree;

/// A service's place in [`Policy::services`](super::Policy::services).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId(pub u32);

/// A row's place among all rows of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId(pub u32);

/// A service behind the gateway.
#[derive(Clone, Debug)]
pub struct Service {
    pub(super) name: Box<str>,
    pub(super) audiences: Option<Box<[Box<str>]>>,
    /// Sorted.
    pub(super) providers: Box<[ProviderId]>,
    pub(super) sources: Box<[SourceId]>,
    pub(super) clusters: Option<Box<[Box<str>]>>,
    pub(super) preflight: bool,
    pub(super) assertion_audience: Box<str>,
    pub(super) ownership_bypass_roles: Box<[Box<str>]>,
    pub(super) mode: Mode,
    pub(super) table: Table,
}

/// A row: an endpoint, and what it asks of its caller.
#[derive(Clone, Debug)]
pub struct Row {
    /// Small, and unique within one policy.
    pub id: RowId,
    /// Compared exactly (RFC 9110 9.1).
    pub method: Box<str>,
    /// The path template, as written.
    pub template: Template,
    /// What it asks of its caller.
    pub requirement: Requirement,
    /// The nearest one: the row's, the service's, or the policy's.
    pub mode: Mode,
}

/// What the role table says of a method and a path.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// The one row that decides.
    Row(&'a Row),
    /// The path has a row, but not for this method.
    PathKnown,
    /// No row.
    Nothing,
}

/// The rows of one service.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// The id of the first row; the others follow.
    pub(super) first: RowId,
    /// In the order of the document.
    pub(super) rows: Box<[Row]>,
    pub(super) tree: Tree,
    /// For each template of the tree, its rows by index.
    pub(super) methods: Box<[Box<[u32]>]>,
}

impl Service {
    /// Its name in the policy.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The roles with which the service lets a caller touch what is another's. Nothing is decided by them here.
    pub fn ownership_bypass_roles(&self) -> &[Box<str>] {
        &self.ownership_bypass_roles
    }

    /// The audiences that narrow those of the providers, if there are any.
    pub fn audiences(&self) -> Option<&[Box<str>]> {
        self.audiences.as_deref()
    }

    /// Whether it accepts this provider's tokens.
    pub fn accepts(&self, provider: ProviderId) -> bool {
        self.providers.binary_search(&provider).is_ok()
    }

    /// The providers whose tokens it accepts, in order.
    pub fn providers(&self) -> &[ProviderId] {
        &self.providers
    }

    /// Where its providers' tokens are looked for.
    pub fn sources(&self) -> &[SourceId] {
        &self.sources
    }

    /// The Envoy clusters that belong to it; `None`: any.
    pub fn clusters(&self) -> Option<&[Box<str>]> {
        self.clusters.as_deref()
    }

    /// Whether a CORS preflight for a declared endpoint needs no token.
    pub const fn preflight(&self) -> bool {
        self.preflight
    }

    /// The `aud` of the signed assertion.
    pub fn assertion_audience(&self) -> &str {
        &self.assertion_audience
    }

    /// The mode where no row is found.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The rows, in the order of the document.
    pub fn rows(&self) -> &[Row] {
        &self.table.rows
    }

    /// The row for a method and a path. The most specific template decides alone: if it has no row for the method, a
    /// wider template does not step in. `HEAD` uses the `GET` row unless it has its own (RFC 9110 9.3.2).
    ///
    /// A path whose escapes could be spelled away (`%3A` for `:`) must lead to the same template in both spellings;
    /// otherwise a service that decodes before it routes would see another endpoint, and there is no row.
    pub fn find(&self, method: &str, path: CanonicalPath<'_>) -> Found<'_> {
        let template = self.table.tree.find(path.as_str());
        let same = match path.spelling() {
            Cow::Borrowed(_) => true,
            Cow::Owned(spelling) => template == self.table.tree.find(&spelling),
        };
        let Some(template) = template.filter(|_| same) else { return Found::Nothing };
        let rows = self.table.methods.get(template as usize).map_or(&[][..], AsRef::as_ref);
        let row = |method: &str| {
            let mut rows = rows.iter().filter_map(|index| self.table.rows.get(*index as usize));
            rows.find(|row| *row.method == *method)
        };
        let own = row(method);
        own.or_else(|| row("GET").filter(|_| method == "HEAD")).map_or(Found::PathKnown, Found::Row)
    }
}

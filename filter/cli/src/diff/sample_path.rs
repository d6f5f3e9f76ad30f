//! Paths that stand for all paths of a kind: a parameter is a segment that no template names.

use std::collections::HashSet;

use portcullis_engine::authz::route_template::{Segment, Template};
use portcullis_engine::policy::Service;

/// A segment that no template names.
#[derive(Clone, Debug)]
pub struct Fresh(String);

impl Fresh {
    /// One that these services do not name.
    pub fn of<'a>(services: impl IntoIterator<Item = &'a Service>) -> Self {
        let mut named = HashSet::new();
        for row in services.into_iter().flat_map(Service::rows) {
            named.extend(row.template.segments().filter_map(|segment| match segment {
                Segment::Literal(literal) => Some(literal.to_owned()),
                Segment::Parameter(_) | Segment::Rest(_) => None,
            }));
        }
        let mut fresh = "x".to_owned();
        while named.contains(&fresh) {
            fresh.push('x');
        }
        Self(fresh)
    }

    /// The segment.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The path that a template is reached by, if it does not end in a rest.
pub fn path(template: &Template, fresh: &Fresh) -> String {
    template.segments().fold(String::new(), |mut path, segment| {
        path.push('/');
        path.push_str(match segment {
            Segment::Literal(literal) => literal,
            Segment::Parameter(_) | Segment::Rest(_) => fresh.as_str(),
        });
        path
    })
}

/// Paths of which one reaches a template that ends in a rest, if any path does: a segment that
/// nobody names fits every parameter and no literal, so only length and a slash at the end can make
/// a difference. `depth`: of the deepest template.
pub fn deeper(template: &Template, fresh: &Fresh, depth: usize) -> Option<Vec<String>> {
    let ends_in_rest = matches!(template.segments().last(), Some(Segment::Rest(_)));
    ends_in_rest.then(|| {
        let mut path = path(template, fresh);
        let mut paths = Vec::new();
        for _ in 0..=depth {
            paths.push(path.clone());
            paths.push(format!("{path}/"));
            path = format!("{path}/{}", fresh.as_str());
        }
        paths
    })
}

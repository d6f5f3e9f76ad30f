//! Classes of paths: all paths of one class have the same row in each of the services looked at,
//! whatever the values of their parameters are. The classes are found by walking all templates at
//! once; which row a class has is asked of the engine.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_engine::authz::route_template::{Segment, Template};
use portcullis_engine::policy::Service;

use crate::diff::sample_path::Fresh;

/// A class of paths.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Class {
    /// One of them.
    pub path: String,
    /// What they look like.
    pub pattern: String,
}

/// All templates, segment by segment.
#[derive(Default)]
struct Node<'a> {
    literals: BTreeMap<&'a str, usize>,
    parameter: Option<usize>,
    name: &'a str,
    rest: bool,
    template: bool,
}

/// The classes of all paths that some service has a row for.
pub fn classes<'a>(services: impl IntoIterator<Item = &'a Service> + Clone) -> Vec<Class> {
    let fresh = Fresh::of(services.clone());
    let mut nodes = vec![Node::default()];
    for row in services.into_iter().flat_map(Service::rows) {
        add(&mut nodes, &row.template);
    }
    let mut walk = Walk { nodes: &nodes, fresh: fresh.as_str(), classes: BTreeSet::new() };
    walk.from(&[0], false, &Class { path: String::new(), pattern: String::new() });
    walk.classes.into_iter().collect()
}

fn add<'a>(nodes: &mut Vec<Node<'a>>, template: &'a Template) {
    let mut at = 0;
    for segment in template.segments() {
        let next = nodes.len();
        let child = match segment {
            Segment::Literal(literal) => *nodes[at].literals.entry(literal).or_insert(next),
            Segment::Parameter(name) => {
                nodes[at].name = name;
                *nodes[at].parameter.get_or_insert(next)
            }
            Segment::Rest(_) => {
                nodes[at].rest = true;
                return;
            }
        };
        if child == next {
            nodes.push(Node::default());
        }
        at = child;
    }
    nodes[at].template = true;
}

struct Walk<'a> {
    nodes: &'a [Node<'a>],
    fresh: &'a str,
    classes: BTreeSet<Class>,
}

impl Walk<'_> {
    /// From the nodes that the segments so far lead to. `rest`: a rest takes whatever follows.
    fn from(&mut self, nodes: &[usize], rest: bool, so_far: &Class) {
        let nodes: Vec<_> = nodes.iter().map(|at| &self.nodes[*at]).collect();
        let rest_from_here = rest || nodes.iter().any(|node| node.rest);
        let mut literals: BTreeSet<&str> =
            nodes.iter().flat_map(|node| node.literals.keys().copied()).collect();
        if rest {
            // a slash at the end belongs to what is left
            literals.insert("");
        }
        let parameters: Vec<_> = nodes.iter().filter_map(|node| node.parameter).collect();
        for literal in literals {
            let by_literal = nodes.iter().filter_map(|node| node.literals.get(literal).copied());
            let by_parameter = parameters.iter().copied().filter(|_| !literal.is_empty());
            let next: Vec<_> = by_literal.chain(by_parameter).collect();
            let class = so_far.then(literal, literal);
            // an empty end is no rest of its own node
            let taken = if literal.is_empty() { rest } else { rest_from_here };
            self.end(&next, taken, &class);
            if !literal.is_empty() {
                self.from(&next, taken, &class);
            }
        }
        if parameters.is_empty() {
            if rest_from_here {
                self.classes.insert(so_far.then(self.fresh, "{*rest}"));
            }
        } else {
            let name =
                nodes.iter().find(|node| node.parameter.is_some()).map_or("", |node| node.name);
            let class = so_far.then(self.fresh, &format!("{{{name}}}"));
            self.end(&parameters, rest_from_here, &class);
            self.from(&parameters, rest_from_here, &class);
        }
    }

    /// The paths that end here.
    fn end(&mut self, nodes: &[usize], rest: bool, class: &Class) {
        if rest || nodes.iter().any(|at| self.nodes[*at].template) {
            self.classes.insert(class.clone());
        }
    }
}

impl Class {
    fn then(&self, segment: &str, pattern: &str) -> Self {
        Self {
            path: format!("{}/{segment}", self.path),
            pattern: format!("{}/{pattern}", self.pattern),
        }
    }
}

/// Whether every path of `inner` is one of `outer`.
pub fn covers(outer: &Template, inner: &Template) -> bool {
    let mut inner = inner.segments().peekable();
    for segment in outer.segments() {
        let covered = match (segment, inner.next()) {
            // a rest is never empty
            (Segment::Rest(_), Some(Segment::Literal(""))) | (_, None) => return false,
            (Segment::Rest(_), Some(_)) => return true,
            (Segment::Literal(outer), Some(Segment::Literal(inner))) => outer == inner,
            (Segment::Parameter(_), Some(Segment::Literal(inner))) => !inner.is_empty(),
            (Segment::Parameter(_), Some(Segment::Parameter(_))) => true,
            (_, Some(Segment::Rest(_) | Segment::Parameter(_))) => false,
        };
        if !covered {
            return false;
        }
    }
    inner.peek().is_none()
}

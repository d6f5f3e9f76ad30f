//! The tree that finds the template of a path. Segment by segment from the left, a literal wins over a parameter and a
//! parameter over the rest, with a way back; the same order as axum's router. Not `matchit`: it refuses `/{id}` beside
//! `/{*rest}`, which role tables need.
//!
//! Routers disagree about an empty rest: `/files/{*rest}` is not `/files/` in axum and Express, but is in Starlette and Go, and
//! is `/files`, too, in servlet mappings. So neither path is ever decided by a wider template: it has a template of its own,
//! or none.
//!
//! Cost: one binary search among the literals for each segment, whatever the number of templates. A search visits each
//! node at most once, and only a table can make it visit many.

use super::template::{Segment, Template};
use crate::lookup::Lookup;

/// A template's place in the order of insertion.
pub type TemplateId = u32;

/// Templates, made for finding.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: Box<[Node]>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    literals: Lookup<u32>,
    parameter: Option<u32>,
    rest: Option<TemplateId>,
    template: Option<TemplateId>,
}

/// Collects templates for a [`Tree`].
#[derive(Debug)]
pub struct TreeBuilder {
    nodes: Vec<Node>,
    templates: u32,
}

impl Default for TreeBuilder {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], templates: 0 }
    }
}

impl TreeBuilder {
    /// Adds a template. Two that match the same paths (equal but for the names of parameters) get the same id.
    pub fn add(&mut self, template: &Template) -> TemplateId {
        let mut at = 0;
        for segment in template.segments() {
            at = match segment {
                Segment::Literal(label) => self.literal(at, label),
                Segment::Parameter(_) => self.parameter(at),
                Segment::Rest(_) => return self.take_id(at, |node| &mut node.rest),
            };
        }
        self.take_id(at, |node| &mut node.template)
    }

    /// The tree, ready for finding.
    pub fn finish(mut self) -> Tree {
        self.nodes.iter_mut().for_each(|node| node.literals.shrink_to_fit());
        Tree { nodes: self.nodes.into() }
    }

    fn take_id(&mut self, at: u32, slot: impl Fn(&mut Node) -> &mut Option<TemplateId>) -> TemplateId {
        let next = self.templates;
        let Some(node) = self.nodes.get_mut(at as usize) else { return next };
        let id = *slot(node).get_or_insert(next);
        self.templates += u32::from(id == next);
        id
    }

    fn literal(&mut self, at: u32, label: &str) -> u32 {
        let next = self.next_node();
        let Some(node) = self.nodes.get_mut(at as usize) else { return next };
        if let Some(child) = node.literals.get(label.as_bytes()) {
            return *child;
        }
        node.literals.insert(label.as_bytes(), next);
        self.nodes.push(Node::default());
        next
    }

    fn parameter(&mut self, at: u32) -> u32 {
        let next = self.next_node();
        let Some(node) = self.nodes.get_mut(at as usize) else { return next };
        let child = *node.parameter.get_or_insert(next);
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }

    fn next_node(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }
}

impl Tree {
    /// The template that wins for `path`, which starts with a slash.
    pub fn find(&self, path: &str) -> Option<TemplateId> {
        self.search(self.nodes.first()?, path.as_bytes().strip_prefix(b"/")?).flatten()
    }

    /// Depth is bounded by the deepest template, not by the path. `Some(None)`: here some routers match an empty rest, so the
    /// search ends without a template.
    #[allow(clippy::option_option)] // as said
    fn search(&self, node: &Node, path: &[u8]) -> Option<Option<TemplateId>> {
        let slash = path.iter().position(|byte| *byte == b'/');
        let (segment, rest) = match slash.and_then(|at| path.split_at_checked(at)) {
            Some((segment, rest)) => (segment, rest.get(1..)),
            None => (path, None),
        };
        let enter = |child: u32| {
            let child = self.nodes.get(child as usize)?;
            let ends = || child.template.map(Some).or(child.rest.map(|_| None));
            rest.map_or_else(ends, |rest| self.search(child, rest))
        };
        let literal = || node.literals.get(segment).copied().and_then(enter);
        let parameter = || node.parameter.filter(|_| !segment.is_empty()).and_then(enter);
        let everything = || node.rest.map(|id| Some(id).filter(|_| !path.is_empty()));
        literal().or_else(parameter).or_else(everything)
    }
}

#[cfg(test)]
mod tests;

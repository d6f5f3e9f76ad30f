//! The tree that finds the template of a path. Segment by segment from the left, a literal wins
//! over a parameter and a parameter over the rest, with a way back; the same order as axum's
//! router. Not `matchit`: it refuses `/{id}` beside `/{*rest}`, which role tables need.
//!
//! Routers disagree about an empty rest: `/files/{*rest}` is not `/files/` in axum and Express, but
//! is in Starlette and Go, and is `/files`, too, in servlet mappings. So neither path is ever
//! decided by a wider template: it has a template of its own, or none.
//!
//! Cost: one binary search among the literals for each segment, whatever the number of templates. A
//! search visits each node at most once, and only a table can make it visit many.

use crate::authz::route_template::{Segment, Template};
use crate::sorted_map::SortedMap;

/// A template's place in the order of insertion.
pub type TemplateId = u32;

/// Templates, made for finding.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: Box<[Node]>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    literals: SortedMap<u32>,
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
    /// Adds a template. Two that match the same paths (equal but for the names of parameters) get
    /// the same id.
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

    fn take_id(
        &mut self,
        at: u32,
        slot: impl Fn(&mut Node) -> &mut Option<TemplateId>,
    ) -> TemplateId {
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

    /// Depth is bounded by the deepest template, not by the path. `Some(None)`: here some routers
    /// match an empty rest, so the search ends without a template.
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
mod tests {
    use super::*;
    use crate::authz::path::CanonicalPath;
    use crate::authz::route_template::{Segment, Template};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    /// Names that are each other's beginnings, and one that looks like a parameter of other
    /// routers.
    const NAMES: [&str; 6] = ["a", "ab", "b", "ba", ":a", "*"];

    /// The tree of a table, and the template of each id.
    fn tree(table: &[Template]) -> (Tree, BTreeMap<u32, Template>) {
        let (mut builder, mut templates) = (TreeBuilder::default(), BTreeMap::new());
        for template in table {
            templates.entry(builder.add(template)).or_insert_with(|| template.clone());
        }
        (builder.finish(), templates)
    }

    /// How specific each part of a template is, from the left: a literal, a parameter, the rest;
    /// and whether the rest is empty or left out. None: it does not match, in whatever router.
    fn specificity(template: &Template, path: &str) -> Option<(Vec<u8>, bool)> {
        let mut left = path.strip_prefix('/')?.split('/');
        let mut specificity = Vec::new();
        for segment in template.segments() {
            let value = left.next();
            if matches!(segment, Segment::Rest(_)) {
                specificity.push(2);
                return Some((
                    specificity,
                    value.unwrap_or_default().is_empty() && left.next().is_none(),
                ));
            }
            specificity.push(match (segment, value) {
                (Segment::Literal(literal), Some(value)) if literal == value => 0,
                (Segment::Parameter(_), Some(value)) if !value.is_empty() => 1,
                _ => return None,
            });
        }
        left.next().is_none().then_some((specificity, false))
    }

    /// The most specific of all templates that match in some router, if it matches in all.
    fn naive<'t>(table: &'t [Template], path: &str) -> Option<&'t Template> {
        let matching =
            table.iter().filter_map(|template| Some((specificity(template, path)?, template)));
        let ((_, empty_rest), template) = matching.min_by(|one, other| one.0.cmp(&other.0))?;
        (!empty_rest).then_some(template)
    }

    /// Equal but for the names of parameters.
    fn same(one: &Template, other: &Template) -> bool {
        let kinds = |template: &Template| {
            let kind = |segment: Segment<'_>| match segment {
                Segment::Literal(literal) => format!("={literal}"),
                Segment::Parameter(_) => "{}".to_owned(),
                Segment::Rest(_) => "{*}".to_owned(),
            };
            template.segments().map(kind).collect::<Vec<_>>()
        };
        kinds(one) == kinds(other)
    }

    #[test]
    fn a_path_that_some_routers_count_to_a_subtree_is_not_decided_by_a_wider_template() {
        let table = [
            "/files/{*rest}",
            "/files/secret/{*rest}",
            "/{tenant}",
            "/{tenant}/{name}/",
            "/open/{*rest}",
            "/open/",
        ];
        let (tree, templates) = tree(&table.map(|text| Template::parse(text).unwrap()));
        for (path, expected) in [
            ("/files/a", Some("/files/{*rest}")),
            ("/files/secret/a", Some("/files/secret/{*rest}")),
            ("/files/secret", None),
            ("/files/secret/", None),
            ("/files", None),
            ("/files/", None),
            ("/open", None),
            ("/open/", Some("/open/")),
            ("/acme", Some("/{tenant}")),
            ("/acme/a/", Some("/{tenant}/{name}/")),
        ] {
            assert_eq!(tree.find(path).map(|id| templates[&id].as_str()), expected, "{path}");
        }
    }

    prop_compose! {
        fn template()(
            parts in prop::collection::vec((0..9_usize, "[a-z]"), 0..5),
            end in 0..5,
        ) -> Template {
            let mut text = String::new();
            for (depth, (kind, name)) in parts.iter().enumerate() {
                match NAMES.get(*kind) {
                    Some(literal) => text.extend(["/", literal]),
                    None => write!(text, "/{{{name}{depth}}}").unwrap(),
                }
            }
            match end {
                0 => text += "/{*rest}",
                1 => text += "/",
                _ if text.is_empty() => text += "/",
                _ => {}
            }
            Template::parse(&text).unwrap()
        }
    }

    prop_compose! {
        /// Most of the names are those of the templates.
        fn path()(
            parts in prop::collection::vec(prop_oneof![4 => 0..6_usize, 1 => 6..8_usize], 0..7),
            slash in prop::bool::weighted(0.2),
        ) -> String {
            let name = |part: usize| NAMES.get(part).copied().unwrap_or(if part == 6 { "c" } else { "aa" });
            let path: String = parts.iter().flat_map(|part| ["/", name(*part)]).collect();
            if path.is_empty() || slash { path + "/" } else { path }
        }
    }

    prop_compose! {
        /// A path that some template of the table matches.
        fn path_of(table: Vec<Template>)(
            template in prop::sample::select(table),
            values in prop::collection::vec(0..NAMES.len(), 8),
        ) -> String {
            let mut values = values.iter().map(|value| NAMES[*value]);
            let mut value = || values.next().unwrap();
            let part = |segment: Segment<'_>| match segment {
                Segment::Literal(literal) => literal.to_owned(),
                Segment::Parameter(_) => value().to_owned(),
                Segment::Rest(_) => format!("{}/{}", value(), value()),
            };
            format!("/{}", template.segments().map(part).collect::<Vec<_>>().join("/"))
        }
    }

    /// A table, and paths that it knows and does not know.
    fn table_and_paths() -> impl Strategy<Value = (Vec<Template>, Vec<String>)> {
        prop::collection::vec(template(), 1..25).prop_flat_map(|table| {
            let known = prop::collection::vec(path_of(table.clone()), 0..12);
            let any = prop::collection::vec(path(), 12);
            (Just(table), (known, any).prop_map(|(known, any)| [known, any].concat()))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn the_tree_finds_what_looking_at_every_template_finds((table, paths) in table_and_paths()) {
            let (tree, templates) = tree(&table);
            for path in paths {
                prop_assert!(CanonicalPath::parse(path.as_bytes()).is_ok(), "{path}");
                let (found, expected) = (tree.find(&path), naive(&table, &path));
                let found = found.map(|id| &templates[&id]);
                let agree = match (found, expected) {
                    (Some(found), Some(expected)) => same(found, expected),
                    (found, expected) => found.is_none() && expected.is_none(),
                };
                prop_assert!(agree, "{path}: {found:?} instead of {expected:?}");
            }
        }

        #[test]
        fn the_order_of_the_rows_changes_nothing((mut table, paths) in table_and_paths()) {
            let (one, ones) = tree(&table);
            table.reverse();
            let (other, others) = tree(&table);
            for path in paths {
                match (one.find(&path), other.find(&path)) {
                    (Some(one), Some(other)) => prop_assert!(same(&ones[&one], &others[&other]), "{path}"),
                    (one, other) => prop_assert_eq!(one.is_some(), other.is_some(), "{}", path),
                }
            }
        }

        #[test]
        fn templates_that_match_the_same_paths_have_one_id(table in prop::collection::vec(template(), 1..25)) {
            let mut builder = TreeBuilder::default();
            let ids: Vec<_> = table.iter().map(|template| builder.add(template)).collect();
            for (one, first) in ids.iter().zip(&table) {
                for (other, second) in ids.iter().zip(&table) {
                    prop_assert_eq!(one == other, same(first, second), "{} and {}", first, second);
                }
            }
        }

        /// axum's router is made of `matchit`, which refuses a parameter beside the rest: those
        /// rows are left out. Where other routers choose another route, none is found.
        #[test]
        fn where_axums_router_takes_the_table_it_chooses_the_same_route((table, paths) in table_and_paths()) {
            let mut router = matchit::Router::new();
            let taken = |template: &&Template| router.insert(template.as_str(), template.to_string()).is_ok();
            let table: Vec<_> = table.iter().filter(taken).cloned().collect();
            let (tree, templates) = tree(&table);
            for path in paths {
                let found = tree.find(&path).map(|id| templates[&id].to_string());
                let routed = router.at(&path).ok().map(|matched| matched.value.clone());
                let undecided = found.is_none() && naive(&table, &path).is_none();
                prop_assert!(undecided || found == routed, "{}: {:?} of {:?}", path, found, table);
            }
        }
    }
}

//! The tree against a matcher that looks at every template of the table, and against `matchit`, which axum's router is made
//! of, where that takes the table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::{Tree, TreeBuilder};
use crate::authz::path::CanonicalPath;
use crate::authz::template::{Segment, Template};

/// Names that are each other's beginnings, and one that looks like a parameter of other routers.
const NAMES: [&str; 6] = ["a", "ab", "b", "ba", ":a", "*"];

/// The tree of a table, and the template of each id.
fn tree(table: &[Template]) -> (Tree, BTreeMap<u32, Template>) {
    let (mut builder, mut templates) = (TreeBuilder::default(), BTreeMap::new());
    for template in table {
        templates.entry(builder.add(template)).or_insert_with(|| template.clone());
    }
    (builder.finish(), templates)
}

/// How specific each part of a template is, from the left: a literal, a parameter, the rest; and whether the rest is empty or
/// left out. None: it does not match, in whatever router.
fn specificity(template: &Template, path: &str) -> Option<(Vec<u8>, bool)> {
    let mut left = path.strip_prefix('/')?.split('/');
    let mut specificity = Vec::new();
    for segment in template.segments() {
        let value = left.next();
        if matches!(segment, Segment::Rest(_)) {
            specificity.push(2);
            return Some((specificity, value.unwrap_or_default().is_empty() && left.next().is_none()));
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
    let matching = table.iter().filter_map(|template| Some((specificity(template, path)?, template)));
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

    /// axum's router is made of `matchit`, which refuses a parameter beside the rest: those rows are left out. Where other
    /// routers choose another route, none is found.
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

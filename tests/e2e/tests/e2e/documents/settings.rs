//! Settings that are named in prose and in tables: each is one of the policy's, so a setting that
//! gets another name takes its sentences with it.
use std::collections::BTreeSet;

use serde_json::Value;

use super::blocks::{DOCUMENTS, document, prose};

/// The schema of the policy, as editors read it.
struct Schema(Value);

impl Schema {
    fn committed() -> Self {
        Self(serde_json::from_str(&document("envoy/policy.schema.json")).expect("JSON"))
    }

    /// What a node says itself, and by reference or choice.
    fn said<'s>(&'s self, node: &'s Value, said: &mut Vec<&'s Value>) {
        said.push(node);
        if let Some(name) = node["$ref"].as_str() {
            let place = name.trim_start_matches('#');
            self.said(self.0.pointer(place).expect("what is referred to"), said);
        }
        for choice in ["anyOf", "oneOf", "allOf"] {
            for node in node[choice].as_array().into_iter().flatten() {
                self.said(node, said);
            }
        }
    }

    /// What stands below a member of this name, or below every name: `*`.
    fn below<'s>(&'s self, node: &'s Value, name: &str) -> Vec<&'s Value> {
        let mut said = Vec::new();
        self.said(node, &mut said);
        let below = said.into_iter().filter_map(|node| match name {
            "*" => node.get("additionalProperties").filter(|it| it.is_object()),
            _ => node["properties"].get(name),
        });
        below.collect()
    }

    /// The whole document, and every part of it that has members.
    fn roots(&self) -> Vec<&Value> {
        let (mut roots, mut left) = (Vec::new(), vec![&self.0]);
        while let Some(node) = left.pop() {
            roots.extend(node.get("properties").map(|_| node));
            left.extend(node.as_object().into_iter().flat_map(|members| members.values()));
            left.extend(node.as_array().into_iter().flatten());
        }
        roots
    }

    fn has(&self, path: &str) -> bool {
        let step = |nodes: Vec<&Value>, name: &str| -> Vec<Value> {
            nodes.into_iter().flat_map(|node| self.below(node, name)).cloned().collect()
        };
        let mut nodes: Vec<Value> = self.roots().into_iter().cloned().collect();
        for name in path.split('.') {
            nodes = step(nodes.iter().collect(), name);
        }
        !nodes.is_empty()
    }
}

fn in_backticks(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

fn is_path(code: &str) -> bool {
    const FILES: [&str; 6] = ["yaml", "yml", "json", "wasm", "key", "rs"];
    let last = code.rsplit('.').next().unwrap_or(code);
    let fits = |part: &str| {
        part == "*" || !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    code.contains('.') && code.split('.').all(fits) && !FILES.contains(&last)
}

/// The table of the migration, by its rows: what stands in its first column is Envoy's.
fn migration() -> Vec<(String, String)> {
    let text = document("envoy/README.md");
    let (_, table) = text.split_once("\n| theirs | ours | mind |\n").expect("the table");
    let rows = table.lines().take_while(|line| line.starts_with('|')).skip(1);
    rows.map(|row| {
        let mut cells = row.split('|').skip(1).map(str::to_owned);
        (cells.next().expect("theirs"), cells.next().expect("ours"))
    })
    .collect()
}

#[test]
fn every_setting_that_is_named_by_its_path_is_one_of_the_policy() {
    let schema = Schema::committed();
    let theirs: String = migration().into_iter().map(|(theirs, _)| theirs + "\n").collect();
    let theirs: BTreeSet<_> = in_backticks(&theirs).collect();
    let mut named = 0;
    for name in DOCUMENTS {
        let text = prose(name);
        let claims =
            |code: &str| ["realm_access.", "google."].iter().any(|claim| code.starts_with(claim));
        for code in in_backticks(&text)
            .filter(|code| is_path(code) && !theirs.contains(code) && !claims(code))
        {
            named += 1;
            assert!(schema.has(code), "{name}: the policy has no `{code}`");
        }
    }
    assert!(named > 10, "{named}");
    assert!(
        !schema.has("jwks.max_age") && !schema.has("services.*.provider"),
        "and what it has not is found"
    );
}

#[test]
fn every_setting_that_theirs_become_is_one_of_the_policy() {
    // values, claims and what Envoy's own filter goes on doing
    const NO_SETTINGS: [&str; 5] = ["true", "bearer", "sub", "rbac", "keys"];
    let schema = Schema::committed();
    let mut seen = 0;
    for (_, ours) in migration() {
        for code in in_backticks(&ours) {
            let words = code
                .split(|c: char| !c.is_ascii_lowercase() && c != '_')
                .filter(|word| word.len() > 1);
            for word in words.filter(|word| !NO_SETTINGS.contains(word)) {
                seen += 1;
                assert!(schema.has(word), "the policy has no `{word}`, of `{code}`");
            }
        }
    }
    assert!(seen > 30, "{seen}");
}

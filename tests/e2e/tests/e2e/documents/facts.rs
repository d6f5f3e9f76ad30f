//! What is said in prose and in tables: tests, files, headings and metrics that are named are
//! there.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use harness::artifacts::root;
use portcullis_engine::policy::document::Preset;

use super::blocks::{DOCUMENTS, document, prose};

/// Every Rust file below, by its path.
fn sources(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target" && name != ".git")
        {
            sources(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            found.insert(path, text);
        }
    }
}

fn in_backticks(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

fn is_snake(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// `suite::test`, or `suite::*`: all of a suite.
fn named_tests(text: &str) -> BTreeSet<(Vec<&str>, &str)> {
    let named = in_backticks(text).filter_map(|code| {
        let (suite, name) = code.rsplit_once("::")?;
        let suite: Vec<_> = suite.split("::").collect();
        let fits = suite.iter().all(|part| is_snake(part)) && (name == "*" || is_snake(name));
        fits.then_some((suite, name))
    });
    named.collect()
}

#[test]
fn every_test_that_is_named_is_there() {
    let mut all = BTreeMap::new();
    sources(root(), &mut all);
    for name in DOCUMENTS {
        let text = prose(name);
        let tests = named_tests(&text);
        let names_tests =
            ["README.md", "envoy/README.md", "envoy/docs/refusal-reasons.md"].contains(&name);
        assert!(!names_tests || tests.len() > 5, "{name}: {tests:?}");
        for (suite, test) in tests {
            let last = *suite.last().expect("a suite");
            let is_its = |path: &Path| {
                let folder = path.parent().and_then(Path::file_name).is_some_and(|it| it == last);
                path.file_stem().is_some_and(|it| it == last || it == "mod" && folder)
            };
            let has = |text: &str| {
                let declared = [format!("fn {test}("), format!("        {test},")];
                test == "*" || declared.iter().any(|it| text.contains(it))
            };
            let found = all
                .iter()
                .any(|(path, text)| is_its(path) && text.contains("#[test]") && has(text))
                || all
                    .iter()
                    .any(|(path, text)| is_its(path) && text.contains("tokio::test") && has(text));
            assert!(found, "{name}: there is no test `{}::{test}`", suite.join("::"));
        }
    }
}

/// Tests that are named without their suite, and sources by their path.
#[test]
fn every_test_and_every_source_that_is_named_alone_is_there() {
    let mut all = BTreeMap::new();
    sources(root(), &mut all);
    for name in DOCUMENTS {
        let text = prose(name);
        // a sentence, as tests are called: no setting and no metric has so many words
        let sentences =
            in_backticks(&text).filter(|code| is_snake(code) && code.matches('_').count() >= 6);
        for test in sentences {
            let declared = format!("fn {test}(");
            assert!(
                all.values().any(|text| text.contains(&declared)),
                "{name}: there is no test `{test}`"
            );
        }
        let is_source = |code: &&str| {
            code.contains('/') && Path::new(code).extension().is_some_and(|it| it == "rs")
        };
        for path in in_backticks(&text).filter(is_source) {
            let found = all.keys().any(|source| source.ends_with(path));
            assert!(found, "{name}: there is no source `{path}`");
        }
    }
}

/// The anchor that GitHub makes of a heading.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim());
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings
        .map(|it| it.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-"))
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    for name in DOCUMENTS {
        let text = prose(name);
        let here = root().join(name);
        for link in
            text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link)
        {
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) =
                link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
            let path =
                if file.is_empty() { here.clone() } else { here.with_file_name("").join(file) };
            assert!(path.exists(), "{name}: {link}");
            if let Some(anchor) = anchor {
                let text = fs::read_to_string(&path).expect("a document");
                assert!(anchors(&text).contains(anchor), "{name}: {link}");
            }
        }
    }
}

#[test]
fn every_metric_is_in_the_reference_and_nothing_else_is() {
    let mut plugin = BTreeMap::new();
    sources(&root().join("filter/plugin/src"), &mut plugin);
    let part = |text: &str| {
        text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>()
    };
    let made: BTreeSet<_> = plugin
        .values()
        .flat_map(|text| text.split("\"portcullis.").skip(1))
        .map(part)
        // names in shared data
        .filter(|name| !["record", "lease", "worker"].contains(&name.as_str()))
        .collect();
    let text = document("envoy/README.md");
    let (_, reference) = text.split_once("\n## Metrics\n").expect("the reference of metrics");
    let reference = reference.split("\n## ").next().unwrap_or(reference);
    let rows = reference.lines().filter(|line| line.starts_with("| `"));
    let first = |line: &str| line.split('|').nth(1).unwrap_or_default().to_owned();
    let told: BTreeSet<_> = rows
        .flat_map(|line| first(line).split("`portcullis_").skip(1).map(part).collect::<Vec<_>>())
        .collect();
    assert_eq!(told, made);
}

#[test]
fn every_preset_is_told_with_its_roles_its_claims_and_the_products_own_page() {
    let text = document("envoy/README.md");
    let (_, presets) = text.split_once("\n## Presets\n").expect("the table of presets");
    let presets = presets.split("\n## ").next().unwrap_or(presets);
    let rows: Vec<Vec<_>> = presets
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split(" | ").collect())
        .collect();
    let name =
        |preset: &Preset| serde_json::to_value(preset).expect("a name").as_str().map(str::to_owned);
    let told: Vec<_> =
        rows.iter().map(|row| in_backticks(row[0]).next().map(str::to_owned)).collect();
    assert_eq!(told, Preset::ALL.iter().map(name).collect::<Vec<_>>());
    for (row, preset) in rows.iter().zip(Preset::ALL) {
        let known = preset.provider();
        let roles = known.roles.iter().flatten().map(|source| source.path.join("."));
        assert!(roles.eq(in_backticks(row[1]).map(str::to_owned)), "{row:?}");
        for rule in known.required_claims.iter().flatten() {
            assert!(
                in_backticks(row[2]).any(|code| code == rule.path.join(".")),
                "{row:?}: {:?}",
                rule.path
            );
        }
        assert!(row[3].contains("](https://"), "{row:?}");
    }
}

//! Dependency rules between crates (from `cargo metadata` and `cargo tree`) and between the modules
//! of a crate (from paths in the code), which must form no circle.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::artifacts::root;
use serde_json::Value;

type Graph = BTreeMap<String, BTreeSet<String>>;

const OURS: [&str; 10] = [
    "portcullis-principal",
    "portcullis-engine",
    "portcullis-plugin",
    "portcullis-cli",
    "backend",
    "dev-idp",
    "harness",
    "bench",
    "xtask",
    "e2e",
];

/// The crates linked into `package` at any distance, without those of its tests and build scripts.
fn linked(package: &str) -> BTreeSet<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["tree", "--locked", "--package", package, "--edges", "normal"]);
    let output = cargo.args(["--all-features", "--prefix", "none"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    names.filter(|name| *name != package && !name.is_empty()).map(str::to_owned).collect()
}

/// The workspace's crates, and the direct dependencies of each on every platform and with every
/// feature, tests' own excepted. From `cargo metadata`.
fn dependencies() -> Graph {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["metadata", "--locked", "--no-deps", "--format-version", "1"]);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |it: &Value| it["name"].as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let edges = packages.map(|package| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let shipped = dependencies.filter(|dependency| dependency["kind"] != "dev");
        (name(package), shipped.map(name).collect())
    });
    edges.collect()
}

#[test]
fn dependencies_between_crates_point_one_way() {
    let graph = dependencies();
    for (package, allowed) in [
        ("portcullis-principal", &[][..]),
        ("portcullis-engine", &["portcullis-principal"]),
        ("portcullis-plugin", &["portcullis-engine", "portcullis-principal"]),
        ("portcullis-cli", &["portcullis-engine", "portcullis-principal"]),
        ("portcullis-finish", &[]),
        ("backend", &["portcullis-principal"]),
        ("dev-idp", &[]),
    ] {
        let ours: Vec<_> = graph[package].iter().filter(|name| graph.contains_key(*name)).collect();
        assert!(
            ours.iter().all(|name| allowed.contains(&name.as_str())),
            "{package} depends on {ours:?}; allowed: {allowed:?}"
        );
    }
}

/// Direct dependencies only: a dependency of the engine may itself need one of them.
#[test]
fn the_engine_depends_on_no_source_of_time_or_chance() {
    let engine = &dependencies()["portcullis-engine"];
    for name in ["coarsetime", "getrandom", "rand"] {
        assert!(!engine.contains(name), "portcullis-engine depends on {name}");
    }
}

#[test]
fn only_the_plugin_knows_the_host_and_what_runs_in_it_has_no_runtime_and_no_network() {
    for package in OURS.into_iter().filter(|name| !["bench", "e2e"].contains(name)) {
        let knows_the_host = linked(package).contains("proxy-wasm");
        assert_eq!(knows_the_host, package == "portcullis-plugin", "{package}");
    }
    for package in ["portcullis-principal", "portcullis-engine", "portcullis-plugin"] {
        let linked = linked(package);
        for world in ["tokio", "mio", "reqwest", "sqlx", "socket2", "async-io"] {
            // the principal's extractor is axum's, for services: the gateway does not switch it on
            let of_a_service =
                package == "portcullis-principal" && ["tokio", "mio", "socket2"].contains(&world);
            assert!(of_a_service || !linked.contains(world), "{package} links {world}");
        }
    }
}

#[test]
fn the_development_provider_is_linked_into_nothing_that_ships() {
    for package in [
        "portcullis-principal",
        "portcullis-engine",
        "portcullis-plugin",
        "portcullis-cli",
        "backend",
    ] {
        let linked = linked(package);
        for name in ["dev-idp", "harness", "e2e", "bench", "xtask"] {
            assert!(!linked.contains(name), "{package} links {name}");
        }
    }
}

/// Words that no file of a folder may contain outside comments: parts of the standard library,
/// which no dependency between crates shows. `backend/tests/shop/layers.rs` has the backend's.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "filter/engine/src",
        &[
            "SystemTime",
            "Instant",
            "UNIX_EPOCH",
            "std::net",
            "std::fs",
            "std::io",
            "std::env",
            "std::process",
            "std::thread",
            "println!",
            "eprintln!",
        ],
    ),
    (
        "filter/plugin/src",
        &["std::net", "std::fs", "std::thread", "std::process", "println!", "eprintln!"],
    ),
];

#[test]
fn no_file_mentions_what_its_layer_must_not_know() {
    for (folder, words) in FORBIDDEN {
        let files = sources(&root().join(folder));
        assert!(!files.is_empty(), "{folder}");
        for file in files {
            let code = code(&file);
            for word in *words {
                assert!(!code.contains(word), "{} mentions {word}", file.display());
            }
        }
    }
}

#[test]
fn the_list_of_reasons_imports_nothing() {
    let code = code(&root().join("filter/engine/src/reason.rs"));
    let imports: Vec<_> =
        code.lines().filter(|line| line.trim_start().starts_with("use ")).collect();
    assert!(imports.is_empty() && !code.contains("crate::"), "{imports:?}");
}

#[test]
fn every_file_says_what_it_is_in_its_first_line() {
    let folders = ["filter", "backend/src", "tests"].map(|folder| root().join(folder));
    for file in folders.iter().flat_map(|folder| sources(folder)) {
        let text = fs::read_to_string(&file).unwrap();
        let first = text.lines().next().unwrap_or_default();
        let is_told = first.starts_with("//!") || first.starts_with("#!");
        assert!(is_told, "{}: {first}", file.display());
    }
}

/// Folders whose direct children (a file, or a folder with all its files) must not form a circle,
/// each with the path of its module in the crate.
const MODULES: [(&str, &[&str]); 4] = [
    ("filter/engine/src", &[]),
    ("filter/plugin/src", &[]),
    ("filter/cli/src", &[]),
    ("backend/src/adapters/http", &["adapters", "http"]),
];

#[test]
fn modules_form_no_circle() {
    let mut found = Vec::new();
    for (folder, module) in MODULES {
        let graph = modules(&root().join(folder), module);
        assert!(graph.len() > 1, "{folder}: found no modules");
        for circle in circles(&graph) {
            for from in &circle {
                let to: Vec<_> = graph[from].intersection(&circle).collect();
                found.push(format!("{folder}: {from} uses {to:?}"));
            }
        }
    }
    assert!(found.is_empty(), "circles of modules:\n{}", found.join("\n"));
}

#[test]
fn a_circle_is_found_through_grouped_and_relative_paths() {
    let uses = |code: &str, module: &[&str]| paths(code, module);
    assert_eq!(
        uses("use crate::{a::B, c::{D, e}};", &["x"]),
        [vec!["a", "B"], vec!["c", "D"], vec!["c", "e"],]
    );
    assert_eq!(
        uses("super::super::a::b(super::c::D::<u8>::new())", &["x", "y"]),
        [vec!["a", "b"], vec!["x", "c", "D"],]
    );
    assert!(uses("pub(crate) fn of(&self) -> other::crate_::X {}", &["x"]).is_empty());

    let graph = |edges: &[(&str, &[&str])]| -> Graph {
        edges.iter().map(|(from, to)| ((*from).to_owned(), owned(to))).collect()
    };
    let way = graph(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])]);
    assert!(circles(&way).is_empty());
    let circle = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])]);
    assert_eq!(circles(&circle), BTreeSet::from([["a", "b", "c"].map(str::to_owned).into()]));
}

/// The children of a folder, and which of them each child's code uses. The folder's own `lib.rs`,
/// `main.rs` or `mod.rs` declares and re-exports the children and is none of them.
fn modules(folder: &Path, module: &[&str]) -> Graph {
    let files = sources(folder);
    let tests: BTreeSet<_> = files.iter().flat_map(|file| test_files(file)).collect();
    let mut graph = Graph::new();
    let mut uses = Vec::new();
    for file in files.iter().filter(|file| !tests.contains(*file)) {
        let path = file.strip_prefix(folder).unwrap().with_extension("");
        let mut path: Vec<_> = path.iter().map(|part| part.to_str().unwrap()).collect();
        path.pop_if(|last| ["lib", "main", "mod"].contains(last));
        let Some(child) = path.first().map(|name| (*name).to_owned()) else { continue };
        graph.entry(child.clone()).or_default();
        let here = [module, &path].concat();
        for target in paths(&code(file), &here) {
            let target = target.strip_prefix(&owned::<Vec<_>>(module)[..]).and_then(<[_]>::first);
            uses.extend(target.map(|target| (child.clone(), target.clone())));
        }
    }
    for (from, to) in uses {
        if from != to && graph.contains_key(&to) {
            graph.entry(from).or_default().insert(to);
        }
    }
    graph
}

/// The files that `file` declares as modules for tests only.
fn test_files(file: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(file).unwrap();
    let folder = match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "main" | "mod") => file.parent().unwrap().to_owned(),
        _ => file.with_extension(""),
    };
    let mut found = Vec::new();
    for declaration in text.split("#[cfg(test)]\n").skip(1) {
        let mut lines = declaration.lines().map(str::trim);
        let first = lines.next().unwrap_or_default();
        if let Some(path) = first.strip_prefix("#[path = \"").and_then(|it| it.strip_suffix("\"]"))
        {
            found.push(file.with_file_name(path));
        } else if let Some(name) = first.strip_prefix("mod ").and_then(|it| it.strip_suffix(';')) {
            found.push(folder.join(name).with_extension("rs"));
        }
    }
    found
}

/// The paths in `code` that begin with `crate`, `super` or `self`, from the crate's root on. A scan
/// of words instead of `syn`: the arguments of macros, which `syn` leaves unread, count too.
fn paths(code: &str, module: &[&str]) -> Vec<Vec<String>> {
    let words = words(code);
    let mut found = Vec::new();
    for at in 0..words.len() {
        let starts = ["crate", "super", "self"].contains(&words[at]);
        let continues = at > 0 && words[at - 1] == "::";
        if starts && !continues && words.get(at + 1) == Some(&"::") {
            path(&words, at, owned(module), &mut found);
        }
    }
    found
}

/// Reads one path, or each path of a group, from `at` on, and returns the place after it.
fn path(
    words: &[&str],
    mut at: usize,
    mut so_far: Vec<String>,
    found: &mut Vec<Vec<String>>,
) -> usize {
    loop {
        match words.get(at).copied() {
            Some("crate") => so_far.clear(),
            Some("super") => drop(so_far.pop()),
            Some("self") => {}
            Some("{") => {
                at += 1;
                while words.get(at).is_some_and(|word| *word != "}") {
                    let next = path(words, at, so_far.clone(), found);
                    // `as name`, `*` and commas
                    at = next.max(at + 1);
                    while words.get(at).is_some_and(|word| !["}", ","].contains(word)) {
                        at += 1;
                    }
                    at += usize::from(words.get(at) == Some(&","));
                }
                return at + 1;
            }
            Some(word) if word.starts_with(|it: char| it.is_alphabetic() || it == '_') => {
                so_far.push(word.to_owned());
            }
            _ => break,
        }
        at += 1;
        if words.get(at) != Some(&"::") {
            break;
        }
        at += 1;
    }
    found.push(so_far);
    at
}

/// Identifiers, `::`, and every other character by itself, without space.
fn words(code: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |it: char| it.is_alphanumeric() || it == '_';
        let length = match first {
            ':' if rest.starts_with("::") => 2,
            _ if is_word(first) => rest.find(|it| !is_word(it)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (word, more) = rest.split_at(length);
        words.push(word);
        rest = more.trim_start();
    }
    words
}

fn owned<T: FromIterator<String>>(names: &[&str]) -> T {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The sets of nodes that reach each other.
fn circles(graph: &Graph) -> BTreeSet<BTreeSet<String>> {
    let reached = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<_> = graph[from].iter().collect();
        while let Some(node) = open.pop() {
            if seen.insert(node) {
                open.extend(&graph[node]);
            }
        }
        seen
    };
    let reach: BTreeMap<_, _> = graph.keys().map(|node| (node, reached(node))).collect();
    let circle = |node| {
        let both = |other: &&&String| reach[**other].contains(node);
        reach[node].iter().filter(both).map(|other| (*other).clone()).collect::<BTreeSet<_>>()
    };
    graph.keys().map(circle).filter(|circle| circle.len() > 1).collect()
}

/// The Rust files under `folder`.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { panic!("no folder {}", folder.display()) };
    let paths = entries.map(|entry| entry.unwrap().path());
    let nested = paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    nested.filter(|path| path.extension().is_some_and(|kind| kind == "rs")).collect()
}

/// A file's code, without comments and without the unit tests at its end.
pub(crate) fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    // a declaration of a test file, `mod x;`, is followed by code
    let tests = text
        .match_indices("#[cfg(test)]\nmod ")
        .find(|(at, _)| text[*at..].lines().nth(1).is_some_and(|line| line.ends_with('{')));
    let text = tests.map_or(&text[..], |(at, _)| &text[..at]);
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

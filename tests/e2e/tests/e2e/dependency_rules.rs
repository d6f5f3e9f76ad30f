//! The arrows of the house: which crate may know which, and what no file of a crate may mention.
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::artifacts::root;

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

/// What is linked into `package`, of the tests' and the build's own crates nothing: directly, or at any distance.
fn linked(package: &str, depth: &str) -> BTreeSet<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["tree", "--locked", "--package", package, "--edges", "normal"]);
    let output = cargo.args(["--all-features", "--prefix", "none", "--depth", depth]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    names.filter(|name| *name != package && !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn arrows_between_crates_point_one_way() {
    for (package, knows) in [
        ("portcullis-principal", &[][..]),
        ("portcullis-engine", &["portcullis-principal"]),
        ("portcullis-plugin", &["portcullis-engine", "portcullis-principal"]),
        ("portcullis-cli", &["portcullis-engine", "portcullis-principal"]),
        ("backend", &["portcullis-principal"]),
        ("dev-idp", &[]),
    ] {
        let linked = linked(package, "1");
        let ours: Vec<_> = OURS.into_iter().filter(|name| linked.contains(*name)).collect();
        assert!(
            ours.iter().all(|name| knows.contains(name)),
            "{package} knows {ours:?}, and may know {knows:?}"
        );
    }
}

#[test]
fn only_the_plugin_knows_the_host_and_what_runs_in_it_has_no_runtime_and_no_network() {
    for package in OURS.into_iter().filter(|name| !["bench", "e2e"].contains(name)) {
        let knows_the_host = linked(package, "99").contains("proxy-wasm");
        assert_eq!(knows_the_host, package == "portcullis-plugin", "{package}");
    }
    for package in ["portcullis-principal", "portcullis-engine", "portcullis-plugin"] {
        let linked = linked(package, "99");
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
    for package in
        ["portcullis-principal", "portcullis-engine", "portcullis-plugin", "portcullis-cli", "backend"]
    {
        let linked = linked(package, "99");
        for name in ["dev-idp", "harness", "e2e", "bench", "xtask"] {
            assert!(!linked.contains(name), "{package} links {name}");
        }
    }
}

/// What no file of a folder may mention, outside comments.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "filter/engine/src",
        &[
            "proxy_wasm",
            "tokio",
            "SystemTime",
            "Instant",
            "UNIX_EPOCH",
            "std::net",
            "std::fs",
            "std::io",
            "std::env",
            "std::process",
            "std::thread",
            "coarsetime",
            "getrandom",
            "rand::",
            "println!",
            "eprintln!",
        ],
    ),
    ("filter/plugin/src", &["std::net", "std::fs", "std::thread", "std::process", "println!", "eprintln!"]),
    (
        "backend/src/domain",
        &["serde", "sqlx", "axum", "tokio", "SystemTime", "crate::application", "crate::adapters"],
    ),
    ("backend/src/application", &["sqlx", "axum", "hyper", "crate::adapters"]),
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
    let imports: Vec<_> = code.lines().filter(|line| line.trim_start().starts_with("use ")).collect();
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

/// The Rust files under `folder`.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { panic!("no folder {}", folder.display()) };
    let paths = entries.map(|entry| entry.unwrap().path());
    let nested = paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    nested.filter(|path| path.extension().is_some_and(|kind| kind == "rs")).collect()
}

/// A file without its comments, which may name what they please, and without its own tests, which end it.
pub(crate) fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

//! The native tests, always compiled with the whole workspace: cargo compiles a dependency with the
//! features that the packages of one command ask of it together, so a command with fewer packages
//! would compile most dependencies anew.
use std::process::Command;

use harness::{Error, Result};
use serde_json::Value;

use crate::cargo::{cargo, run};

/// Packages that are built for the Proxy-Wasm host only.
pub(super) const NOT_NATIVE: [&str; 6] =
    ["--exclude", "portcullis-plugin", "--exclude", "bench-minimal", "--exclude", "rogue-plugin"];

/// `cargo test` of everything, to which options are added that select.
pub(super) fn tests() -> Command {
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--features", "portcullis-engine/schema"]).args(NOT_NATIVE);
    tests
}

/// Compiles all tests and the programs that they run: the backend, the development provider,
/// `portcullis`.
pub(super) fn compile() -> Result<()> {
    eprintln!("building the tests and the programs that they run ...");
    run("building the tests", tests().arg("--no-run"), "see what the compiler says above")
}

/// The options that select the integration tests of the packages that are `wanted`.
pub(super) fn integration(wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let output = cargo().args(["metadata", "--no-deps", "--format-version", "1"]).output();
    let output = output.map_err(Error::io("run cargo metadata"))?;
    let form = || Error::Form("cargo metadata says nothing of packages".to_owned());
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|_| form())?;
    options(metadata["packages"].as_array().ok_or_else(form)?, wanted)
}

fn options(packages: &[Value], wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let (mut selected, mut others) = (Vec::new(), Vec::new());
    for package in packages {
        let is_wanted = package["name"].as_str().is_some_and(&wanted);
        let targets = package["targets"].as_array().into_iter().flatten();
        let tests = targets.filter(|target| target["kind"][0] == "test");
        let names = tests.filter_map(|target| target["name"].as_str());
        if is_wanted { &mut selected } else { &mut others }.extend(names);
    }
    // cargo selects by the name alone
    if let Some(name) = selected.iter().find(|name| others.contains(name)) {
        return Err(Error::Form(format!(
            "tests of two suites are called `{name}`: rename one of the files"
        )));
    }
    Ok(selected.iter().flat_map(|name| ["--test".to_owned(), (*name).to_owned()]).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, tests: &[&str]) -> Value {
        let tests = tests.iter().map(|name| json!({ "name": name, "kind": ["test"] }));
        let targets: Vec<_> = tests.chain([json!({ "name": name, "kind": ["lib"] })]).collect();
        json!({ "name": name, "targets": targets })
    }

    #[test]
    fn a_suite_selects_the_integration_tests_of_its_packages_and_no_others() {
        let packages = [package("a", &["one", "two"]), package("b", &["three"])];
        let selected = options(&packages, |name| name == "a").unwrap();
        assert_eq!(selected, ["--test", "one", "--test", "two"]);
    }

    #[test]
    fn tests_of_two_suites_with_one_name_are_refused_since_cargo_would_run_both() {
        let packages = [package("a", &["one"]), package("b", &["one"])];
        let error = options(&packages, |name| name == "a").unwrap_err().to_string();
        assert!(error.contains("`one`"), "{error}");
    }
}

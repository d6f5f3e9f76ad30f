//! Policies in documents: whole ones, and parts of the shipped one.
use std::fs;
use std::path::Path;
use std::process::Command;

use harness::artifacts;
use harness::folder::Folder;
use serde_json::{Value, json};

use super::blocks::{Block, blocks, blocks_of};
use crate::support::policy::{load, merge, shipped, underlined};

/// The same day for every reader.
const TODAY: &str = "2026-11-01";

fn yaml(block: &Block) -> Value {
    serde_saphyr::from_str(&block.text).unwrap_or_else(|error| panic!("{block}: {error}"))
}

/// Exit code and what is said.
fn check(folder: &Path, text: &str) -> (i32, String) {
    let file = folder.join("policy.yaml");
    fs::write(&file, text).expect("a file");
    let mut command = Command::new(artifacts::binary("portcullis").expect("the command line"));
    let output =
        command.arg("check").arg(&file).args(["--at", TODAY]).output().expect("portcullis");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn every_policy_loads_and_nothing_is_found_in_it() {
    let folder = Folder::empty("documents-policies").expect("a folder");
    let walk = blocks().into_iter().filter(|block| block.info == "yaml walk policy.yaml");
    for block in blocks_of("yaml policy").into_iter().chain(walk) {
        let policy = yaml(&block);
        load(&policy).unwrap_or_else(|errors| panic!("{block}: {errors}"));
        assert_eq!(underlined(&policy), [""; 0], "{block}");
        let (code, said) = check(folder.path(), &block.text);
        assert_eq!(code, 0, "{block}: {said}");
    }
}

#[test]
fn every_part_of_a_policy_loads_in_the_shipped_one() {
    let folder = Folder::empty("documents-parts").expect("a folder");
    for block in blocks_of("yaml part") {
        let mut policy = shipped();
        merge(&mut policy, &yaml(&block));
        load(&policy).unwrap_or_else(|errors| panic!("{block}: {errors}"));
        assert_eq!(underlined(&policy), [""; 0], "{block}");
        let (code, said) = check(folder.path(), &policy.to_string());
        // what is found there is the shipped policy's business
        assert!([0, 2].contains(&code), "{block}: {said}");
    }
}

#[test]
fn an_editor_finds_nothing_in_the_shipped_policy_and_underlines_a_mistake() {
    assert_eq!(underlined(&shipped()), [""; 0]);
    for (place, wrong) in [
        ("/services/shop/routes/0/role", json!(["customer"])),
        ("/services/shop/routes/0/roles", json!("customer")),
        ("/services/shop/routes/0/match", json!("/orders")),
        ("/services/shop/hosts", Value::Null),
        ("/providers/keycloak/algorithms/0", json!("HS256")),
        ("/identity/assertion/ttl", json!("a minute")),
        ("/mode", json!({ "shadow": { "until": "next year" } })),
    ] {
        let mut policy = shipped();
        let (parent, name) = place.rsplit_once('/').expect("a place");
        match policy.pointer_mut(parent).unwrap_or_else(|| panic!("{parent} is not there")) {
            Value::Array(items) => items[0] = wrong,
            parent => parent[name] = wrong,
        }
        assert!(!underlined(&policy).is_empty(), "{place}");
    }
}

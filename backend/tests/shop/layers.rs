//! Dependencies between the layers of the crate.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Words that no file of a folder may contain. What is not listed belongs to another layer, so a
/// new folder needs an entry.
const FORBIDDEN: [(&str, &[&str]); 3] = [
    (
        "domain",
        &[
            "serde",
            "sqlx",
            "axum",
            "tokio",
            "http",
            "hyper",
            "utoipa",
            "tracing",
            "jiff",
            "SystemTime",
            "Instant",
            "crate::application",
            "crate::adapters",
            "crate::config",
        ],
    ),
    (
        "application",
        &[
            "serde",
            "sqlx",
            "axum",
            "tokio::",
            "hyper",
            "utoipa",
            "jiff",
            "SystemTime",
            "crate::adapters",
            "crate::config",
        ],
    ),
    ("adapters/storage", &["axum", "crate::adapters::http", "crate::config"]),
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Returns the code without its comments, which may contain any word.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_layer_depends_only_on_the_layers_below_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (layer, forbidden) in FORBIDDEN {
        let files = files(&source.join(layer));
        assert!(!files.is_empty(), "{layer}");
        for file in files {
            let code = code(&file);
            for word in forbidden {
                assert!(!code.contains(word), "{} mentions {word}", file.display());
            }
        }
    }
}

#[test]
fn only_the_session_decides_ownership() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let deciders =
        files(&source).into_iter().filter(|file| code(file).contains("ownership::decide"));
    let deciders: Vec<_> =
        deciders.map(|file| file.strip_prefix(&source).unwrap().to_owned()).collect();
    assert_eq!(deciders, [PathBuf::from("application/session.rs")]);
}

#[test]
fn the_filter_contains_no_level_3_concepts() {
    let filter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../filter");
    let sources =
        files(&filter).into_iter().filter(|file| file.extension().is_some_and(|kind| kind == "rs"));
    for file in sources {
        let code = code(&file);
        for word in [
            "co_owner",
            "co-owner",
            "CoOwner",
            "delegation",
            "Delegation",
            "organisation",
            "Organisation",
            "Bypass",
        ] {
            assert!(!code.contains(word), "{} mentions {word}", file.display());
        }
    }
}

/// Role table entries from before orders could be shared, delegated, or read by managers.
const ROWS_BEFORE: [(&str, &str); 8] = [
    ("POST /orders", "roles: [customer]"),
    ("GET /orders", "roles: [customer, admin]"),
    ("GET /orders/{order_id}", "roles: [customer, admin]"),
    ("GET /products", "public: true"),
    ("GET /products/{product_id}", "public: true"),
    ("POST /products", "roles: [seller]"),
    ("PUT /products/{product_id}", "roles: [seller, admin]"),
    ("GET /me", "authenticated: true"),
];

#[test]
fn new_level_3_rights_changed_no_entry_of_the_role_table_and_added_no_role() {
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy/policy.yaml");
    let policy = fs::read_to_string(policy).unwrap();
    let row = |line: &str| {
        let (endpoint, requirement) = line.trim().strip_prefix("- { match: \"")?.split_once('"')?;
        Some((endpoint.to_owned(), requirement.trim_matches([',', ' ', '}']).to_owned()))
    };
    let rows: BTreeMap<_, _> = policy.lines().filter_map(row).collect();
    for (endpoint, requirement) in ROWS_BEFORE {
        assert_eq!(rows.get(endpoint).map(String::as_str), Some(requirement), "{endpoint}");
    }
    // later entries are for new endpoints, with the same roles and the auditor's
    for (endpoint, requirement) in rows {
        let known = |role: &str| ["customer", "seller", "admin", "auditor"].contains(&role.trim());
        let roles = requirement.strip_prefix("roles: [").and_then(|roles| roles.strip_suffix(']'));
        assert!(roles.is_none_or(|roles| roles.split(',').all(known)), "{endpoint}: {requirement}");
    }
}

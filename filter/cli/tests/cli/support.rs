//! A folder with files, and the command run in it.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::rc::Rc;

use assert_cmd::Command;
use portcullis_cli::diagnostics::source::Source;
use portcullis_cli::policy::Loaded;
use serde_json::Value;
use tempfile::TempDir;

/// 2026-11-24: what tests that ask for the time take for now.
pub(crate) const TODAY: &str = "2026-11-24T12:00:00Z";

/// The policy of a document.
pub(crate) fn loaded(document: &Value) -> Option<Loaded> {
    let source: Rc<Source> = Source::new("policy.yaml", document.to_string());
    Loaded::of(vec![source]).ok()
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A folder of its own.
pub(crate) struct Folder(TempDir);

/// What a run said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    /// With these files.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let folder = Self(TempDir::new().unwrap());
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the command there.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        run_in(self.0.path(), arguments, "")
    }

    /// Runs the command there, as on a terminal that shows colours.
    pub(crate) fn run_coloured(&self, arguments: &[&str]) -> Said {
        let mut command = command(self.0.path(), arguments);
        said(command.env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1"))
    }

    /// Runs the command there, with a standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        run_in(self.0.path(), arguments, input)
    }
}

/// Runs the command in the repository.
pub(crate) fn run(arguments: &[&str]) -> Said {
    run_in(&root(), arguments, "")
}

fn run_in(folder: &Path, arguments: &[&str], input: &str) -> Said {
    // a terminal that is not one would still be believed
    said(command(folder, arguments).env_remove("CLICOLOR_FORCE").write_stdin(input))
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"));
    command.current_dir(folder).args(arguments);
    command
}

fn said(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "exit code {}", self.code)?;
        if !self.stdout.is_empty() {
            write!(f, "\n{}", self.stdout)?;
        }
        if !self.stderr.is_empty() {
            write!(f, "\non the standard error:\n{}", self.stderr)?;
        }
        Ok(())
    }
}

/// A policy that loads and in which nothing is found but a public row.
pub(crate) const SHOP: &str = r#"providers:
  keycloak:
    issuer: https://idp.example/realms/shop
    audiences: [orders-api]
    jwks: { uri: https://idp.example/realms/shop/certs, cluster: idp }
    algorithms: [RS256]
    token_types: [at+jwt]
    roles:
      - { path: [realm_access, roles] }
services:
  shop:
    hosts: ["shop.example"]
    routes:
      - { match: "POST /orders", roles: [customer] }
      - { match: "GET /orders/{order_id}", roles: [customer, admin] }
      - { match: "POST /refunds", all_roles: [finance, senior] }
      - { match: "GET /products", public: true }
      - { match: "GET /me", authenticated: true }
"#;

/// The text with a part replaced, which it must have.
pub(crate) fn with(text: &str, part: &str, by: &str) -> String {
    assert!(text.contains(part), "{part}");
    text.replacen(part, by, 1)
}

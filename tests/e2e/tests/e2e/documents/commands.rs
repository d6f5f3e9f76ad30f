//! Commands in documents that need no gateway of their own: `portcullis`, `cargo xtask`, docker
//! compose, and the shop's answers.
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use e2e::Shared;
use harness::artifacts::{self, root};
use harness::folder::Folder;
use serde_json::Value;

use super::blocks::{Block, DOCUMENTS, GETTING_STARTED, blocks_of, prose};
use super::session::Session;

static SHOP: Shared = Shared::named("documents-shop");

#[test]
fn every_console_block_says_what_the_documents_say() {
    for document in DOCUMENTS {
        let name = document.replace(['/', '.'], "-").to_lowercase();
        let session = Session::new(&format!("documents-{name}"));
        // written to by nobody
        for folder in ["envoy", "backend"] {
            symlink(root().join(folder), session.folder.join(folder)).expect("a link");
        }
        for block in blocks_of("console").iter().filter(|block| block.document == document) {
            session.run(block);
        }
    }
}

#[test]
fn the_shop_answers_as_the_documents_say() {
    SHOP.visit(async |shop| {
        let mut session = Session::new("documents-curl");
        session.places.push(("http://127.0.0.1:8080".to_owned(), shop.stack.url("")));
        session.env.push(("TOKEN".to_owned(), shop.token("alice").await));
        // curl waits for the gateway, which needs this runtime for nothing
        tokio::task::block_in_place(|| {
            for block in &blocks_of("console shop") {
                session.run(block);
            }
        });
    });
}

/// The commands, without prompts, comments and what follows a pipe.
fn commands(block: &Block) -> Vec<Vec<String>> {
    let lines = block.text.lines().map(|line| line.strip_prefix("$ ").unwrap_or(line));
    let words = lines
        .map(|line| line.split(" # ").next().unwrap_or(line).split_whitespace().map(str::to_owned));
    words.map(Iterator::collect).filter(|words: &Vec<String>| !words.is_empty()).collect()
}

#[test]
fn the_projects_commands_and_those_of_compose_are_there() {
    let text = fs::read_to_string(root().join("docker-compose.yml")).expect("docker-compose.yml");
    let compose: Value = serde_saphyr::from_str(&text).expect("YAML");
    for block in blocks_of("console xtask").into_iter().chain(blocks_of("sh compose")) {
        for words in commands(&block) {
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            match words[..] {
                ["cargo", "xtask", ref arguments @ ..] => {
                    let program = artifacts::binary("xtask").expect("cargo xtask");
                    let output = Command::new(program)
                        .args(arguments)
                        .arg("--help")
                        .output()
                        .expect("it runs");
                    assert!(output.status.success(), "{block}: {words:?}");
                }
                ["docker", "compose", ref arguments @ ..] => is_of(&compose, arguments, &block),
                _ => panic!("{block}: {words:?}"),
            }
        }
    }
}

/// The project's commands in prose: `cargo xtask up`, and `up --keycloak` and `--quick` in a
/// paragraph about them.
#[test]
fn every_command_of_the_project_that_is_named_in_prose_takes_what_it_is_given() {
    let mut named = 0;
    for paragraph in DOCUMENTS.iter().flat_map(|name| {
        let text = prose(name);
        text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>()
    }) {
        let benchmark = paragraph.contains("`cargo xtask bench");
        for code in paragraph.split('`').skip(1).step_by(2) {
            let words: Vec<_> = code.split_whitespace().collect();
            let arguments = match words[..] {
                ["cargo", "xtask", ref arguments @ ..] => arguments,
                ["up" | "test", flag, ..] if flag.starts_with("--") => &words,
                [flag, ..] if benchmark && flag.starts_with("--") => {
                    has_flags_of_the_benchmark(&words);
                    named += 1;
                    continue;
                }
                _ => continue,
            };
            named += 1;
            if arguments.first() == Some(&"bench") {
                has_flags_of_the_benchmark(arguments);
                continue;
            }
            let program = artifacts::binary("xtask").expect("cargo xtask");
            let output =
                Command::new(program).args(arguments).arg("--help").output().expect("it runs");
            assert!(
                output.status.success(),
                "`{code}`: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    assert!(named >= 12, "{named}");
}

/// The benchmark's own help would have it built, optimised: its source says what it takes.
fn has_flags_of_the_benchmark(arguments: &[&str]) {
    let source = fs::read_to_string(root().join("tests/bench/src/main.rs")).expect("the benchmark");
    for flag in arguments.iter().filter_map(|it| it.strip_prefix("--")) {
        let field = format!("\n    {flag}: ");
        assert!(source.contains(&field), "the benchmark has no --{flag}");
    }
}

#[test]
fn the_command_line_is_installed_as_the_documents_say() {
    const COMMAND: &str = "cargo install --path filter/cli";
    let text = prose(GETTING_STARTED).replace('\n', " ");
    assert!(text.contains(&format!("`{COMMAND}`")));
    let folder = Folder::empty("documents-install").expect("a folder");
    let words: Vec<_> = COMMAND.split(' ').skip(1).collect();
    let mut install = Command::new(env!("CARGO"));
    // what is there already, and not optimised: only to be quick
    install
        .args(words)
        .args(["--debug", "--offline", "--locked", "--no-track", "--root"])
        .arg(folder.path());
    let output = install.current_dir(root()).output().expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let portcullis =
        Command::new(folder.join("bin/portcullis")).arg("--version").output().expect("portcullis");
    assert!(portcullis.status.success());
}

/// The profiles and services that a command names are there. What the commands do is the suite of
/// docker compose's to show.
fn is_of(compose: &Value, arguments: &[&str], block: &Block) {
    let services = compose["services"].as_object().expect("services");
    let profiles: Vec<_> =
        services.values().filter_map(|it| it["profiles"].as_array()).flatten().collect();
    let mut words = arguments.iter().copied().peekable();
    let mut verb = None;
    while let Some(word) = words.next() {
        if word == "--profile" {
            let profile = words.next().expect("a profile");
            assert!(profiles.iter().any(|it| *it == profile), "{block}: no profile {profile}");
        } else if word.starts_with("--") {
            // docker's own
        } else if verb.is_none() {
            verb = Some(word);
        } else {
            assert!(services.contains_key(word), "{block}: no service {word}");
        }
    }
    assert!(
        verb.is_some_and(|it| ["up", "down", "logs", "stop", "restart", "ps"].contains(&it)),
        "{block}: {verb:?}"
    );
}

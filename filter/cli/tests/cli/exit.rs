//! Exit codes: 0 fine, 1 it could not run, 2 the answer is no, 3 the policy does not load. And what
//! `--help` says.

use std::process::Command;

use clap::CommandFactory as _;
use insta::assert_snapshot;
use portcullis_cli::commands::Arguments;

use crate::support::{Folder, SHOP, with};

#[test]
fn every_verb_ends_with_one_of_four_codes() {
    let broken = with(SHOP, "public: true", "publik: true");
    let warned = with(SHOP, "token_types: [at+jwt]", "leeway: 2m");
    let cases = "cases: [{ request: GET /products, as: anyone, expect: allow }, { request: GET /me, as: anyone, expect: allow }]";
    let files = [
        ("policy.yaml", SHOP),
        ("warned.yaml", &*warned),
        ("broken.yaml", &*broken),
        ("cases.yaml", cases),
        ("odd.yaml", "cases: [{ request: GET /me }]"),
        ("no.yaml", "a: ["),
    ];
    let folder = Folder::of(&files);
    for (line, code) in [
        ("check policy.yaml", 0),
        ("check warned.yaml", 2),
        ("check broken.yaml", 3),
        ("check no.yaml", 3),
        ("check missing.yaml", 1),
        ("check policy.yaml --openapi other=policy.yaml", 1),
        ("check policy.yaml --openapi shop=policy.yaml", 1),
        ("check policy.yaml --envoy no.yaml", 1),
        ("check", 1),
        ("explain policy.yaml GET /products", 0),
        ("explain policy.yaml GET /me", 2),
        ("explain policy.yaml GET /me --claims {", 1),
        ("explain broken.yaml GET /me", 3),
        ("test policy.yaml cases.yaml", 2),
        ("test policy.yaml odd.yaml", 1),
        ("test policy.yaml --matrix matrix.txt", 0),
        ("test policy.yaml --matrix cases.yaml --current", 2),
        ("test policy.yaml --matrix missing.txt --current", 1),
        ("test broken.yaml cases.yaml", 3),
        ("diff policy.yaml policy.yaml --fail-on any", 0),
        ("diff policy.yaml warned.yaml", 0),
        ("diff policy.yaml warned.yaml --fail-on any", 2),
        ("diff policy.yaml broken.yaml", 3),
        ("diff policy.yaml missing.yaml", 1),
        ("render policy.yaml --for envoy", 0),
        ("render policy.yaml --for istio", 1),
        ("render broken.yaml --for envoy", 3),
        ("render policy.yaml --for nginx", 1),
        ("keygen --public jwks.json --private key", 0),
        ("keygen --public jwks.json", 1),
        ("ready --admin 127.0.0.1:1", 1),
        ("ready --admin localhost", 1),
        ("completions bash", 0),
        ("completions tcsh", 1),
        ("--help", 0),
        ("--version", 0),
        ("frobnicate", 1),
    ] {
        let said = folder.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(said.code, code, "{line}: {said}");
        // answers on the standard output, why there is none on the standard error
        assert_eq!(
            said.stdout.is_empty(),
            code == 1 || code == 3 && !line.starts_with("check"),
            "{line}: {said}"
        );
        assert!(
            !said.stdout.contains('\u{1b}') && !said.stderr.contains('\u{1b}'),
            "{line}: colours"
        );
    }
}

#[test]
fn why_it_could_not_run_is_told_in_every_format() {
    let folder = Folder::of(&[("policy.yaml", SHOP)]);
    let told = ["human", "json", "github"].map(|format| {
        let mended =
            folder.run(&["check", "policy.yaml", "--openapi", "other=x.json", "--format", format]);
        let line = folder.run(&[
            "check",
            "policy.yaml",
            "--envoy",
            "policy.yaml",
            "--openapi",
            "shop=missing",
            "--format",
            format,
        ]);
        format!("{mended}\n{line}")
    });
    assert_snapshot!(told.join("\n"));
}

/// All verbs, as the command itself has them.
fn verbs() -> Vec<String> {
    Arguments::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

#[test]
fn every_verb_has_an_example_in_its_help() {
    let folder = Folder::of(&[]);
    for command in verbs() {
        let help = folder.run(&[&command, "--help"]).stdout;
        let example = help.split_once("Example").map(|(_, examples)| examples).unwrap_or_default();
        let lines = example.lines().map(|line| format!("{line} "));
        assert!(
            lines.into_iter().any(|it| it.contains(&format!("portcullis {command} "))),
            "{command}: {help}"
        );
    }
}

#[test]
fn every_shell_completes_every_verb() {
    let folder = Folder::of(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = folder.run(&["completions", shell]);
        assert_eq!((said.code, &*said.stderr), (0, ""), "{shell}: {said}");
        for word in verbs().iter().map(String::as_str).chain(["fail-on"]) {
            assert!(said.stdout.contains(word), "{shell}: {word}");
        }
        folder.write(shell, &said.stdout);
    }
    let bash = Command::new("bash").arg("-n").arg(folder.path("bash")).output().unwrap();
    assert!(bash.status.success() && bash.stderr.is_empty(), "{bash:?}");
}

#[test]
fn there_are_colours_where_they_are_asked_for_and_none_for_programs() {
    let broken = with(SHOP, "public: true", "publik: true");
    let folder = Folder::of(&[("policy.yaml", SHOP), ("broken.yaml", &broken)]);
    for policy in ["policy.yaml", "broken.yaml", "missing.yaml"] {
        let said = folder.run_coloured(&["check", policy]);
        assert!(
            [&said.stdout, &said.stderr].iter().any(|it| it.contains("\u{1b}[")),
            "{policy}: {said}"
        );
        for format in ["json", "github"] {
            let said = folder.run_coloured(&["check", policy, "--format", format]);
            assert!(
                [said.stdout, said.stderr].iter().all(|it| !it.contains('\u{1b}')),
                "{policy}: {format}"
            );
        }
    }
}

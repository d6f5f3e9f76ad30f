//! Exit codes: 0 fine, 1 it could not run, 2 the answer is no, 3 the policy does not load. And what `--help` says.

use std::fmt::Write as _;

use insta::assert_snapshot;

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
        assert!(!said.stdout.contains('\u{1b}') && !said.stderr.contains('\u{1b}'), "{line}: colours");
    }
}

#[test]
fn why_it_could_not_run_is_told_in_every_format() {
    let folder = Folder::of(&[("policy.yaml", SHOP)]);
    let told = ["human", "json", "github"].map(|format| {
        let mended = folder.run(&["check", "policy.yaml", "--openapi", "other=x.json", "--format", format]);
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

#[test]
fn every_verb_has_an_example_in_its_help() {
    let folder = Folder::of(&[]);
    let mut told = folder.run(&["--help"]).stdout;
    for verb in ["check", "explain", "test", "diff", "render", "keygen", "completions"] {
        let help = folder.run(&[verb, "--help"]).stdout;
        let example = help.split_once("Example").map(|(_, examples)| examples).unwrap_or_default();
        assert!(example.contains(&format!("portcullis {verb} ")), "{verb}: {help}");
        let _ = write!(told, "\n# {verb}\n\n{help}");
    }
    assert_snapshot!(told);
}

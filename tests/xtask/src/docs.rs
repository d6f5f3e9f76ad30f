//! `cargo xtask docs`: the table of reasons, which is written by the code. A test holds that they
//! are current.
use std::fs;
use std::path::PathBuf;

use harness::artifacts::root;
use harness::{Error, Result};
use portcullis_engine::reason::Reason;
use portcullis_engine::reply::Challenge;

const BEGIN: &str = "<!-- reasons:begin -->\n";
const END: &str = "<!-- reasons:end -->";

fn reasons() -> PathBuf {
    root().join("envoy/docs/refusal-reasons.md")
}

/// Writes the table of reasons.
pub(crate) fn write() -> Result<()> {
    let path = reasons();
    let text = fs::read_to_string(&path).map_err(Error::io(format!("read {}", path.display())))?;
    let marks = || {
        Error::Form(format!("{} has no lines `{}` and `{END}`", path.display(), BEGIN.trim_end()))
    };
    let written = with_table(&text).ok_or_else(marks)?;
    fs::write(&path, written).map_err(Error::io(format!("write {}", path.display())))?;
    println!("the table of reasons is in {}", path.display());
    Ok(())
}

/// The text with the table between the marks.
fn with_table(text: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{}{END}{after}", table()))
}

fn table() -> String {
    let head =
        "| reason | status | challenge | when | rule | held by |\n|---|---|---|---|---|---|\n";
    Reason::ALL.iter().fold(head.to_owned(), |table, &reason| table + &row(reason))
}

fn row(reason: Reason) -> String {
    let terms = reason.terms();
    let challenge = match terms.challenge {
        Challenge::None => "none",
        Challenge::Realm => "`realm` only",
        other => other.error().unwrap_or_default(),
    };
    let when = reason.when().trim();
    format!(
        "| `{reason}` | {} | {challenge} | {when} | {} | `{}` |\n",
        terms.status,
        terms.rule,
        shown_by(reason)
    )
}

/// The test that shows it: the suite's file, and the function. The corpus is decided natively, as
/// WebAssembly and in Envoy.
#[rustfmt::skip] // one reason a line reads as the table that it becomes
const fn shown_by(reason: Reason) -> &'static str {
    const BAD_TOKENS: &str = "confusion::a_bad_token_is_401_with_its_reason_on_every_kind_of_row";
    const CORPUS: &str = "decisions::every_case_of_the_corpus_is_decided_in_envoy_as_it_says";
    match reason {
        Reason::PathAmbiguous => "bad_input::a_request_that_two_parties_could_read_differently_is_400",
        Reason::CredentialsAmbiguous => "confusion::more_than_one_credential_is_400",

        Reason::TokenMissing => "confusion::no_token_is_401_with_a_challenge_that_names_no_error",
        Reason::TokenTooLarge => "bad_input::a_token_that_is_too_large_is_refused",
        Reason::TokenMalformed => "confusion::a_token_that_is_cut_is_401",
        Reason::HeaderMalformed
        | Reason::ClaimsMalformed
        | Reason::TypeNotAccepted
        | Reason::AlgorithmNotAccepted
        | Reason::CriticalHeader
        | Reason::IssuerUnknown
        | Reason::KeyUnsuitable
        | Reason::SignatureInvalid
        | Reason::TokenExpired
        | Reason::TokenNotYetValid
        | Reason::TokenIssuedInFuture
        | Reason::AudienceMismatch
        | Reason::SubjectInvalid
        | Reason::ClaimMismatch
        | Reason::BindingMismatch => BAD_TOKENS,
        Reason::IssuerNotAccepted | Reason::KeyAmbiguous | Reason::TokenTooOld | Reason::OriginNotAllowed => CORPUS,
        Reason::KeyUnknown => "keys::unknown_kid::a_kid_that_a_fetch_did_not_bring_is_401_and_fetched_for_once_in_an_interval",

        Reason::RouteUndeclared => "security_invariants::mistake_4_an_endpoint_without_declared_roles",
        Reason::RouteElsewhere => "clusters::what_envoy_would_send_elsewhere_is_refused_and_says_so",
        Reason::RoleMissing => "chain::every_row_opens_for_its_roles_and_for_nobody_else",

        Reason::KeysUnavailable => "keys::start::a_wait_ends_with_503_and_what_needs_no_key_does_not_wait",
        Reason::KeysStale => "keys::outages::the_last_good_keys_serve_through_every_fault_until_they_are_too_old_then_503",
        Reason::KeyNotYetFetched => "keys::unknown_kid::a_kid_that_no_fetch_may_look_for_yet_is_429_that_says_when",
        Reason::QueueFull => "keys::start::the_queue_is_bounded_and_its_end_is_503",
        Reason::HandoffFailed => "handoff_failed::what_cannot_be_handed_over_never_passes_in_shadow_mode_neither",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// All Rust code below.
    fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let of = |path: PathBuf| match path.extension().and_then(|it| it.to_str()) {
            None if path.is_dir() => sources(&path),
            Some("rs") => vec![(path.clone(), fs::read_to_string(&path).unwrap())],
            _ => Vec::new(),
        };
        entries.flat_map(of).collect()
    }

    #[test]
    fn the_table_of_reasons_is_current() {
        let text = fs::read_to_string(reasons()).unwrap();
        assert!(with_table(&text).as_ref() == Some(&text), "run `cargo xtask docs`");
    }

    #[test]
    fn every_reason_is_shown_by_a_test_that_names_it() {
        let mut sources = sources(&root().join("tests/e2e/tests/e2e"));
        sources.extend(self::sources(&root().join("filter/engine/tests")));
        let corpus = fs::read_to_string(root().join("tests/corpus/src/cases.yaml")).unwrap();
        for &reason in Reason::ALL {
            let (suite, name) = shown_by(reason).rsplit_once("::").unwrap();
            let file = suite.rsplit("::").next().unwrap();
            let of = |path: &Path| path.file_stem().is_some_and(|it| it == file);
            let found = sources
                .iter()
                .find(|(path, text)| of(path) && text.contains(&format!("fn {name}(")));
            let (_, text) = found.unwrap_or_else(|| panic!("{reason}: no test {suite}::{name}"));
            let listed = corpus.contains(&format!("expect: {reason} }}")) && file == "decisions";
            let variant = format!("Reason::{reason:?}");
            // Alice's 401 without a token is a word of the suites: `NO_TOKEN`
            let word = reason == Reason::TokenMissing && text.contains("NO_TOKEN");
            let quoted = [format!("\"{reason}\""), format!("\\\"{reason}\\\"")];
            let named = quoted.iter().any(|it| text.contains(it)) || text.contains(&variant);
            assert!(listed || word || named, "{suite}::{name} does not name {reason}");
        }
    }

    #[test]
    fn text_without_marks_has_no_table() {
        assert_eq!(with_table("nothing here"), None);
        let text = format!("a\n{BEGIN}former words\n{END}\nb");
        let written = with_table(&text).unwrap();
        assert!(
            written.starts_with("a\n")
                && written.ends_with("\nb")
                && !written.contains("former words")
        );
        assert_eq!(with_table(&written), Some(written));
    }
}

//! What must hold of a decision, whatever was asked.

use portcullis_engine::authorizer::{Authorizer, Decision, Permit, Verdict};
use portcullis_engine::clock::Clocks;
use portcullis_engine::request::Headers;
use portcullis_engine::request::Request;
use serde_json::Value;

use crate::fixture::{Fixture, Peer};
use crate::reference_verifier::ReferenceVerifier;

/// Whose tokens may pass.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tokens {
    /// Those of the corpus, byte for byte.
    Issued,
    /// Also such as the input itself had signed: the reference verifier alone judges them.
    Signed,
}

/// Decides a request, and panics if something passes that must not. Says whether a caller passes.
pub(crate) fn decide(
    fixture: &Fixture,
    authorizer: &mut Authorizer,
    headers: &[(String, Vec<u8>)],
    peer: &Peer,
    now: Clocks,
    tokens: Tokens,
) -> bool {
    let request = Request::new(Headers(headers));
    let verdict = authorizer.decide(&request, peer, now);
    match &verdict.decision {
        Decision::Refuse(reason) => {
            assert!(reason.terms().status >= 400 && verdict.trace.reason == Some(*reason));
            false
        }
        Decision::Wait(..) => panic!("the keys are inline"),
        Decision::Allow(permit) => {
            allowed(fixture, authorizer, headers, peer, now, &verdict, permit, tokens);
            permit.caller().is_some()
        }
    }
}

#[allow(clippy::too_many_arguments)] // all that there is to know
fn allowed(
    fixture: &Fixture,
    authorizer: &mut Authorizer,
    headers: &[(String, Vec<u8>)],
    peer: &Peer,
    now: Clocks,
    verdict: &Verdict,
    permit: &Permit,
    tokens: Tokens,
) {
    let policy = &fixture.policy;
    let service = verdict.trace.service.and_then(|id| policy.service(id)).expect("a service");
    let document = &fixture.document["services"][service.name()];
    let row = verdict.trace.row.and_then(|id| policy.row(id)).map(|(_, row)| row);
    let named = row.map(|row| format!("{} {}", row.method, row.template));
    let rows = document["routes"].as_array().expect("rows");
    let row = named.and_then(|named| rows.iter().find(|row| row["match"] == *named));
    if permit.shadow().is_some() {
        let modes =
            [row.map(|row| &row["mode"]), Some(&document["mode"]), Some(&fixture.document["mode"])];
        assert!(shadows(modes.into_iter().flatten(), now), "{modes:?}");
    }
    let request = Request::new(Headers(headers));
    let written = permit.headers(
        policy,
        (authorizer.assertions_mut(), Some(&fixture.key)),
        request.method,
        now,
    );
    let Ok(written) = written else {
        // the adapter refuses with `handoff-failed`: no assertion is for a method that is no text
        return assert!(request.method.is_empty() && permit.caller().is_some(), "no hand-off");
    };
    let clean = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
    assert!(written.iter().all(|(_, value)| clean(value)), "{written:?}");

    let Some(caller) = permit.caller() else {
        assert!(written.iter().next().is_none(), "an identity of nobody");
        let public = row.is_some_and(|row| row["public"] == true);
        assert!(public || verdict.trace.preflight || permit.shadow().is_some(), "nobody passes");
        return;
    };
    let provider = &*policy.provider(caller.provider).expect("a provider").name;
    let source = &fixture.document["providers"][provider]["token_source"];
    let token = carried(headers, source).expect("one token where the provider has its tokens");
    if tokens == Tokens::Issued {
        assert!(fixture.issued.contains(token), "nobody issued {}", token.escape_ascii());
    }
    // in shadow mode the caller is verified all the same
    let reference = ReferenceVerifier {
        policy: &fixture.document,
        service: service.name(),
        provider,
        subject: &caller.subject,
        roles: &caller.roles,
        now: now.wall.0,
        certificate: peer.0,
    };
    assert_eq!(reference.verify(token), Ok(()), "{}", token.escape_ascii());
    if permit.shadow().is_none() && !verdict.trace.preflight {
        assert!(
            row.is_some_and(|row| meets(row, &caller.roles)),
            "{:?} passes {row:?}",
            caller.roles
        );
    }
}

/// Whether the first mode that is written, the nearest one first, is a shadow mode that has not
/// ended.
pub(crate) fn shadows<'d>(modes: impl IntoIterator<Item = &'d Value>, now: Clocks) -> bool {
    let nearest = modes.into_iter().find(|mode| !mode.is_null());
    let until = nearest.and_then(|mode| mode["shadow"]["until"].as_str());
    let seconds = i64::try_from(now.wall.0).expect("a time of this millennium");
    let today = jiff::Timestamp::from_second(seconds).expect("a time of this millennium");
    // days are written so that texts are in order as days are
    until.is_some_and(|until| *until >= *today.strftime("%Y-%m-%d").to_string())
}

/// Whether the row's text lets a caller with these roles pass.
fn meets(row: &Value, roles: &[String]) -> bool {
    let has =
        |role: &Value| role.as_str().is_some_and(|role| roles.iter().any(|known| known == role));
    let any = row["roles"].as_array().is_none_or(|any| any.iter().any(has));
    let all = row["all_roles"].as_array().is_none_or(|all| all.iter().all(has));
    any && all
}

/// The one token at a place; `None` if there is none, or more than one.
fn carried<'h>(headers: &'h [(String, Vec<u8>)], source: &Value) -> Option<&'h [u8]> {
    let named = |name: &str| -> Vec<&'h [u8]> {
        headers
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.as_slice())
            .collect()
    };
    let mut found = if let Some(cookie) = source.get("cookie") {
        let name = format!("{}=", cookie["name"].as_str()?);
        let pairs = named("cookie").into_iter().flat_map(|value| value.split(|b| *b == b';'));
        let pairs = pairs.map(<[u8]>::trim_ascii);
        pairs.filter_map(|pair| pair.strip_prefix(name.as_bytes())).collect::<Vec<_>>()
    } else {
        let header = &source["header"];
        let values = named(header["name"].as_str().unwrap_or("authorization"));
        let prefix = header["prefix"].as_str();
        values.into_iter().map(|value| behind(value.trim_ascii(), prefix)).collect::<Option<_>>()?
    };
    let token = found.pop()?.trim_ascii();
    found.is_empty().then_some(token)
}

/// What follows a prefix, or the scheme in any case.
fn behind<'v>(value: &'v [u8], prefix: Option<&str>) -> Option<&'v [u8]> {
    match prefix {
        Some(prefix) => value.strip_prefix(prefix.as_bytes()),
        None => value
            .split_at_checked(6)
            .filter(|(it, _)| it.eq_ignore_ascii_case(b"bearer"))
            .map(|it| it.1),
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::fixture::{at, headers, with};

    /// Shows a token of the corpus to `/me`, a while after it was issued.
    fn passes(fixture: &Fixture, token: &str, seconds: i64) -> bool {
        let bearer = [("authorization".to_owned(), format!("Bearer {token}").into_bytes())];
        let headers = headers(b"GET", b"/me", b"main.example", bearer);
        decide(
            fixture,
            &mut fixture.authorizer(),
            &headers,
            &Peer(None),
            at(seconds),
            Tokens::Issued,
        )
    }

    #[test]
    fn the_oracle_sees_tokens_that_pass_and_stops_one_that_nobody_issued() {
        with(|fixture| {
            let passing = fixture.tokens.iter().filter(|token| passes(fixture, token, 0)).count();
            assert!(passing >= 50 && passing < fixture.tokens.len(), "{passing}");
        });
        let mut fixture = Fixture::new();
        fixture.issued.clear();
        let token = corpus::honest_token(crate::fixture::NOW);
        let stopped = catch_unwind(AssertUnwindSafe(|| passes(&fixture, &token, 0)));
        assert!(stopped.is_err(), "the oracle looks away");
    }

    #[test]
    fn the_reference_verifier_rejects_tokens_that_break_a_rule() {
        let document = corpus::policy();
        let verify = |changes: Value, subject: &str, seconds: u64| {
            let token =
                corpus::token(&serde_json::json!({ "claims": changes }), crate::fixture::NOW);
            let now = crate::fixture::NOW + seconds;
            let (service, provider, roles) = ("main", "main", &["customer".to_owned()][..]);
            let policy = &document;
            let reference = ReferenceVerifier {
                policy,
                service,
                provider,
                subject,
                roles,
                now,
                certificate: None,
            };
            reference.verify(token.as_bytes())
        };
        let none = || serde_json::json!({});
        assert_eq!(verify(none(), "alice", 0), Ok(()));
        assert_eq!(verify(none(), "mallory", 0), Err("another subject"));
        assert_eq!(verify(none(), "alice", 330), Err("it has ended"));
        for (changes, expected) in [
            (serde_json::json!({ "aud": "other" }), "another audience"),
            (serde_json::json!({ "typ": "ID" }), "a claim is missing"),
            (serde_json::json!({ "realm_access": {} }), "a role from nowhere"),
            (serde_json::json!({ "cnf": { "jkt": "x" } }), "bound to another"),
            (serde_json::json!({ "nbf": 31 }), "not yet"),
        ] {
            assert_eq!(verify(changes, "alice", 0), Err(expected));
        }
    }
}

//! The decision corpus, decided by the engine: natively, and as WebAssembly on
//! `wasm32-unknown-unknown`.
use std::rc::Rc;

use corpus::{Case, Expected};
use portcullis_engine::authorizer::{Authorizer, Decision, Verdict};
use portcullis_engine::clock::{Clocks, Monotonic, UnixTime};
use portcullis_engine::jose::signature::RUST_CRYPTO;
use portcullis_engine::policy::Policy;
use portcullis_engine::request::Headers;
use portcullis_engine::request::Request;
use portcullis_principal::SigningKey;

#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Any moment will do: the engine is told.
const NOW: u64 = 1_800_000_000;

fn authorizer() -> Authorizer {
    let policy = Policy::from_json(corpus::policy().to_string().as_bytes());
    Authorizer::new(Rc::new(policy.unwrap_or_else(|errors| panic!("{errors}"))), RUST_CRYPTO)
}

fn headers(case: &Case) -> Vec<(String, Vec<u8>)> {
    let sent = case.sent(NOW);
    let pseudo =
        [(":method", sent.method), (":path", sent.target), (":authority", case.host.clone())];
    let pseudo = pseudo.into_iter().map(|(name, value)| (name.to_owned(), value));
    pseudo.chain(sent.headers).map(|(name, value)| (name, value.into_bytes())).collect()
}

fn decide(authorizer: &mut Authorizer, case: &Case) -> Verdict {
    let headers = headers(case);
    let now = Clocks { wall: UnixTime(NOW), monotonic: Monotonic(1) };
    authorizer.decide(&Request::new(Headers(&headers)), &(), now)
}

/// What is wrong with the decision, if anything is.
fn wrong(authorizer: &mut Authorizer, case: &Case, verdict: &Verdict) -> Option<String> {
    let Verdict { decision, .. } = verdict;
    let told = match (decision, case.expected()) {
        (Decision::Refuse(reason), Expected::Refuse(expected)) => {
            return (reason.id() != expected)
                .then(|| format!("{}: {reason} instead of {expected}", case.name));
        }
        (Decision::Allow(permit), Expected::Allow) => {
            let policy = Rc::clone(authorizer.policy());
            let key =
                SigningKey::from_seed_base64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
                    .unwrap();
            let now = Clocks { wall: UnixTime(NOW), monotonic: Monotonic(1) };
            let headers = permit
                .headers(
                    &policy,
                    (authorizer.assertions_mut(), Some(&key)),
                    &case.sent(NOW).method,
                    now,
                )
                .unwrap();
            if permit.caller().is_none() {
                return headers
                    .iter()
                    .next()
                    .map(|_| format!("{}: an identity of nobody", case.name));
            }
            headers
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect::<Vec<_>>()
        }
        (decision, expected) => {
            return Some(format!("{}: {decision:?} instead of {expected:?}", case.name));
        }
    };
    let header =
        |name: &str| told.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let subject = header("x-auth-subject") == Some(case.subject.as_deref().unwrap_or("alice"));
    let roles = case.roles.as_ref().is_none_or(|roles| {
        let encode = |role: &String| role.replace(',', "%2C").replace(' ', "%20");
        header("x-auth-roles") == Some(&*roles.iter().map(encode).collect::<Vec<_>>().join(","))
    });
    let whole = subject && roles && header("x-auth-principal").is_some() == case.assertion;
    (!whole).then(|| format!("{}: the service is told {told:?}", case.name))
}

#[test]
fn every_case_of_the_corpus_is_decided_as_it_says() {
    let mut authorizer = authorizer();
    let cases = corpus::cases();
    assert!(cases.len() >= 300, "{}", cases.len());
    let decided = cases.iter().filter_map(|case| {
        let verdict = decide(&mut authorizer, case);
        wrong(&mut authorizer, case, &verdict)
    });
    assert_eq!(decided.collect::<Vec<_>>(), [""; 0]);
}

/// A hit of the cache spares parsing and signature, and changes no answer.
#[test]
fn the_second_time_every_answer_is_the_same() {
    let mut authorizer = authorizer();
    let mut wrongs = Vec::new();
    for case in &corpus::cases() {
        decide(&mut authorizer, case);
        let again = decide(&mut authorizer, case);
        wrongs.extend(wrong(&mut authorizer, case, &again));
        assert!(
            again.trace.authn.cached || again.trace.authn.caller.is_none(),
            "{}: what is good is cached",
            case.name
        );
    }
    assert_eq!(wrongs, [""; 0]);
}

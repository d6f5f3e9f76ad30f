//! The table of paths, decided by the engine: natively, and as WebAssembly on
//! `wasm32-unknown-unknown`.
use std::collections::HashSet;
use std::rc::Rc;

use corpus::{PathCase, Paths};
use portcullis_engine::authorizer::{Authorizer, Decision};
use portcullis_engine::authz::path::CanonicalPath;
use portcullis_engine::clock::{Clocks, Monotonic, UnixTime};
use portcullis_engine::jose::signature::RUST_CRYPTO;
use portcullis_engine::policy::Policy;
use portcullis_engine::request::Headers;
use portcullis_engine::request::Request;

#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Any moment will do: the engine is told.
const NOW: u64 = 1_800_000_000;

/// A gate for the table's rows, and a caller's headers.
struct Table {
    authorizer: Authorizer,
    token: String,
}

/// The row and the reason of a decision.
type Decided = (Option<String>, Option<&'static str>);

impl Table {
    fn of(paths: &Paths) -> Self {
        let policy = Policy::from_json(paths.policy().to_string().as_bytes());
        let policy = Rc::new(policy.unwrap_or_else(|errors| panic!("{errors}")));
        Self { authorizer: Authorizer::new(policy, RUST_CRYPTO), token: corpus::honest_token(NOW) }
    }

    fn decide(&mut self, method: &str, target: &[u8]) -> Decided {
        let bearer = format!("Bearer {}", self.token);
        let headers = [
            (":method", method.as_bytes()),
            (":path", target),
            (":authority", b"shop.example"),
            ("authorization", bearer.as_bytes()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_vec()));
        let now = Clocks { wall: UnixTime(NOW), monotonic: Monotonic(1) };
        let verdict = self.authorizer.decide(&Request::new(Headers(&headers)), &(), now);
        let row = verdict.trace.row.and_then(|id| self.authorizer.policy().row(id));
        let row = row.map(|(_, row)| row.template.to_string());
        match verdict.decision {
            Decision::Allow(_) => (row, None),
            Decision::Refuse(reason) => (row, Some(reason.id())),
            Decision::Wait(..) => panic!("the keys are inline"),
        }
    }
}

fn shown(case: &PathCase<'_>) -> String {
    case.target.escape_ascii().to_string()
}

#[test]
fn every_path_of_the_table_is_decided_by_its_row_or_refused_for_its_reason() {
    let paths = Paths::load();
    let mut table = Table::of(&paths);
    let cases: Vec<_> = paths.cases().collect();
    assert!(cases.len() >= 150, "{}", cases.len());
    let wrong = |case: &PathCase<'_>| {
        let (row, reason) = table.decide("GET", &case.target);
        let expected = (case.outcome.row(), case.outcome.reason());
        ((row.as_deref(), reason) != expected)
            .then(|| format!("{}: {row:?}, {reason:?} instead of {expected:?}", shown(case)))
    };
    assert_eq!(cases.iter().filter_map(wrong).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn the_table_has_every_row_every_reason_and_no_path_twice() {
    let paths = Paths::load();
    let targets: HashSet<_> = paths.cases().map(|case| case.target).collect();
    assert_eq!(targets.len(), paths.cases().count());
    let rows: HashSet<_> = paths.cases().filter_map(|case| case.outcome.row()).collect();
    assert_eq!(rows, paths.templates().collect());
    let reasons: HashSet<_> = paths.cases().filter_map(|case| case.outcome.reason()).collect();
    assert_eq!(reasons, ["path-ambiguous", "route-undeclared", "role-missing"].into());
}

/// `HEAD` is decided as the `GET` that it is; any other method of a known path is undeclared, in
/// whatever case.
#[test]
fn a_head_is_decided_as_a_get_and_no_other_method_is() {
    let paths = Paths::load();
    let mut table = Table::of(&paths);
    for case in paths.cases() {
        let get = table.decide("GET", &case.target);
        assert_eq!(table.decide("HEAD", &case.target), get, "{}", shown(&case));
        for method in ["POST", "OPTIONS", "CONNECT", "TRACE", "get", "Get", "head", "GET ", ""] {
            let undeclared = match get.1 {
                Some("path-ambiguous") => "path-ambiguous",
                _ => "route-undeclared",
            };
            let decided = table.decide(method, &case.target);
            assert_eq!(decided, (None, Some(undeclared)), "{method} {}", shown(&case));
        }
    }
}

/// The decision uses the bytes that the service gets: of no other spelling of a path that passes.
#[test]
fn a_path_that_passes_is_kept_byte_for_byte() {
    for case in Paths::load().cases().filter(|case| case.outcome.row().is_some()) {
        let path = CanonicalPath::parse(&case.target).expect("canonical");
        let cut = case.target.split(|byte| *byte == b'?').next().expect("a path");
        assert_eq!(path.as_str().as_bytes(), cut, "{}", shown(&case));
    }
}

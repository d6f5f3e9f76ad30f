//! A request target, against a table of many rows.

use std::rc::Rc;

use corpus::Paths;
use portcullis_engine::authz::path::CanonicalPath;
use portcullis_engine::policy::{Found, Policy, Row};

use crate::fixture::load;

/// The row that decides must be the most specific one that matches, and what is ambiguous is no path.
pub fn path(input: &[u8]) {
    thread_local! {
        static POLICY: Rc<Policy> = load(&Paths::load().policy());
    }
    let Ok(path) = CanonicalPath::parse(input) else { return };
    let text = path.as_str();
    unambiguous(text, input);
    POLICY.with(|policy| {
        let service = &policy.services()[0];
        let best = service.rows().iter().filter_map(|row| Some((kinds(row, text)?, row.id))).min();
        match service.find("GET", path) {
            Found::Row(row) => assert_eq!(Some(row.id), best.map(|(_, id)| id), "{text}"),
            Found::PathKnown => panic!("every row is for GET"),
            // another spelling of it would lead elsewhere
            Found::Nothing => assert!(best.is_none() || text.contains('%'), "{text}"),
        }
        assert!(!matches!(service.find("POST", path), Found::Row(_)), "{text}");
    });
}

/// As the design says it, with none of the parser's code.
fn unambiguous(text: &str, input: &[u8]) {
    assert!(input.starts_with(text.as_bytes()) && matches!(input.get(text.len()), None | Some(b'?')));
    assert!(text.starts_with('/') && text.is_ascii() && !text.contains("//"), "{text}");
    assert!(!text.contains(|c: char| c.is_ascii_control() || " \\;#?\"<>^`{|}".contains(c)), "{text}");
    assert!(!text.split('/').any(|segment| [".", ".."].contains(&segment)), "{text}");
    for escape in text.split('%').skip(1) {
        let byte = escape.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let byte = byte.expect("two hexadecimal digits");
        let harmless =
            !byte.is_ascii_control() && !byte.is_ascii_alphanumeric() && !b"-._~/\\%?#;".contains(&byte);
        assert!(harmless, "{text}");
    }
}

/// How specific the row is for a path: for each segment, 0 is a literal, 1 any one, 2 all that is left; `None`: no match.
fn kinds(row: &Row, path: &str) -> Option<Vec<u8>> {
    let mut kinds = Vec::new();
    let mut segments = path.split('/');
    for part in row.template.as_str().split('/') {
        if part.starts_with("{*") {
            let rest = segments.collect::<Vec<_>>().join("/");
            kinds.push(2);
            return (!rest.is_empty()).then_some(kinds);
        }
        let segment = segments.next()?;
        let any = part.starts_with('{');
        kinds.push(u8::from(any));
        if any && segment.is_empty() || !any && part != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(kinds)
}

//! A token: as it came, or header and claims that an honest key signs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use crate::fixture::{self, Peer, at, headers};
use crate::oracle::{self, Tokens};

/// Hosts whose services accept different providers.
const HOSTS: [&str; 4] = ["main.example", "reports.example", "partners.example", "trial.example"];

/// The first byte says how the rest is read, and where the request goes.
pub fn token(input: &[u8]) {
    let Some((&how, rest)) = input.split_first() else { return };
    let parts = || rest.splitn(3, |b| *b == b'\n').chain([&[][..], &[], &[]]);
    let (token, tokens) = match how % 3 {
        0 => (rest.to_vec(), Tokens::Issued),
        1 => {
            let mut parts = parts();
            let (header, payload) =
                (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            (corpus::signed("EdDSA", header, payload).into_bytes(), Tokens::Signed)
        }
        _ => {
            let mut parts = parts();
            let mut part = || parts.next().unwrap_or_default();
            (joined([part(), part(), part()]).into_bytes(), Tokens::Issued)
        }
    };
    let host = HOSTS[usize::from(how / 3) % HOSTS.len()];
    let bearer = [b"Bearer ", &*token].concat();
    let headers = headers(b"GET", b"/me", host.as_bytes(), [("authorization".to_owned(), bearer)]);
    fixture::with(|fixture| {
        let mut authorizer = fixture.authorizer();
        // the second time from the cache, the third time too late for most
        for seconds in [0, 1, 1_000] {
            oracle::decide(fixture, &mut authorizer, &headers, &Peer(None), at(seconds), tokens);
        }
    });
}

/// A token of these parts.
pub(crate) fn joined(parts: [&[u8]; 3]) -> String {
    parts.map(|part| BASE64URL.encode(part)).join(".")
}

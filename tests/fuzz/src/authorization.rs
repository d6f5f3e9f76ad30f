//! Values of `Authorization`, one a line.

use crate::fixture::{self, Peer, at, headers};
use crate::oracle::{self, Tokens};

/// At most eight: more are as ambiguous as two.
pub fn authorization(input: &[u8]) {
    let values = input.split(|b| *b == b'\n').take(8);
    let values = values.map(|value| ("authorization".to_owned(), value.to_vec()));
    let headers = headers(b"GET", b"/me", b"main.example", values);
    fixture::with(|fixture| {
        oracle::decide(
            fixture,
            &mut fixture.authorizer(),
            &headers,
            &Peer(None),
            at(0),
            Tokens::Issued,
        );
    });
}

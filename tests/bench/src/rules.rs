//! What a gateway is to enforce, told to every variant alike: whose tokens are good, and who may
//! call what.
use hyper::Method;
use serde_json::{Value, json};

use crate::tokens::{Algorithm, Key};

/// An issuer of tokens and its keys.
pub(crate) struct Provider {
    /// Its number, as text.
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) keys: Vec<Key>,
}

impl Provider {
    /// The provider `number` with a key for each of `algorithms`.
    pub(crate) fn new(number: usize, algorithms: &[Algorithm]) -> Self {
        Self {
            name: format!("p{number}"),
            issuer: format!("https://idp.example/{number}"),
            keys: algorithms.iter().map(|algorithm| Key::of(*algorithm, number)).collect(),
        }
    }

    /// Its JWKS (RFC 7517).
    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().map(Key::jwk).collect::<Vec<_>>() })
    }

    /// Its key for `algorithm`, which it was made with.
    pub(crate) fn key(&self, algorithm: Algorithm) -> &Key {
        let mut keys = self.keys.iter();
        keys.find(|key| key.algorithm == algorithm)
            .expect("a provider is made with the keys that are used")
    }
}

/// One endpoint, which the role [`ROLE`](crate::tokens::ROLE) may call.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The host of its service.
    pub(crate) host: String,
    pub(crate) method: Method,
    /// Its path, where `{id}` stands for one segment.
    pub(crate) template: String,
}

impl Row {
    /// A path that it covers.
    pub(crate) fn path(&self) -> String {
        self.template.replace("{id}", "4711")
    }
}

/// Rows of one host, which is a service of its own.
const ROWS_OF_A_HOST: usize = 100;

/// A role table of `count` rows: resources with the four endpoints of a collection each, a hundred
/// rows a host.
pub(crate) fn table(count: usize) -> Vec<Row> {
    let row = |number: usize| {
        let (resource, endpoint) = (number / 4, number % 4);
        let (method, rest) = match endpoint {
            0 => (Method::GET, ""),
            1 => (Method::POST, ""),
            2 => (Method::GET, "/{id}"),
            _ => (Method::DELETE, "/{id}"),
        };
        let host = format!("shop-{}.example", number / ROWS_OF_A_HOST);
        Row { host, method, template: format!("/resource-{resource}{rest}") }
    };
    (0..count).map(row).collect()
}

/// What a gateway is to enforce.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) providers: &'a [Provider],
    pub(crate) table: &'a [Row],
}

impl Rules<'_> {
    /// The rows of each host.
    pub(crate) fn by_host(&self) -> impl Iterator<Item = &[Row]> {
        self.table.chunk_by(|one, next| one.host == next.host)
    }
}

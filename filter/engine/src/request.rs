//! A request as the engine sees it: method, target, authority and headers, borrowed from what the
//! host gave. Nothing is decoded, lower-cased or copied.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::clock::Monotonic;
use crate::reason::Reason;

/// All headers of a request, names in lower case, in the order of arrival.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a>(pub &'a [(String, Vec<u8>)]);

impl<'a> Headers<'a> {
    /// The value of the first header of that name.
    pub fn first(self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The values of all headers of that name.
    pub fn all(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// The value of the only header of that name.
    pub fn only(self, name: &str) -> Option<&'a [u8]> {
        self.sole(name).ok().flatten()
    }

    /// The value of the header of that name, if there is one.
    ///
    /// # Errors
    /// [`Reason::CredentialsAmbiguous`] if there are several.
    pub(crate) fn sole(self, name: &str) -> Result<Option<&'a [u8]>, Reason> {
        let mut all = self.all(name);
        let value = all.next();
        if all.next().is_some() { Err(Reason::CredentialsAmbiguous) } else { Ok(value) }
    }
}

/// A token source's place in [`Policy::sources`](crate::model::Policy::sources).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// Where a token is looked for. Never the query (RFC 6750 5.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TokenSource {
    /// `Authorization: Bearer` (RFC 6750 2.1).
    Bearer,
    /// A named header, in lower case, whose value starts with `prefix` (may be empty).
    Header {
        /// Lower-case header name.
        name: Box<str>,
        /// What stands before the token, compared exactly.
        prefix: Box<str>,
    },
    /// A cookie with the `__Host-` prefix; unsafe methods, QUERY and upgrades need one of
    /// `origins`.
    Cookie {
        /// The cookie's name, `__Host-` included.
        name: Box<str>,
        /// Serialised origins (RFC 6454 6.2) that may send unsafe methods and QUERY.
        origins: Box<[Box<str>]>,
    },
}

impl TokenSource {
    /// The header that carries the token, in lower case.
    pub fn header(&self) -> &str {
        match self {
            Self::Bearer => "authorization",
            Self::Header { name, .. } => name,
            Self::Cookie { .. } => "cookie",
        }
    }
}

/// What a decision may look at besides the clock.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, compared exactly (RFC 9110 9.1). Empty if it is not UTF-8: no row has an empty
    /// method.
    pub method: &'a str,
    /// The target as received, query included.
    pub target: &'a [u8],
    /// Host and optional port. Empty if there is none.
    pub authority: &'a [u8],
    /// All headers, pseudo-headers included, in the order of arrival.
    pub headers: Headers<'a>,
    /// When it arrived, if it has waited for keys; `None`: now.
    pub arrived: Option<Monotonic>,
}

impl<'a> Request<'a> {
    /// Reads the pseudo-headers (RFC 9113 8.3.1), which Envoy makes for HTTP/1.1 too.
    pub fn new(headers: Headers<'a>) -> Self {
        let (mut method, mut target, mut authority) = (None, None, None);
        for (name, value) in headers.0 {
            let first = match &**name {
                ":method" => &mut method,
                ":path" => &mut target,
                ":authority" => &mut authority,
                _ => continue,
            };
            first.get_or_insert(&**value);
        }
        Self {
            method: std::str::from_utf8(method.unwrap_or_default()).unwrap_or_default(),
            target: target.unwrap_or_default(),
            authority: authority.unwrap_or_default(),
            headers,
            arrived: None,
        }
    }

    /// Whether the client speaks gRPC: it reads a refusal from `grpc-status`, not from the HTTP
    /// status. No wider than the host's own idea of it: a gRPC reply to what the host takes for
    /// plain HTTP would be a 200.
    pub fn is_grpc(&self) -> bool {
        let is_type = |value: &[u8]| {
            value
                .strip_prefix(b"application/grpc")
                .is_some_and(|rest| matches!(rest.first(), None | Some(b'+')))
        };
        // a CONNECT has no target
        !self.target.is_empty() && self.headers.first("content-type").is_some_and(is_type)
    }
}

/// What only the connection knows, asked for only when the policy or the token needs it.
pub trait Connection {
    /// SHA-256 of the client's certificate in DER, if the connection proved one (RFC 8705 3.1,
    /// `x5t#S256`).
    fn peer_certificate_sha256(&self) -> Option<[u8; 32]>;
    /// The cluster that Envoy's own route would send the request to.
    fn cluster(&self) -> Option<Vec<u8>>;
}

/// A connection without a certificate and without a route.
impl Connection for () {
    fn peer_certificate_sha256(&self) -> Option<[u8; 32]> {
        None
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        None
    }
}

/// A text as a header's value: what is not visible ASCII, and `%` and `,`, is percent-encoded (RFC
/// 3986 2.1), so that no text can end a header, begin another, or become two list members.
pub fn header_value(text: &str) -> Cow<'_, str> {
    let stays = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'%' | b',');
    if text.bytes().all(stays) {
        return Cow::Borrowed(text);
    }
    let mut value = String::with_capacity(text.len());
    for byte in text.bytes() {
        if stays(byte) {
            value.push(char::from(byte));
        } else {
            // writing to a String cannot fail
            let _ = write!(value, "%{byte:02X}");
        }
    }
    Cow::Owned(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_grpc_by_its_exact_content_type() {
        for (target, content_type, expected) in [
            ("/shop.v1.Orders/Get", Some("application/grpc"), true),
            ("/shop.v1.Orders/Get", Some("application/grpc+proto"), true),
            ("/shop.v1.Orders/Get", Some("application/grpc;x=y"), false),
            ("/shop.v1.Orders/Get", Some("application/grpc-web"), false),
            ("/shop.v1.Orders/Get", Some("application/grpc, text/plain"), false),
            ("/shop.v1.Orders/Get", Some("Application/grpc"), false),
            ("/shop.v1.Orders/Get", Some("application/json"), false),
            ("/shop.v1.Orders/Get", None, false),
            ("", Some("application/grpc"), false),
        ] {
            let headers = [(":path", Some(target)), ("content-type", content_type)];
            let headers = headers
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
            let headers: Vec<(String, Vec<u8>)> = headers.collect();
            assert_eq!(
                Request::new(Headers(&headers)).is_grpc(),
                expected,
                "{target} {content_type:?}"
            );
        }
    }

    #[test]
    fn no_text_can_end_a_header() {
        assert_eq!(header_value("a\r\nx-auth-roles: admin"), "a%0D%0Ax-auth-roles:%20admin");
        assert_eq!(
            header_value("https://idp.example/realms/shop"),
            "https://idp.example/realms/shop"
        );
    }
}

//! What a client is told when a request ends: one exhaustive match from [`Reason`] to status,
//! challenge and rule, and the reply that is made of them. A new reason does not compile until it
//! has its line here.
//!
//! Bodies are RFC 9457 problem documents, challenges follow RFC 6750 3. Nothing of a token, a claim
//! or an error of ours is ever in a reply: only the reason's id and its fixed words.

use crate::reason::Reason;
use crate::request::Headers;

/// Which question a reason answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// The request itself cannot be read in one way only.
    Request,
    /// 1: who is this client?
    Authentication,
    /// 2: may this client call this endpoint at all?
    RoleTable,
    /// The look-ups of unknown key ids are limited: no fault of ours, and no answer to the question
    /// who this is.
    LookupLimit,
    /// Something is wrong on our side.
    Internal,
}

impl Level {
    /// For logs: `0` is before level 1, and `-` is ours.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Authentication => "authentication",
            Self::RoleTable => "role-table",
            Self::LookupLimit => "lookup-limit",
            Self::Internal => "ours",
        }
    }
}

/// The `error` of a challenge (RFC 6750 3.1), or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// No `WWW-Authenticate` at all: credentials would not help.
    None,
    /// `realm` only: the request lacked any authentication information (RFC 6750 3, last
    /// paragraph).
    Realm,
    /// `error="invalid_request"`
    InvalidRequest,
    /// `error="invalid_token"`
    InvalidToken,
    /// `error="insufficient_scope"`
    InsufficientScope,
}

impl Challenge {
    /// The `error` attribute, if the challenge has one.
    pub const fn error(self) -> Option<&'static str> {
        match self {
            Self::None | Self::Realm => None,
            Self::InvalidRequest => Some("invalid_request"),
            Self::InvalidToken => Some("invalid_token"),
            Self::InsufficientScope => Some("insufficient_scope"),
        }
    }

    /// The value of `WWW-Authenticate`, if there is one. `realm` is the service's name.
    pub(crate) fn header(self, realm: &str) -> Option<String> {
        match (self, self.error()) {
            (Self::None, _) => None,
            (_, None) => Some(["Bearer realm=\"", realm, "\""].concat()),
            (_, Some(error)) => {
                Some(["Bearer realm=\"", realm, "\", error=\"", error, "\""].concat())
            }
        }
    }
}

/// Status, challenge and the rule behind a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// HTTP status.
    pub status: u16,
    /// The challenge.
    pub challenge: Challenge,
    /// The level that refused.
    pub level: Level,
    /// The standard that asks for it.
    pub rule: &'static str,
}

const fn terms(status: u16, challenge: Challenge, level: Level, rule: &'static str) -> Terms {
    Terms { status, challenge, level, rule }
}

impl Reason {
    /// Status, challenge and rule. The only place that knows them.
    #[rustfmt::skip] // one reason a line reads as the table that it is
    #[allow(clippy::match_same_arms)] // likewise
    pub const fn terms(self) -> Terms {
        use Challenge::{InsufficientScope, InvalidRequest, InvalidToken, None, Realm};
        use Level::{Authentication, LookupLimit, Internal, Request, RoleTable};
        match self {
            Self::PathAmbiguous => terms(400, None, Request, "RFC 9110 7.1, RFC 3986 6.2.2"),
            Self::CredentialsAmbiguous => terms(400, InvalidRequest, Request, "RFC 6750 2, 3.1"),

            Self::TokenMissing => terms(401, Realm, Authentication, "RFC 6750 3"),
            Self::TokenTooLarge => terms(401, InvalidToken, Authentication, "RFC 6750 3.1"),
            Self::TokenMalformed => terms(401, InvalidToken, Authentication, "RFC 7515 3.1, 5.2"),
            Self::HeaderMalformed => terms(401, InvalidToken, Authentication, "RFC 7515 4, 5.2"),
            Self::ClaimsMalformed => terms(401, InvalidToken, Authentication, "RFC 7519 4, 7.2"),
            Self::TypeNotAccepted => terms(401, InvalidToken, Authentication, "RFC 7515 4.1.9, RFC 8725 3.11"),
            Self::AlgorithmNotAccepted => terms(401, InvalidToken, Authentication, "RFC 8725 3.1"),
            Self::CriticalHeader => terms(401, InvalidToken, Authentication, "RFC 7515 4.1.11, RFC 7797 6"),
            Self::IssuerUnknown => terms(401, InvalidToken, Authentication, "RFC 7519 4.1.1, RFC 8725 3.8"),
            Self::IssuerNotAccepted => terms(401, InvalidToken, Authentication, "RFC 8725 3.8"),
            Self::KeyUnknown => terms(401, InvalidToken, Authentication, "RFC 7515 4.1.4"),
            Self::KeyAmbiguous => terms(401, InvalidToken, Authentication, "RFC 7515 4.1.4"),
            Self::KeyUnsuitable => terms(401, InvalidToken, Authentication, "RFC 7517 4.2-4.4, RFC 8725 3.5"),
            Self::SignatureInvalid => terms(401, InvalidToken, Authentication, "RFC 7515 5.2"),
            Self::TokenExpired => terms(401, InvalidToken, Authentication, "RFC 7519 4.1.4"),
            Self::TokenNotYetValid => terms(401, InvalidToken, Authentication, "RFC 7519 4.1.5"),
            Self::TokenIssuedInFuture => terms(401, InvalidToken, Authentication, "RFC 7519 4.1.6"),
            Self::TokenTooOld => terms(401, InvalidToken, Authentication, "RFC 7519 4.1.6"),
            Self::AudienceMismatch => terms(401, InvalidToken, Authentication, "RFC 7519 4.1.3, RFC 8725 3.9"),
            Self::SubjectInvalid => terms(401, InvalidToken, Authentication, "RFC 7519 4.1.2"),
            Self::ClaimMismatch => terms(401, InvalidToken, Authentication, "RFC 8725 3.12"),
            Self::BindingMismatch => terms(401, InvalidToken, Authentication, "RFC 7800 3, RFC 8705 3"),

            Self::OriginNotAllowed => terms(403, None, Request, "RFC 6454 7"),
            Self::RouteUndeclared => terms(403, InsufficientScope, RoleTable, "RFC 6750 3.1"),
            Self::RouteElsewhere => terms(403, None, RoleTable, "RFC 9110 15.5.4"),
            Self::RoleMissing => terms(403, InsufficientScope, RoleTable, "RFC 6750 3.1"),

            Self::KeyNotYetFetched => terms(429, None, LookupLimit, "RFC 6585 4"),

            Self::KeysUnavailable => terms(503, None, Internal, "RFC 9110 15.6.4"),
            Self::KeysStale => terms(503, None, Internal, "RFC 9110 15.6.4"),
            Self::QueueFull => terms(503, None, Internal, "RFC 9110 15.6.4"),
            Self::HandoffFailed => terms(500, None, Internal, "RFC 9110 15.6.1"),
        }
    }
}

/// `grpc-status` of a refusal of a gRPC request: 16 `UNAUTHENTICATED`, 7 `PERMISSION_DENIED` or 14
/// `UNAVAILABLE`, so that a client's retry rules do the right thing with each.
pub const fn grpc_status(reason: Reason) -> u8 {
    match reason {
        Reason::CredentialsAmbiguous => 16,
        Reason::PathAmbiguous => 7,
        _ => match reason.terms().status {
            401 => 16,
            429 | 500..=599 => 14,
            _ => 7,
        },
    }
}

/// A reply, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `WWW-Authenticate`, if any.
    pub challenge: Option<String>,
    /// `Retry-After` in seconds, if any.
    pub retry_after: Option<String>,
    /// The problem document; its content type is [`PROBLEM_JSON`].
    pub body: String,
}

impl Reply {
    /// The headers besides the status. A gRPC reply has no body, so it has no headers about one.
    pub fn headers<'a>(
        &'a self,
        request_id: &'a str,
        is_grpc: bool,
    ) -> Vec<(&'static str, &'a str)> {
        let mut headers = Vec::with_capacity(5);
        headers.push((REQUEST_ID, request_id));
        headers.extend(self.challenge.as_deref().map(|value| ("www-authenticate", value)));
        headers.extend(self.retry_after.as_deref().map(|value| ("retry-after", value)));
        if !is_grpc {
            headers.extend([("content-type", PROBLEM_JSON), ("cache-control", "no-store")]);
        }
        headers
    }
}

/// Names a request in the log, in the reply and in its problem document, so that a refusal can be
/// traced.
pub const REQUEST_ID: &str = "x-request-id";
/// Of a request id, in bytes.
const MAX_REQUEST_ID: usize = 128;

/// The request's id, if there is exactly one, of a form that needs no escape in a log, a header or
/// JSON.
pub fn request_id(headers: Headers<'_>) -> Option<&str> {
    let id = std::str::from_utf8(headers.only(REQUEST_ID)?).ok()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:=+/".contains(&byte);
    ((1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(is_plain)).then_some(id)
}

/// RFC 9457 3.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The problem documents of a policy up to the request's id, written once for all requests: a flood
/// is made of refusals.
#[derive(Clone, Debug)]
pub struct Problems(Vec<String>);

impl Problems {
    /// `base`: the policy's base of problem types (an absolute URI).
    pub fn new(base: Option<&str>) -> Self {
        Self(Reason::ALL.iter().map(|reason| problem(*reason, base)).collect())
    }

    /// The reply to `reason`. `realm` is the service's name, `id` the request's id. A 429 and a 503
    /// always say when to come back; `retry_after` is 1 s where nothing better is known.
    pub fn reply(&self, reason: Reason, realm: &str, id: &str, retry_after: Option<u32>) -> Reply {
        let terms = reason.terms();
        let document = self.0.get(reason as usize).map_or("", String::as_str);
        Reply {
            status: terms.status,
            challenge: terms.challenge.header(realm),
            retry_after: matches!(terms.status, 429 | 503)
                .then(|| retry_after.unwrap_or(1).max(1).to_string()),
            body: [document, id, r#""}"#].concat(),
        }
    }
}

/// All parts are fixed words or come from the policy, which refuses what would need escaping in
/// JSON.
fn problem(reason: Reason, base: Option<&str>) -> String {
    let id = reason.id();
    let (base, slug) = base.map_or(("about:blank", ""), |base| (base, id));
    let (status, title) = match reason.terms().status {
        400 => ("400", "Bad Request"),
        401 => ("401", "Unauthorized"),
        403 => ("403", "Forbidden"),
        429 => ("429", "Too Many Requests"),
        503 => ("503", "Service Unavailable"),
        _ => ("500", "Internal Server Error"),
    };
    [
        r#"{"type":""#,
        base,
        slug,
        r#"","title":""#,
        title,
        r#"","status":"#,
        status,
        r#","reason":""#,
        id,
        r#"","detail":""#,
        reason.when().trim(),
        r#"","request_id":""#,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_id() {
        let ids: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|r| r.id()).collect();
        assert_eq!(ids.len(), Reason::ALL.len());
        assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
    }

    #[test]
    fn a_401_always_carries_a_challenge_and_a_403_never_says_invalid_token() {
        for &reason in Reason::ALL {
            let terms = reason.terms();
            match terms.status {
                401 => assert_ne!(terms.challenge, Challenge::None, "{reason}"),
                403 => assert_ne!(terms.challenge, Challenge::InvalidToken, "{reason}"),
                400 | 429 | 500 | 503 => {}
                other => panic!("{reason} has the unexpected status {other}"),
            }
            assert_eq!(terms.level == Level::Authentication, terms.status == 401, "{reason}");
        }
    }

    #[test]
    fn a_missing_token_is_challenged_with_a_realm_and_no_error() {
        let problems = Problems::new(None);
        let reply = problems.reply(Reason::TokenMissing, "shop", "r-1", None);
        assert_eq!(reply.challenge.as_deref(), Some("Bearer realm=\"shop\""));
    }

    #[test]
    fn every_body_is_a_problem_document_with_the_reason_as_a_member() {
        for &reason in Reason::ALL {
            for base in [None, Some("https://errors.example/portcullis#")] {
                let problems = Problems::new(base);
                let body: serde_json::Value =
                    serde_json::from_str(&problems.reply(reason, "shop", "r-1", None).body)
                        .unwrap();
                assert_eq!(body["reason"], reason.id());
                assert_eq!(body["request_id"], "r-1");
                assert_eq!(body["status"], reason.terms().status);
                let id = base.map_or("about:blank".to_owned(), |b| format!("{b}{reason}"));
                assert_eq!(body["type"], id);
            }
        }
    }

    #[test]
    fn what_is_wrong_on_our_side_says_when_to_come_back_and_is_never_a_401() {
        let problems = Problems::new(None);
        for &reason in Reason::ALL.iter().filter(|r| r.terms().level == Level::Internal) {
            assert!(reason.terms().status >= 500);
            assert_eq!(
                problems.reply(reason, "shop", "r-1", None).retry_after.is_some(),
                reason.terms().status == 503
            );
        }
        // anybody can send unknown key ids: it must not look like a fault
        let limited = problems.reply(Reason::KeyNotYetFetched, "shop", "r-1", Some(29));
        assert_eq!(limited.headers("r-1", true), [(REQUEST_ID, "r-1"), ("retry-after", "29")]);
        assert_eq!(limited.status, 429);
    }

    #[test]
    fn a_request_id_that_could_be_read_as_more_than_an_id_is_none() {
        let long = "x".repeat(MAX_REQUEST_ID + 1);
        for (sent, expected) in [
            (&["0b8f3c3e-5a5e-4b0e-9d7f-7d3f7e6d1c2a"][..], true),
            (&["Root=1-67891233-abcdef012345678912345678"], true),
            (&[&long[1..]], true),
            (&[&long], false),
            (&[], false),
            (&[""], false),
            (&["a", "b"], false),
            (&["a,b"], false),
            (&["a b"], false),
            (&["a\"b"], false),
            (&["a\\b"], false),
            (&["a\u{e9}"], false),
        ] {
            let headers: Vec<_> =
                sent.iter().map(|id| (REQUEST_ID.to_owned(), id.as_bytes().to_vec())).collect();
            assert_eq!(request_id(Headers(&headers)).is_some(), expected, "{sent:?}");
        }
    }

    #[test]
    fn grpc_clients_read_unauthenticated_denied_or_unavailable() {
        for &reason in Reason::ALL {
            assert!(matches!(grpc_status(reason), 16 | 7 | 14), "{reason}");
        }
        assert_eq!(grpc_status(Reason::TokenExpired), 16);
        assert_eq!(grpc_status(Reason::RoleMissing), 7);
        assert_eq!(grpc_status(Reason::KeysStale), 14);
        assert_eq!(grpc_status(Reason::KeyNotYetFetched), 14);
    }
}

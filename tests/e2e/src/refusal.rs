//! Refusals of levels 1 and 2, as clients see them.
use crate::Answer;

/// What a refusal must look like.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The member `reason` of the problem document.
    pub reason: &'static str,
    /// `WWW-Authenticate`.
    pub challenge: Option<&'static str>,
    /// Whether it says when to come back.
    pub retry_after: bool,
}

/// No token: a challenge that names no error (RFC 6750 3).
pub const NO_TOKEN: Refusal = Refusal {
    status: 401,
    reason: "token-missing",
    challenge: Some(r#"Bearer realm="shop""#),
    retry_after: false,
};

/// A token that is not good.
pub const fn invalid_token(reason: &'static str) -> Refusal {
    let challenge = Some(r#"Bearer realm="shop", error="invalid_token""#);
    Refusal { status: 401, reason, challenge, retry_after: false }
}

/// A good token that does not open this endpoint.
pub const fn insufficient_scope(reason: &'static str) -> Refusal {
    let challenge = Some(r#"Bearer realm="shop", error="insufficient_scope""#);
    Refusal { status: 403, reason, challenge, retry_after: false }
}

/// More than one credential, or none that could be one.
pub const fn invalid_request(reason: &'static str) -> Refusal {
    let challenge = Some(r#"Bearer realm="shop", error="invalid_request""#);
    Refusal { status: 400, reason, challenge, retry_after: false }
}

/// Something is wrong on our side: never a 401.
pub const fn unavailable(reason: &'static str) -> Refusal {
    Refusal { status: 503, reason, challenge: None, retry_after: true }
}

/// No fetch may look for the token's key id yet: neither a fault nor a 401.
pub const KEY_NOT_YET_FETCHED: Refusal =
    Refusal { status: 429, reason: "key-not-yet-fetched", challenge: None, retry_after: true };

impl Refusal {
    /// Asserts that `answer` is this refusal.
    #[track_caller]
    pub fn must_be(self, answer: Answer) -> Answer {
        let answer = answer.is_problem(self.status, self.reason);
        assert_eq!(answer.header("www-authenticate"), self.challenge, "{answer}");
        assert_eq!(answer.header("retry-after").is_some(), self.retry_after, "{answer}");
        let id = answer.header("x-request-id").unwrap_or_default();
        assert!(!id.is_empty() && answer.body["request_id"] == id, "it can be traced: {answer}");
        answer
    }
}

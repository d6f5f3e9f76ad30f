//! A case: who asks for what, and what becomes of it.

use serde::Deserialize;

use crate::token::TokenChanges;

/// What stands for the token in a header.
pub const TOKEN: &str = "{token}";

/// One case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it is about.
    pub name: String,
    /// `METHOD target`; `GET /me` if unsaid.
    #[serde(default = "me")]
    request: String,
    /// The host; `main.example` if unsaid.
    #[serde(default = "host")]
    pub host: String,
    /// No token: absent. `{}`: the honest one.
    token: Option<TokenChanges>,
    /// The headers that carry it, `{token}` standing for it; `authorization: Bearer {token}` if
    /// unsaid.
    headers: Option<Vec<(String, String)>>,
    /// `allow`, or the id of a reason.
    expect: String,
    /// The subject that the service is told, where that is not Alice.
    pub subject: Option<String>,
    /// The roles that the service is told, where those are not Alice's.
    pub roles: Option<Vec<String>>,
    /// Whether the service gets an assertion with the identity; it does if unsaid.
    #[serde(default = "yes")]
    pub assertion: bool,
}

/// What is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected<'c> {
    /// The request passes.
    Allow,
    /// It ends for this reason.
    Refuse(&'c str),
}

/// A case as it is sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Besides the pseudo-headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

const fn yes() -> bool {
    true
}

fn me() -> String {
    "GET /me".to_owned()
}

fn host() -> String {
    "main.example".to_owned()
}

impl Case {
    /// What is expected.
    pub fn expected(&self) -> Expected<'_> {
        match self.expect.as_str() {
            "allow" => Expected::Allow,
            reason => Expected::Refuse(reason),
        }
    }

    /// Its token, at `now`, if it has one.
    pub fn token(&self, now: u64) -> Option<String> {
        self.token.as_ref().map(|changes| changes.token(now))
    }

    /// The request, at `now`.
    pub fn sent(&self, now: u64) -> Sent {
        let (method, target) = self.request.split_once(' ').expect("a method and a target");
        let token = self.token(now).unwrap_or_default();
        let headers = self.headers();
        let headers =
            headers.into_iter().map(|(name, value)| (name, value.replace(TOKEN, &token))).collect();
        Sent { method: method.to_owned(), target: target.to_owned(), headers }
    }

    /// The headers that carry its token, [`TOKEN`] standing for it.
    pub fn carriers(&self) -> Vec<(String, String)> {
        let mut headers = self.headers();
        headers.retain(|(_, value)| value.contains(TOKEN));
        headers
    }

    fn headers(&self) -> Vec<(String, String)> {
        let usual = || vec![("authorization".to_owned(), format!("Bearer {TOKEN}"))];
        let headers = self.headers.clone();
        headers.unwrap_or_else(|| if self.token.is_some() { usual() } else { vec![] })
    }
}

/// All cases.
pub fn cases() -> Vec<Case> {
    serde_saphyr::from_str(include_str!("cases.yaml")).expect("cases.yaml")
}

//! Who may call what, by meaning: the table of one policy, and the difference of two.
//!
//! Paths are taken in classes that no template of either policy tells apart (`classes`), callers in sets of what a token
//! must say at least (`voices`); what a row admits is asked of the engine (`door`).

pub mod classes;
mod compare;
pub mod difference;
mod door;
pub mod hosts;
pub mod matrix;
mod terms;
mod voices;
pub mod witness;

use std::borrow::Cow;
use std::collections::BTreeSet;

use portcullis_engine::policy::{Provider, Service};

pub use compare::difference;
pub use difference::{Change, Difference, Direction, Endpoint, When, Who};
pub use terms::Term;
pub use voices::Sign;

/// A role among others on a line: in quotes where it could be read as several, or as another word that stands there.
pub fn told(role: &str) -> Cow<'_, str> {
    const WORDS: [&str; 4] = ["anyone", "authenticated", "public", "in"];
    let plain = |c: char| !c.is_whitespace() && !matches!(c, '&' | '|' | ',' | '(' | ')' | '"' | '→');
    if !role.is_empty() && role.chars().all(plain) && !WORDS.contains(&role) {
        Cow::Borrowed(role)
    } else {
        Cow::Owned(format!("{role:?}"))
    }
}

/// Whom the tokens of a provider must be for, so that a service listens: one of these.
pub fn audiences(provider: &Provider, service: &Service) -> BTreeSet<String> {
    let own = provider.audiences.iter().map(AsRef::as_ref);
    let heard =
        |audience: &&str| service.audiences().is_none_or(|of| of.iter().any(|one| **one == **audience));
    own.filter(heard).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn a_role_that_could_be_read_as_several_or_as_another_word_is_in_quotes() {
        for role in ["customer", "scope:orders.read", "/projects/1", "käufer", "partner-admin", "a&#x", "*"]
        {
            let quoted = told(role).starts_with('"');
            assert_eq!(quoted, role.contains('&'), "{role}");
        }
        for role in
            ["a & b", "a | b", "a, b", "a  b", "a b", " a", "a (of idp)", "a,b", "anyone", "public", ""]
        {
            assert_eq!(told(role), format!("\"{role}\""));
        }
        assert_eq!(told("a\" & \"b"), r#""a\" & \"b""#);
    }
}

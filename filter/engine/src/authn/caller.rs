//! The verified client, and its role set.

use std::borrow::Cow;
use std::ops::Deref;
use std::rc::Rc;

use super::claims::VerifiedClaims;
use crate::authz::roles::{RoleBits, Roles};
use crate::clock::UnixTime;
use crate::model::{Policy, Provider, ProviderId};
use crate::request::header_value;

/// A verified client: who it is, and its roles. Cached with its token.
#[derive(Debug)]
pub struct Caller {
    /// Unique among the callers of one authorizer, also among those with the same subject.
    pub(crate) number: u64,
    /// The provider that issued the token.
    pub provider: ProviderId,
    /// The subject, unique within the issuer only.
    pub subject: Box<str>,
    /// The plain list of roles.
    pub roles: Rc<RoleSet>,
    pub(crate) token_id: Option<Box<str>>,
    /// The token's `exp`.
    pub(crate) expires: UnixTime,
    /// The value of the subject header, if it differs from the subject.
    pub(crate) subject_header: Option<Box<str>>,
}

impl Caller {
    /// The caller of these claims. `number` must be unique.
    pub(crate) fn new(
        policy: &Policy,
        (id, provider): (ProviderId, &Provider),
        claims: VerifiedClaims<'_>,
        expires: UnixTime,
        number: u64,
        role_sets: &mut RoleSetCache,
    ) -> Self {
        let subject_header = match header_value(claims.subject()) {
            Cow::Borrowed(_) => None,
            Cow::Owned(encoded) => Some(encoded.into()),
        };
        let roles = role_sets.share(policy, &claims.roles(&provider.roles));
        let (subject, token_id) = claims.into_names();
        Self { number, provider: id, subject, roles, token_id, expires, subject_header }
    }

    /// Approximate number of bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        let of = |text: &Option<Box<str>>| text.as_ref().map_or(0, |it| it.len());
        self.subject.len() + of(&self.subject_header) + self.roles.bytes() + of(&self.token_id)
    }
}

/// Maximum number of cached role sets.
const MAX_ROLE_SETS: usize = 32;

/// A caller's roles, in each form that a request needs. Callers with the same roles share it: most
/// tokens of a provider carry one of a few role sets, and a worker caches thousands of tokens.
#[derive(Debug)]
pub struct RoleSet {
    names: Box<[String]>,
    /// The roles that rows name.
    pub(crate) bits: RoleBits,
    /// The value of the roles header.
    pub(crate) header: Box<str>,
}

/// The last role sets, each once.
#[derive(Debug, Default)]
pub(crate) struct RoleSetCache(Vec<Rc<RoleSet>>);

impl RoleSetCache {
    /// Returns the cached role set with the same roles in the same order, or a new one.
    pub(crate) fn share(&mut self, policy: &Policy, roles: &Roles<'_>) -> Rc<RoleSet> {
        let same = |known: &&Rc<RoleSet>| known.names.iter().map(String::as_str).eq(roles.iter());
        if let Some(known) = self.0.iter().find(same) {
            return Rc::clone(known);
        }
        if self.0.len() == MAX_ROLE_SETS {
            self.0.remove(0);
        }
        let role_set = Rc::new(RoleSet {
            names: roles.iter().map(str::to_owned).collect(),
            bits: policy.role_bits(roles),
            header: roles_header(roles.iter()).into(),
        });
        self.0.push(Rc::clone(&role_set));
        role_set
    }
}

impl RoleSet {
    /// Approximate number of bytes on the heap, as if it were not shared.
    fn bytes(&self) -> usize {
        self.header.len() + self.names.iter().map(|role| role.len() + 24).sum::<usize>()
    }
}

impl Deref for RoleSet {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.names
    }
}

/// Joins roles by commas; each is escaped, so that a comma in a role separates nothing.
fn roles_header<'r>(roles: impl Iterator<Item = &'r str>) -> String {
    roles.map(header_value).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_with_a_comma_a_space_or_non_ascii_stays_one_role_in_the_header() {
        let roles = ["admin,customer", "a b", "käufer", "100%", "plain"];
        assert_eq!(
            roles_header(roles.into_iter()),
            "admin%2Ccustomer,a%20b,k%C3%A4ufer,100%25,plain"
        );
    }
}

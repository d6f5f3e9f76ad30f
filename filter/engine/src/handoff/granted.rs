//! A caller's roles in every form that a request asks for: made once, and shared by the callers that have the same. Most
//! tokens of a provider carry one of a few sets of roles, and a worker keeps thousands of tokens.

use std::ops::Deref;
use std::rc::Rc;

use super::roles_header;
use crate::authz::requirement::RoleBits;
use crate::authz::roles::Roles;
use crate::policy::Policy;

/// How many sets are looked through for one that is the same.
const LATELY: usize = 32;

/// A caller's roles: a list of names.
#[derive(Debug)]
pub struct Granted {
    names: Box<[String]>,
    /// Those of the roles that some row names.
    pub(crate) bits: RoleBits,
    /// As the header has them.
    pub(super) header: Box<str>,
}

/// The sets that were granted lately, each once.
#[derive(Debug, Default)]
pub(crate) struct GrantedLately(Vec<Rc<Granted>>);

impl GrantedLately {
    /// These roles; the very ones of an earlier caller, if one of the last few had the same in the same order.
    pub(crate) fn share(&mut self, policy: &Policy, roles: &Roles<'_>) -> Rc<Granted> {
        let same = |known: &&Rc<Granted>| known.names.iter().map(String::as_str).eq(roles.iter());
        if let Some(known) = self.0.iter().find(same) {
            return Rc::clone(known);
        }
        if self.0.len() == LATELY {
            self.0.remove(0);
        }
        let granted = Rc::new(Granted {
            names: roles.iter().map(str::to_owned).collect(),
            bits: policy.role_bits(roles),
            header: roles_header(roles.iter()).into(),
        });
        self.0.push(Rc::clone(&granted));
        granted
    }
}

impl Granted {
    /// Bytes on the heap, about: as if nobody shared them.
    pub(super) fn bytes(&self) -> usize {
        self.header.len() + self.names.iter().map(|role| role.len() + 24).sum::<usize>()
    }
}

impl Deref for Granted {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.names
    }
}

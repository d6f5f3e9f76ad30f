//! What a row asks of its caller, as tests of single bits.

use hashbrown::HashMap;

/// A role's place among the roles that the rows of one policy name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleId(u32);

/// What a row asks of its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// Nothing: anyone, without a token.
    Public,
    /// A good token.
    Authenticated,
    /// A good token, and roles.
    Roles {
        /// One of these is enough; empty if only `all` counts.
        any: Box<[RoleId]>,
        /// Every one of these is needed.
        all: Box<[RoleId]>,
    },
}

/// The roles of a caller that some row names: all that a requirement can ask about.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RoleBits(Box<[u64]>);

/// Every role that some row names. Any other cannot change a decision.
#[derive(Clone, Debug, Default)]
pub struct RoleNames {
    names: Vec<Box<str>>,
    ids: HashMap<Box<str>, RoleId>,
}

impl Requirement {
    /// Whether a caller without a token may pass.
    pub const fn is_public(&self) -> bool {
        matches!(self, Self::Public)
    }

    /// Whether a caller whose token is good, and who has these roles, may pass.
    pub fn met(&self, roles: &RoleBits) -> bool {
        match self {
            Self::Public | Self::Authenticated => true,
            Self::Roles { any, all } => {
                let any_met = any.is_empty() && !all.is_empty() || any.iter().any(|role| roles.has(*role));
                any_met && all.iter().all(|role| roles.has(*role))
            }
        }
    }
}

impl RoleBits {
    /// Whether the role is among them.
    pub fn has(&self, role: RoleId) -> bool {
        self.0.get(role.0 as usize / 64).is_some_and(|word| word >> (role.0 % 64) & 1 == 1)
    }
}

impl RoleNames {
    /// The id of a role that a row names.
    pub(crate) fn intern(&mut self, name: &str) -> RoleId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = RoleId(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name.into());
        self.ids.insert(name.into(), id);
        id
    }

    /// The role's name.
    pub fn name(&self, role: RoleId) -> &str {
        self.names.get(role.0 as usize).map_or("", |name| name)
    }

    /// Every name.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    /// The bits of these roles; what no row names has none.
    pub fn bits<'a>(&self, roles: impl IntoIterator<Item = &'a str>) -> RoleBits {
        let mut words = vec![0_u64; self.names.len().div_ceil(64)].into_boxed_slice();
        for RoleId(id) in roles.into_iter().filter_map(|role| self.ids.get(role)) {
            if let Some(word) = words.get_mut(*id as usize / 64) {
                *word |= 1 << (id % 64);
            }
        }
        RoleBits(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_all_and_both_are_what_they_say() {
        let mut names = RoleNames::default();
        // more than one word of bits
        for n in 0..70 {
            names.intern(&format!("filler-{n}"));
        }
        let mut ids = |list: &[&str]| list.iter().map(|name| names.intern(name)).collect::<Box<[_]>>();
        let any = Requirement::Roles { any: ids(&["a", "b"]), all: ids(&[]) };
        let all = Requirement::Roles { any: ids(&[]), all: ids(&["c", "d"]) };
        let both = Requirement::Roles { any: ids(&["a", "b"]), all: ids(&["c"]) };
        for (roles, expected) in [
            (&[][..], [false, false, false]),
            (&["a"], [true, false, false]),
            (&["b", "c"], [true, false, true]),
            (&["c"], [false, false, false]),
            (&["c", "d"], [false, true, false]),
            (&["a", "b", "c", "d"], [true, true, true]),
            (&["A", "a,b", "unknown"], [false, false, false]),
        ] {
            let bits = names.bits(roles.iter().copied());
            assert_eq!([&any, &all, &both].map(|r| r.met(&bits)), expected, "{roles:?}");
            assert!(Requirement::Authenticated.met(&bits));
            // the policy makes no such requirement; if it did, nobody would pass
            assert!(!Requirement::Roles { any: Box::default(), all: Box::default() }.met(&bits));
        }
    }
}

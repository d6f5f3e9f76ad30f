//! How a provider's claims become a plain list of roles. From here on a role is a whole string: one
//! with a comma, a space or a letter beyond ASCII stays one role.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::jose::json::ClaimPath;
use crate::jose::json::Json;

/// Roles that a caller can have; what is beyond is dropped, which can only take rights away.
pub const MAX_ROLES: usize = 256;
/// Bytes of a role, prefixes included; a longer one is dropped, never cut.
pub const MAX_ROLE_BYTES: usize = 256;
/// Hardly any caller has more roles: for those the list grows.
const MOSTLY: usize = 16;

/// The rules of one provider.
#[derive(Clone, Debug, Default)]
pub struct RoleRules {
    /// The claims that hold roles; they are united.
    pub sources: Box<[RoleSource]>,
    /// Renames a role, its source's prefix included.
    pub names: BTreeMap<Box<str>, Box<str>>,
    /// Stands before every role of this provider; put there last, so that renaming cannot escape
    /// it.
    pub prefix: Box<str>,
}

/// A claim that holds roles: a string, or a list of strings. Anything else holds none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSource {
    /// Where it stands.
    pub path: ClaimPath,
    /// A string holds several roles, separated by spaces (RFC 6749 3.3).
    pub split: bool,
    /// Read only if every other source is absent or empty.
    pub fallback: bool,
    /// Stands before every role of this source.
    pub prefix: Box<str>,
    /// The roles that it can yield, as the role table names them, sorted; `None`: any.
    pub only: Option<Box<[Box<str>]>>,
}

impl RoleSource {
    /// Whether it can yield this role of the role table.
    pub fn yields(&self, role: &str) -> bool {
        self.only
            .as_ref()
            .is_none_or(|only| only.binary_search_by(|known| (**known).cmp(role)).is_ok())
    }
}

/// The roles of a caller: sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles<'a> {
    names: Vec<Cow<'a, str>>,
    dropped: usize,
}

impl Roles<'_> {
    /// The roles, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    /// How many were dropped: not printable, too long, or too many.
    pub const fn dropped(&self) -> usize {
        self.dropped
    }
}

impl RoleRules {
    /// `claim` finds the value at a path.
    pub(crate) fn collect<'a>(
        &'a self,
        claim: impl Fn(&[Box<str>]) -> Option<&'a Json<'a>>,
    ) -> Roles<'a> {
        let mut collector =
            Collector { rules: self, names: Vec::with_capacity(MOSTLY), dropped: 0 };
        let mut anything = false;
        for source in self.sources.iter().filter(|source| !source.fallback) {
            if let Some(value) = claim(&source.path) {
                // a value that cannot be read is no reason to fall back to something weaker
                anything |= !is_empty(value);
                collector.read(source, value);
            }
        }
        if !anything {
            for source in self.sources.iter().filter(|source| source.fallback) {
                if let Some(value) = claim(&source.path) {
                    collector.read(source, value);
                }
            }
        }
        Roles { names: collector.names, dropped: collector.dropped }
    }

    /// What a role of `source` is called in the role table.
    pub fn rename<'r>(&'r self, source: &RoleSource, role: &'r str) -> Cow<'r, str> {
        let from_source = prefixed(&source.prefix, role.into());
        let renamed = match self.names.get(&*from_source) {
            Some(name) => Cow::Borrowed(&**name),
            None => from_source,
        };
        prefixed(&self.prefix, renamed)
    }
}

fn prefixed<'r>(prefix: &str, role: Cow<'r, str>) -> Cow<'r, str> {
    if prefix.is_empty() { role } else { Cow::Owned([prefix, &role].concat()) }
}

fn is_empty(value: &Json<'_>) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        _ => false,
    }
}

struct Collector<'a> {
    rules: &'a RoleRules,
    /// Sorted, each once.
    names: Vec<Cow<'a, str>>,
    dropped: usize,
}

impl<'a> Collector<'a> {
    fn read(&mut self, source: &RoleSource, value: &'a Json<'_>) {
        match value {
            Json::String(text) => self.text(source, text),
            Json::Array(items) => {
                items.iter().filter_map(Json::as_str).for_each(|text| self.text(source, text));
            }
            _ => {}
        }
    }

    fn text(&mut self, source: &RoleSource, text: &'a str) {
        if source.split {
            text.split_ascii_whitespace().for_each(|role| self.role(source, role));
        } else if !text.is_empty() {
            self.role(source, text);
        }
    }

    fn role(&mut self, source: &RoleSource, role: &'a str) {
        let name = self.rules.rename(source, role);
        if !source.yields(&name) {
            return;
        }
        if name.len() > MAX_ROLE_BYTES
            || name.chars().any(char::is_control)
            || self.names.len() == MAX_ROLES
        {
            self.dropped += 1;
        } else if let Err(place) = self.names.binary_search_by(|known| (**known).cmp(&name)) {
            self.names.insert(place, name);
        }
    }
}

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
    pub fn is_satisfied_by(&self, roles: &RoleBits) -> bool {
        match self {
            Self::Public | Self::Authenticated => true,
            Self::Roles { any, all } => {
                let any_met =
                    any.is_empty() && !all.is_empty() || any.iter().any(|role| roles.has(*role));
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
    use serde_json::{Value, json};

    use super::*;

    fn source(path: &[&str]) -> RoleSource {
        let path = path.iter().map(|name| Box::from(*name)).collect();
        RoleSource { path, split: false, fallback: false, prefix: "".into(), only: None }
    }

    fn roles(rules: &RoleRules, claims: &Value) -> Vec<String> {
        of(rules, claims).0
    }

    /// The roles, and how many were dropped.
    fn of(rules: &RoleRules, claims: &Value) -> (Vec<String>, usize) {
        let text = claims.to_string();
        let object = crate::jose::json::Object::parse(text.as_bytes(), 1024).unwrap();
        let found = rules.collect(|path| object.at(path));
        (found.iter().map(str::to_owned).collect(), found.dropped())
    }

    fn keycloak() -> RoleRules {
        let fallback = RoleSource { split: true, fallback: true, ..source(&["scope"]) };
        let sources = [source(&["realm_access", "roles"]), source(&["groups"]), fallback];
        RoleRules { sources: sources.into(), ..RoleRules::default() }
    }

    #[test]
    fn sources_are_united_and_the_scopes_count_only_if_nothing_else_does() {
        for (claims, expected) in [
            (json!({}), &[][..]),
            (json!({"realm_access": {"roles": ["b", "a", "b"]}, "scope": "x y"}), &["a", "b"]),
            (json!({"realm_access": {"roles": ["b"]}, "groups": "a b"}), &["a b", "b"]),
            (json!({"scope": "x  y"}), &["x", "y"]),
            (json!({"realm_access": {"roles": []}, "groups": null, "scope": "x"}), &["x"]),
            (json!({"groups": "", "scope": ["x y", "z"]}), &["x", "y", "z"]),
            // something is there that cannot be read: no fallback
            (json!({"groups": 7, "scope": "x"}), &[]),
            (json!({"realm_access": {"roles": [null]}, "scope": "x"}), &[]),
            (json!({"realm_access": {"roles": {"admin": true}}, "scope": "x"}), &[]),
        ] {
            assert_eq!(roles(&keycloak(), &claims), expected, "{claims}");
        }
    }

    #[test]
    fn what_is_not_a_string_gives_no_role() {
        for value in [
            json!(true),
            json!(1),
            json!({"admin": "admin"}),
            json!([["admin"], {"a": "admin"}, 1, true, null]),
        ] {
            assert!(roles(&keycloak(), &json!({ "groups": value })).is_empty(), "{value}");
        }
    }

    #[test]
    fn a_claim_path_is_literal_so_a_name_may_hold_dots() {
        let rules = RoleRules {
            sources: [source(&["https://shop.example/roles"])].into(),
            ..RoleRules::default()
        };
        assert_eq!(roles(&rules, &json!({"https://shop.example/roles": ["admin"]})), ["admin"]);
        assert!(roles(&rules, &json!({"https://shop": {"example/roles": ["admin"]}})).is_empty());
    }

    #[test]
    fn a_role_with_a_comma_a_space_or_a_letter_beyond_ascii_is_one_role() {
        let odd = ["a b", "a,b", "a, b", "Prüfer", "a;b", "\"a\""];
        let mut expected = odd.to_vec();
        expected.sort_unstable();
        assert_eq!(roles(&keycloak(), &json!({ "groups": odd })), expected);
    }

    #[test]
    fn a_prefix_is_put_last_so_that_no_partner_can_be_renamed_into_your_admin() {
        let rules = RoleRules {
            sources: [
                source(&["groups"]),
                RoleSource { prefix: "scope:".into(), ..source(&["scope"]) },
            ]
            .into(),
            names: [("ROLE_ADMIN".into(), "admin".into()), ("scope:admin".into(), "half".into())]
                .into(),
            prefix: "partner:".into(),
        };
        let claims =
            json!({"groups": ["ROLE_ADMIN", "admin", "x"], "scope": ["admin", "ROLE_ADMIN"]});
        assert_eq!(
            roles(&rules, &claims),
            ["partner:admin", "partner:half", "partner:scope:ROLE_ADMIN", "partner:x"]
        );
    }

    #[test]
    fn a_source_yields_only_the_roles_that_it_names_after_prefixes_and_renaming() {
        let only = |roles: &[&str]| Some(roles.iter().map(|role| Box::from(*role)).collect());
        let fallback = RoleSource {
            split: true,
            fallback: true,
            only: only(&["p:customer", "p:scope:read"]),
            prefix: "scope:".into(),
            ..source(&["scope"])
        };
        let rules = RoleRules {
            sources: [
                RoleSource { only: only(&["p:admin", "p:customer"]), ..source(&["roles"]) },
                fallback,
            ]
            .into(),
            names: [("ROLE_ADMIN".into(), "admin".into()), ("scope:buy".into(), "customer".into())]
                .into(),
            prefix: "p:".into(),
        };
        for (claims, expected) in [
            (
                json!({"roles": ["ROLE_ADMIN", "customer", "seller", "p:admin"]}),
                &["p:admin", "p:customer"][..],
            ),
            (
                json!({"scope": "openid admin buy read p:admin p:customer"}),
                &["p:customer", "p:scope:read"],
            ),
            // what a source cannot yield is still there: no fallback
            (json!({"roles": ["seller"], "scope": "buy"}), &[]),
            (json!({"scope": "customer"}), &[]),
        ] {
            assert_eq!(roles(&rules, &claims), expected, "{claims}");
        }
    }

    #[test]
    fn roles_beyond_the_limits_are_dropped_and_counted() {
        let names: Vec<_> = (0..300).map(|n| format!("r{n:03}")).collect();
        let many = of(&keycloak(), &json!({ "groups": names }));
        assert_eq!((&many.0[..], many.1), (&names[..MAX_ROLES], 300 - MAX_ROLES));

        let long = json!({ "groups": ["a".repeat(256), "b".repeat(257), "tab\there", "line\nend", "nul\0"] });
        let kept = of(&keycloak(), &long);
        assert_eq!((&kept.0[..], kept.1), (&["a".repeat(256)][..], 4));
    }

    #[test]
    fn any_all_and_both_are_what_they_say() {
        let mut names = RoleNames::default();
        // more than one word of bits
        for n in 0..70 {
            names.intern(&format!("filler-{n}"));
        }
        let mut ids =
            |list: &[&str]| list.iter().map(|name| names.intern(name)).collect::<Box<[_]>>();
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
            assert_eq!(
                [&any, &all, &both].map(|r| r.is_satisfied_by(&bits)),
                expected,
                "{roles:?}"
            );
            assert!(Requirement::Authenticated.is_satisfied_by(&bits));
            // the policy makes no such requirement; if it did, nobody would pass
            assert!(
                !Requirement::Roles { any: Box::default(), all: Box::default() }
                    .is_satisfied_by(&bits)
            );
        }
    }
}

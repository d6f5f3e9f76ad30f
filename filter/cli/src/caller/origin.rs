//! The way back from a role of the table to what a token must say.

use portcullis_engine::authz::roles::{MAX_ROLE_BYTES, RoleRules, RoleSource};

/// What yields a role: a text in a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Where the claim stands, and how it is read.
    pub source: &'a RoleSource,
    /// What it says.
    pub text: String,
}

/// Everything that yields a role by these rules; none if nothing can.
pub fn origins<'a>(rules: &'a RoleRules, role: &str) -> Vec<Origin<'a>> {
    let Some(bare) = role.strip_prefix(&*rules.prefix).filter(|_| role.len() <= MAX_ROLE_BYTES) else {
        return Vec::new();
    };
    let renamed = rules.names.iter().filter(|(_, to)| ***to == *bare).map(|(from, _)| &**from);
    let names: Vec<&str> = renamed.chain([bare]).collect();
    let mut origins = Vec::new();
    for source in &rules.sources {
        for name in &names {
            let Some(text) = name.strip_prefix(&*source.prefix).filter(|text| !text.is_empty()) else {
                continue;
            };
            let splits = source.split && text.contains(|c: char| c.is_ascii_whitespace());
            // the rules themselves have the last word
            if !splits && source.yields(role) && rules.rename(source, text) == role {
                let origin = Origin { source, text: text.to_owned() };
                if !origins.contains(&origin) {
                    origins.push(origin);
                }
            }
        }
    }
    origins
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, split: bool, prefix: &str) -> RoleSource {
        RoleSource { path: [path.into()].into(), split, fallback: false, prefix: prefix.into(), only: None }
    }

    fn texts(rules: &RoleRules, role: &str) -> Vec<String> {
        origins(rules, role).iter().map(|it| format!("{} {}", it.source.path[0], it.text)).collect()
    }

    #[test]
    fn a_role_comes_from_what_renaming_and_prefixes_make_of_it() {
        let rules = RoleRules {
            sources: [source("roles", false, ""), source("scope", true, "scope:")].into(),
            names: [("ROLE_ADMIN".into(), "admin".into()), ("scope:all".into(), "admin".into())].into(),
            prefix: "partner:".into(),
        };
        assert_eq!(
            texts(&rules, "partner:admin"),
            ["roles ROLE_ADMIN", "roles scope:all", "roles admin", "scope all"]
        );
        assert_eq!(texts(&rules, "partner:scope:read"), ["roles scope:read", "scope read"]);
        // renamed away, without the prefix, and what a split would cut
        assert!(texts(&rules, "partner:ROLE_ADMIN").is_empty());
        assert!(texts(&rules, "admin").is_empty());
        assert_eq!(texts(&rules, "partner:scope:read all"), ["roles scope:read all"]);
        assert!(texts(&RoleRules::default(), "admin").is_empty());

        let only =
            RoleSource { only: Some(["partner:admin".into()].into()), ..source("scope", true, "scope:") };
        let rules = RoleRules { sources: [only].into(), ..rules };
        assert_eq!(texts(&rules, "partner:admin"), ["scope all"]);
        assert!(texts(&rules, "partner:scope:read").is_empty());
    }
}

//! What callers can say of themselves: for each issuer, the texts in claims that make a difference,
//! and the roles that either policy reads from them. Where both read the same, a text is told by
//! its role.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_engine::authz::roles::{RoleRules, RoleSource};
use portcullis_engine::clock::Clocks;
use portcullis_engine::policy::{ClaimPath, Provider};
use serde::Serialize;
use serde_json::json;

use crate::simulate::caller::{Claims, Stage, of_roles, origins, put};

/// What a caller's token says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// A role, however the token says it.
    Role(String),
    /// A text in a claim, where the two policies read it differently.
    Text {
        /// The claim's path, joined by dots.
        claim: String,
        /// The text.
        text: String,
    },
}

/// Callers of one issuer.
#[derive(Debug)]
pub(super) struct CallerClass {
    /// The issuer.
    pub(super) issuer: String,
    /// What it is called, in the new policy if it is there.
    pub(super) name: String,
    /// What they can say.
    pub(super) signs: Vec<Sign>,
    /// The roles that each sign gives, in the old and the new policy.
    pub(super) gives: [Vec<BTreeSet<String>>; 2],
    /// The claims that hold roles of whatever kind, if that makes a difference: a fallback is read
    /// only where others are empty.
    pub(super) claims: Option<Vec<String>>,
    /// The claims that each sign stands in, likewise.
    pub(super) stands: Vec<usize>,
}

/// A role that no table names.
const FILLER: &str = "role of no table";
/// More claims than any provider has; beyond it not every combination is looked at.
const MANY: usize = 5;

/// The voices of all issuers of two policies.
pub(super) fn caller_classes(old: &mut Stage, new: &mut Stage, now: Clocks) -> Vec<CallerClass> {
    let issuers: BTreeSet<String> = [&old.policy, &new.policy]
        .iter()
        .flat_map(|policy| policy.providers().iter().map(|provider| provider.issuer.to_string()))
        .collect();
    issuers.into_iter().flat_map(|issuer| voices_of(&issuer, old, new, now)).collect()
}

fn voices_of(issuer: &str, old: &mut Stage, new: &mut Stage, now: Clocks) -> Vec<CallerClass> {
    let provider = |stage: &Stage| {
        let id = stage.policy.provider_of_issuer(issuer)?;
        stage.policy.provider(id).cloned()
    };
    let of = [provider(old), provider(new)];
    let name = of
        .iter()
        .rev()
        .flatten()
        .next()
        .map_or_else(String::new, |provider| provider.name.to_string());
    let alike = match &of {
        [Some(old), Some(new)] => same(&old.roles, &new.roles),
        _ => false,
    };
    let one_sided = of.iter().any(Option::is_none);
    if alike || one_sided {
        let roles = yieldable(&of, [old, new]);
        let gives = of.each_ref().map(|provider| {
            let given = |role: &String| provider.iter().map(|_| role.clone()).collect();
            roles.iter().map(given).collect()
        });
        let stands = vec![0; roles.len()];
        let signs = roles.into_iter().map(Sign::Role).collect();
        return vec![CallerClass {
            issuer: issuer.to_owned(),
            name,
            signs,
            gives,
            claims: None,
            stands,
        }];
    }
    let rules: Vec<_> = of.iter().flatten().map(|provider| &provider.roles).collect();
    let mut paths: Vec<ClaimPath> = rules
        .iter()
        .flat_map(|rules| rules.sources.iter().map(|source| source.path.clone()))
        .collect();
    paths.sort();
    paths.dedup();
    let texts = texts(&of, [old, new], &paths);
    let fallback = rules.iter().any(|rules| rules.sources.iter().any(|source| source.fallback));
    let whole = (0..paths.len()).collect::<Vec<_>>();
    let sets = if fallback && paths.len() <= MANY { subsets(paths.len()) } else { vec![whole] };
    sets.into_iter()
        .map(|present| {
            let told = |stage: &mut Stage| {
                texts
                    .iter()
                    .map(|(at, text)| read(stage, issuer, &paths, &present, (*at, text), now))
                    .collect()
            };
            let inside: Vec<_> = texts.iter().map(|(at, _)| present.contains(at)).collect();
            let gives: [Vec<BTreeSet<String>>; 2] = [told(old), told(new)];
            let keep = |list: Vec<BTreeSet<String>>| {
                list.into_iter()
                    .zip(&inside)
                    .filter(|(_, inside)| **inside)
                    .map(|(roles, _)| roles)
                    .collect()
            };
            let said: Vec<_> = texts.iter().filter(|(at, _)| present.contains(at)).collect();
            CallerClass {
                issuer: issuer.to_owned(),
                name: name.clone(),
                signs: said
                    .iter()
                    .map(|(at, text)| Sign::Text {
                        claim: paths[*at].join("."),
                        text: text.clone(),
                    })
                    .collect(),
                gives: gives.map(keep),
                claims: fallback.then(|| present.iter().map(|at| paths[*at].join(".")).collect()),
                stands: said.iter().map(|(at, _)| *at).collect(),
            }
        })
        .collect()
}

/// The roles that one text gives, among fillers in the claims that are present.
fn read(
    stage: &mut Stage,
    issuer: &str,
    paths: &[ClaimPath],
    present: &[usize],
    (at, text): (usize, &str),
    now: Clocks,
) -> BTreeSet<String> {
    let provider = stage.policy.provider_of_issuer(issuer).and_then(|id| stage.policy.provider(id));
    let Some(provider) = provider.map(|provider| provider.name.to_string()) else {
        return BTreeSet::new();
    };
    let mut claims = Claims::new();
    for index in present {
        let list = if *index == at { json!([FILLER, text]) } else { json!([FILLER]) };
        put(&mut claims, &paths[*index], list);
    }
    let named: BTreeSet<String> = stage.policy.role_names().iter().map(str::to_owned).collect();
    stage.roles(&provider, claims, now).into_iter().filter(|role| named.contains(role)).collect()
}

/// What makes a difference, and the claim that it stands in.
fn texts(
    of: &[Option<Provider>; 2],
    stages: [&Stage; 2],
    paths: &[ClaimPath],
) -> Vec<(usize, String)> {
    let mut texts = BTreeSet::new();
    for (provider, stage) in of.iter().zip(stages) {
        let Some(provider) = provider else { continue };
        for role in stage.policy.role_names().iter() {
            for origin in origins(&provider.roles, role) {
                let at = paths.iter().position(|path| *path == origin.source.path);
                texts.extend(at.map(|at| (at, origin.text)));
            }
        }
    }
    texts.into_iter().collect()
}

/// The roles that a table names and the issuer's tokens can give.
fn yieldable(of: &[Option<Provider>; 2], stages: [&Stage; 2]) -> Vec<String> {
    let named: BTreeSet<String> = stages
        .iter()
        .flat_map(|stage| stage.policy.role_names().iter().map(str::to_owned))
        .collect();
    let given = |role: &String| {
        of.iter().flatten().any(|provider| !origins(&provider.roles, role).is_empty())
    };
    named.into_iter().filter(given).collect()
}

fn same(old: &RoleRules, new: &RoleRules) -> bool {
    // the order of sources says nothing: they are united
    let sources = |rules: &RoleRules| -> BTreeSet<_> {
        let key = |source: &RoleSource| {
            let RoleSource { path, split, fallback, prefix, only } = source.clone();
            (path, prefix, split, fallback, only)
        };
        rules.sources.iter().map(key).collect()
    };
    // a name that stays what it is renames nothing
    let names = |rules: &RoleRules| -> BTreeMap<_, _> {
        rules
            .names
            .iter()
            .filter(|(from, to)| from != to)
            .map(|(from, to)| (from.clone(), to.clone()))
            .collect()
    };
    sources(old) == sources(new) && names(old) == names(new) && old.prefix == new.prefix
}

/// All sets of the numbers below `count`, the empty one left out.
fn subsets(count: usize) -> Vec<Vec<usize>> {
    (1..1_usize << count)
        .map(|bits| (0..count).filter(|at| bits >> at & 1 == 1).collect())
        .collect()
}

impl CallerClass {
    /// Whether one token can say all of these at once: a fallback is no company for other roles.
    pub(super) fn possible(&self, signs: &super::access_rule::Signs, provider: &Provider) -> bool {
        let roles: Option<Vec<String>> = signs
            .iter()
            .map(|sign| match self.signs.get(*sign)? {
                Sign::Role(role) => Some(role.clone()),
                Sign::Text { .. } => None,
            })
            .collect();
        roles.is_none_or(|roles| of_roles(provider, &roles).is_ok())
    }
}

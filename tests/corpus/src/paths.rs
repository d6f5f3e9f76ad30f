//! The paths (`paths.yaml`): a role table, and request targets with what becomes of each.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::policy;
use crate::token::TokenChanges;

/// The table and the targets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paths {
    rows: BTreeMap<String, Asks>,
    #[serde(rename = "paths")]
    listed: Vec<(String, String)>,
    places: Vec<(String, String)>,
    readable: Vec<String>,
    ambiguous: Vec<String>,
}

/// What a row asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Asks {
    Public,
    Authenticated,
    Admin,
}

/// A request target.
#[derive(Clone, Debug)]
pub struct PathCase<'p> {
    /// Its bytes.
    pub target: Vec<u8>,
    /// What becomes of a `GET` of it.
    pub outcome: PathOutcome<'p>,
}

/// What becomes of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathOutcome<'p> {
    /// The row with this template lets everybody pass who has a good token.
    Passes(&'p str),
    /// The row with this template decides, and refuses the caller: `role-missing`.
    Closed(&'p str),
    /// It ends for this reason.
    Refused(&'p str),
}

impl<'p> PathOutcome<'p> {
    /// The template of the row that decides, if one does.
    pub fn row(self) -> Option<&'p str> {
        match self {
            Self::Passes(row) | Self::Closed(row) => Some(row),
            Self::Refused(_) => None,
        }
    }

    /// The reason why the caller is refused, if they are.
    pub fn reason(self) -> Option<&'p str> {
        match self {
            Self::Passes(_) => None,
            Self::Closed(_) => Some("role-missing"),
            Self::Refused(reason) => Some(reason),
        }
    }
}

impl Paths {
    /// The file's.
    pub fn load() -> Self {
        serde_saphyr::from_str(include_str!("paths.yaml")).expect("paths.yaml")
    }

    /// A policy with the rows: one service, for every host, whose callers have tokens as
    /// [`honest_token`] makes them.
    pub fn policy(&self) -> Value {
        let row = |(template, asks): (&String, &Asks)| {
            let endpoint = format!("GET {template}");
            match asks {
                Asks::Public => json!({ "match": endpoint, "public": true }),
                Asks::Authenticated => json!({ "match": endpoint, "authenticated": true }),
                Asks::Admin => json!({ "match": endpoint, "roles": ["admin"] }),
            }
        };
        let mut policy = policy();
        let rows: Vec<_> = self.rows.iter().map(row).collect();
        policy["services"] = json!({ "paths": { "hosts": ["*"], "routes": rows } });
        policy
    }

    /// The templates of the rows.
    pub fn templates(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(String::as_str)
    }

    /// The targets, in the order of the file: those that are listed, then each segment at each
    /// place.
    pub fn cases(&self) -> impl Iterator<Item = PathCase<'_>> {
        let listed = self.listed.iter().map(|(target, expected)| self.case(target, expected));
        let readable = self.readable.iter().map(|segment| (segment, None));
        let ambiguous = self.ambiguous.iter().map(|segment| (segment, Some("path-ambiguous")));
        let placed = readable.chain(ambiguous).flat_map(move |(segment, reason)| {
            self.places.iter().map(move |(place, row)| {
                self.case(&place.replace("{segment}", segment), reason.unwrap_or(row))
            })
        });
        listed.chain(placed)
    }

    fn case<'p>(&'p self, target: &str, expected: &'p str) -> PathCase<'p> {
        let byte = |c| u8::try_from(c).expect("a character of a target is one byte");
        PathCase { target: target.chars().map(byte).collect(), outcome: self.outcome(expected) }
    }

    fn outcome<'p>(&'p self, expected: &'p str) -> PathOutcome<'p> {
        match self.rows.get(expected) {
            Some(Asks::Admin) => PathOutcome::Closed(expected),
            Some(_) => PathOutcome::Passes(expected),
            None => PathOutcome::Refused(expected),
        }
    }
}

/// A good token of Alice, a customer, at `now`.
pub fn honest_token(now: u64) -> String {
    TokenChanges::default().token(now)
}

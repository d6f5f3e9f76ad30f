//! What a change of a policy grants and takes, as data.

use portcullis_engine::clock::UnixTime;
use serde::Serialize;

use crate::clock;
use crate::diff::caller_classes::Sign;
use crate::diff::settings_diff::Term;

/// The difference of two policies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Who may call what that could not before, or could before.
    pub access: Vec<Change>,
    /// What is asked of every token, and what services are told.
    pub settings: Vec<Term>,
}

/// One caller gains or loses one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Gains or loses.
    pub direction: Direction,
    /// The caller, by the least that a token must say.
    pub who: Who,
    /// For a time only, because of shadow modes.
    #[serde(skip_serializing_if = "When::always")]
    pub when: When,
}

/// An endpoint, and what it asked and asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Endpoint {
    /// The service.
    pub service: String,
    /// Method and path template.
    pub endpoint: String,
    /// The requirement before.
    pub before: String,
    /// The requirement after.
    pub after: String,
}

/// Gains or loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// May call it now.
    Granted,
    /// May not call it any more.
    Taken,
}

/// A caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Anyone, without a token.
    Anyone,
    /// A caller with a good token.
    Caller {
        /// The providers whose tokens these are; empty: all that the service accepts.
        of: Vec<String>,
        /// What the token says; nothing: any good token.
        signs: Vec<Sign>,
        /// The claims that hold roles, if it matters that there are no others.
        #[serde(skip_serializing_if = "Option::is_none")]
        claims: Option<Vec<String>>,
    },
}

/// From when, and until when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct When {
    /// The first second; now if there is none.
    #[serde(serialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// The first second after it; never if there is none.
    #[serde(serialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

#[allow(clippy::ref_option)] // as serde calls it
fn seconds<S: serde::Serializer>(time: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|seconds| clock::rfc3339(UnixTime(seconds))).serialize(serializer)
}

impl When {
    /// From now on, for good.
    pub const fn always(&self) -> bool {
        self.from.is_none() && self.until.is_none()
    }
}

impl Difference {
    /// Whether the two mean the same.
    pub fn is_empty(&self) -> bool {
        self.access.is_empty() && self.settings.is_empty()
    }

    /// Whether somebody can do what they could not before.
    pub fn grants(&self) -> bool {
        let by_terms = |term: &Term| term.direction != Some(Direction::Taken);
        self.access.iter().any(|change| change.direction == Direction::Granted)
            || self.settings.iter().any(by_terms)
    }
}

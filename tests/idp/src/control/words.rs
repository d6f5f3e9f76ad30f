//! What the control interface reads and answers, as JSON. [`TokenSpec`](crate::TokenSpec),
//! [`KeyInfo`](crate::KeyInfo) and [`Counts`](crate::Counts) go as they are.
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};

use crate::{Caching, Endpoint, Fault};

/// `POST /control/rotate`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotate {
    pub(crate) alg: Algorithm,
    #[serde(default)]
    pub(crate) same_kid: bool,
}

/// The new key's id.
#[derive(Serialize, Deserialize)]
pub(crate) struct Rotated {
    pub(crate) kid: String,
}

/// `POST /control/withdraw`: `{"kid": "…"}`, or the string `"old"` for all that are not current.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Withdraw {
    Kid(String),
    Old,
}

/// The ids of the keys that were withdrawn.
#[derive(Serialize, Deserialize)]
pub(crate) struct Withdrawn {
    pub(crate) withdrawn: Vec<String>,
}

/// The answer to `POST /control/mint`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Minted {
    pub(crate) token: String,
}

/// `POST /control/fault`; no fault ends the one that is.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetFault {
    pub(crate) endpoint: Endpoint,
    pub(crate) fault: Option<Fault>,
    pub(crate) times: Option<u32>,
}

/// `POST /control/caching`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetCaching {
    pub(crate) endpoint: Endpoint,
    pub(crate) caching: Caching,
}

/// `POST /control/connections`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connections {
    pub(crate) accept: bool,
}

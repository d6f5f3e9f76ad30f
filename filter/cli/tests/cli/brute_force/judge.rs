//! Decides by one policy: every token of the brute force, or one that says just what a difference tells.

use std::collections::BTreeMap;

use portcullis_cli::access::{Sign, Who};
use portcullis_cli::caller::{Ask, Carried, Claims, Stage, fill, of_roles};
use portcullis_cli::clock;
use portcullis_cli::policy::Loaded;
use portcullis_engine::decide::{Decision, Verdict};
use portcullis_engine::policy::TokenSource;
use portcullis_engine::time::UnixTime;
use serde_json::json;

/// A caller with a token: its provider, and what its claims hold.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) provider: &'static str,
    pub(super) claims: BTreeMap<&'static str, Vec<&'static str>>,
}

pub(super) fn tokens() -> Vec<Token> {
    let texts: [Option<&[&str]>; 5] = [
        None,
        Some(&["nothing"]),
        Some(&["nothing", "x"]),
        Some(&["nothing", "y"]),
        Some(&["nothing", "x", "y"]),
    ];
    let mut more = texts.to_vec();
    more.extend([Some(&["nothing", "p:x"][..]), Some(&["nothing", "z", "x"])]);
    let mut tokens = Vec::new();
    for provider in ["one", "two"] {
        for r in &more {
            for s in &texts {
                let claims = [("r", r), ("s", s)];
                let claims =
                    claims.iter().filter_map(|(name, texts)| Some((*name, texts.as_ref()?.to_vec())));
                tokens.push(Token { provider, claims: claims.collect() });
            }
        }
    }
    tokens
}

/// One policy, ready to decide.
pub(super) struct Judge {
    stage: Stage,
    /// Each token, and the roles that the policy reads from it.
    pub(super) tokens: Vec<Option<(String, Vec<String>)>>,
    now: UnixTime,
}

impl Judge {
    pub(super) fn of(loaded: &Loaded, tokens: &[Token], now: UnixTime) -> Self {
        let mut stage = Stage::with_own_keys(&loaded.document).unwrap();
        let policy = stage.policy.clone();
        let tokens = tokens.iter().map(|token| {
            let provider = policy.providers().iter().find(|it| &*it.name == token.provider)?;
            let mut claims: Claims =
                token.claims.iter().map(|(name, texts)| ((*name).to_owned(), json!(texts))).collect();
            let roles = stage.roles(token.provider, claims.clone(), clock::at(now));
            fill(provider, None, &mut claims, now);
            Some((stage.token(provider, &claims), roles))
        });
        let tokens = tokens.collect();
        Self { stage, tokens, now }
    }

    pub(super) fn passes(&mut self, ask: &Ask, token: Option<usize>) -> bool {
        let token = token.and_then(|at| self.tokens[at].as_ref()).map(|(token, _)| token.clone());
        self.decides(ask, token.as_deref())
    }

    /// Whether the request passes, with this token if there is one.
    pub(super) fn decides(&mut self, ask: &Ask, token: Option<&str>) -> bool {
        let carried = token.map(|token| Carried { source: &TokenSource::Bearer, token });
        let now = clock::at(self.now);
        let allows = |verdict: &Verdict| matches!(verdict.decision, Decision::Allow(_));
        self.stage.decide(ask, carried, now, |_, _, verdict, _| allows(verdict))
    }

    /// A token that says what the change tells and no more.
    pub(super) fn says(&mut self, who: &Who, provider: &str, now: UnixTime) -> Option<String> {
        let Who::Caller { of, signs, claims } = who else { return None };
        if !of.is_empty() && !of.iter().any(|name| name == provider) {
            return None;
        }
        let policy = self.stage.policy.clone();
        let provider = policy.providers().iter().find(|it| &*it.name == provider)?;
        let roles = signs.iter().filter_map(|sign| match sign {
            Sign::Role(role) => Some(role.clone()),
            Sign::Text { .. } => None,
        });
        let roles: Vec<_> = roles.collect();
        // a token may say what this policy reads nothing from
        let mut said = of_roles(provider, &roles).unwrap_or_default();
        for name in claims.iter().flatten() {
            said.insert(name.clone(), json!(["nothing"]));
        }
        for sign in signs {
            if let Sign::Text { claim, text } = sign {
                let list = said.entry(claim.clone()).or_insert_with(|| json!(["nothing"]));
                list.as_array_mut()?.push(json!(text));
            }
        }
        fill(provider, None, &mut said, now);
        Some(self.stage.token(provider, &said))
    }
}

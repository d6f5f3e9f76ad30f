//! Decides by one policy: every token of the brute force, or one that says just what a difference
//! tells.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use portcullis_cli::clock;
use portcullis_cli::diff::{Sign, Who};
use portcullis_cli::policy::Loaded;
use portcullis_cli::simulate::caller::{Ask, Carried, Claims, Stage, fill, of_roles};
use portcullis_engine::authorizer::Decision;
use portcullis_engine::clock::UnixTime;
use portcullis_engine::policy::TokenSource;
use serde_json::json;

/// A caller with a token: its provider, and what its claims hold.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) provider: &'static str,
    pub(super) claims: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Token {
    fn claims(&self) -> Claims {
        self.claims.iter().map(|(name, texts)| ((*name).to_owned(), json!(texts))).collect()
    }
}

/// Every set of roles in both claims, and either claim left out.
pub(super) fn tokens() -> Vec<Token> {
    let sets = (0..8).map(|set| {
        let texts = ["x", "y", "z"].into_iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1);
        Some(["nothing"].into_iter().chain(texts.map(|(_, text)| text)).collect::<Vec<_>>())
    });
    let texts: Vec<_> = [None].into_iter().chain(sets).collect();
    let mut more = texts.clone();
    // what looks like a prefix and is none
    more.push(Some(vec!["nothing", "p:x"]));
    let mut tokens = Vec::new();
    for provider in ["one", "two"] {
        for r in &more {
            for s in &texts {
                let claims = [("r", r), ("s", s)];
                let claims =
                    claims.into_iter().filter_map(|(name, texts)| Some((name, texts.clone()?)));
                tokens.push(Token { provider, claims: claims.collect() });
            }
        }
    }
    tokens
}

/// The service and the row that the engine found for a request.
type Place = (Option<u32>, Option<u32>);

/// Who may send a request.
pub(super) struct May {
    pub(super) anyone: bool,
    /// Who has each of the tokens.
    pub(super) with: Vec<bool>,
}

/// One policy, ready to decide.
pub(super) struct Judge {
    stage: Stage,
    /// The roles that the policy reads from each token, and who of the speakers has them.
    pub(super) tokens: Vec<Option<(Vec<String>, usize)>>,
    /// The first of all tokens whose provider and roles are the same: it speaks for the others,
    /// since the engine has nothing else to tell them apart by.
    speakers: Vec<Token>,
    /// What the speakers send now.
    sent: Vec<String>,
    /// What has been decided about a place at this time: what is asked of a token there is the same
    /// for all its requests.
    decided: HashMap<(Place, bool), Rc<May>>,
    now: UnixTime,
}

impl Judge {
    pub(super) fn of(loaded: &Loaded, tokens: &[Token], now: UnixTime) -> Self {
        let mut stage = Stage::with_own_keys(&loaded.document).unwrap();
        let mut speakers = Vec::new();
        let mut known = BTreeMap::new();
        let tokens = tokens.iter().map(|token| {
            stage.policy.providers().iter().find(|it| &*it.name == token.provider)?;
            let roles = stage.roles(token.provider, token.claims(), clock::at(now));
            let speaker = *known.entry((token.provider, roles.clone())).or_insert_with(|| {
                speakers.push(token.clone());
                speakers.len() - 1
            });
            Some((roles, speaker))
        });
        let tokens = tokens.collect();
        let mut judge =
            Self { stage, tokens, speakers, sent: Vec::new(), decided: HashMap::new(), now };
        judge.wait_until(now);
        judge
    }

    /// From now on it is that time.
    pub(super) fn wait_until(&mut self, now: UnixTime) {
        self.now = now;
        self.decided.clear();
        let policy = self.stage.policy.clone();
        let sent = self.speakers.iter().map(|token| {
            let provider =
                policy.providers().iter().find(|it| &*it.name == token.provider).unwrap();
            let mut claims = token.claims();
            fill(provider, None, &mut claims, now);
            self.stage.token(provider, &claims)
        });
        self.sent = sent.collect();
    }

    /// Who may send the request.
    pub(super) fn may(&mut self, ask: &Ask) -> Rc<May> {
        let (anyone, place) = self.decide(ask, None);
        if let Some(may) = self.decided.get(&(place, anyone)) {
            return Rc::clone(may);
        }
        let sent = std::mem::take(&mut self.sent);
        let speakers: Vec<_> = sent.iter().map(|token| self.decides(ask, Some(token))).collect();
        self.sent = sent;
        // whoever has a token may also come without it
        let may = |(_, speaker): &(_, usize)| speakers[*speaker];
        let with =
            self.tokens.iter().map(|token| anyone || token.as_ref().is_some_and(may)).collect();
        let may = Rc::new(May { anyone, with });
        self.decided.insert((place, anyone), Rc::clone(&may));
        may
    }

    /// Whether the request passes, with this token if there is one.
    pub(super) fn decides(&mut self, ask: &Ask, token: Option<&str>) -> bool {
        self.decide(ask, token).0
    }

    fn decide(&mut self, ask: &Ask, token: Option<&str>) -> (bool, Place) {
        let carried = token.map(|token| Carried { source: &TokenSource::Bearer, token });
        let now = clock::at(self.now);
        self.stage.decide(ask, carried, now, |_, _, verdict, _| {
            let place = (verdict.trace.service.map(|id| id.0), verdict.trace.row.map(|id| id.0));
            (matches!(verdict.decision, Decision::Allow(_)), place)
        })
    }

    /// A token that says what the change tells and no more.
    pub(super) fn says(&mut self, who: &Who, provider: &str) -> Option<String> {
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
        fill(provider, None, &mut said, self.now);
        Some(self.stage.token(provider, &said))
    }
}

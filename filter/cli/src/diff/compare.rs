//! The difference of two policies: by meaning, so that two texts that mean the same have none.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_engine::clock::UnixTime;
use portcullis_engine::policy::{Document, Mode, Policy, Provider, Row, RowId, Service};

use crate::clock;
use crate::diagnostics::exit::CliError;
use crate::diff::access_rule::{AccessRule, Side, Signs};
use crate::diff::caller_classes::{CallerClass, Sign, caller_classes};
use crate::diff::classes::{Class, classes, covers};
use crate::diff::settings_diff::settings;
use crate::diff::{Change, Difference, Direction, Endpoint, When, Who, audiences, hosts};
use crate::simulate::caller::Stage;

/// The difference as of `now`.
///
/// # Errors
/// There is no randomness to sign tokens with.
pub fn difference(
    (old, old_as_it_is): (&Document, &Policy),
    (new, new_as_it_is): (&Document, &Policy),
    now: UnixTime,
) -> Result<Difference, CliError> {
    let (mut old_stage, mut new_stage) = (Stage::with_own_keys(old)?, Stage::with_own_keys(new)?);
    let caller_classes = caller_classes(&mut old_stage, &mut new_stage, clock::at(now));
    let (old_policy, new_policy) = (&*old_stage.policy, &*new_stage.policy);
    let comparison =
        Comparison { caller_classes: &caller_classes, times: times([old_policy, new_policy], now) };
    let pairs = hosts::pairs((old, old_policy), (new, new_policy));
    let mut access = Vec::new();
    for ((old_id, new_id), patterns) in &pairs {
        let sides = [
            Side { policy: old_policy, service: old_id.and_then(|id| old_policy.service(id)) },
            Side { policy: new_policy, service: new_id.and_then(|id| new_policy.service(id)) },
        ];
        let name = sides.iter().rev().find_map(|side| side.service).map_or("", Service::name);
        // a service whose hosts went to several, or came from several, is told by them
        let shared = |(old, new): &&hosts::Pair| {
            old.is_some() && old == old_id || new.is_some() && new == new_id
        };
        let service = match name {
            "" => format!("hosts of no service ({})", patterns.join(" ")),
            name if pairs.keys().filter(shared).count() > 1 => {
                format!("{name} ({})", patterns.join(" "))
            }
            name => name.to_owned(),
        };
        comparison.services(&service, &sides, &mut access);
    }
    access.sort();
    access.dedup();
    Ok(Difference { access, settings: settings(old_as_it_is, new_as_it_is, &pairs) })
}

/// Now, and whenever a trial ends.
fn times(policies: [&Policy; 2], now: UnixTime) -> Vec<UnixTime> {
    let mut times = BTreeSet::from([now.0]);
    let mut note = |mode: Mode| {
        if let Mode::Shadow { ends } = mode {
            times.extend(Some(ends.0).filter(|ends| *ends > now.0));
        }
    };
    for policy in policies {
        note(policy.mode());
        for service in policy.services() {
            note(service.mode());
            service.rows().iter().for_each(|row| note(row.mode));
        }
    }
    times.into_iter().map(UnixTime).collect()
}

struct Comparison<'a> {
    caller_classes: &'a [CallerClass],
    times: Vec<UnixTime>,
}

/// Classes of paths, by method and rows.
type Groups<'a> = BTreeMap<(&'a str, Option<RowId>, Option<RowId>), Vec<Class>>;
/// The providers whose callers gain or lose, by what they say and in which claims.
type ByWho = BTreeMap<(Direction, Vec<Sign>, Option<Vec<String>>), BTreeSet<String>>;
/// What somebody gains or loses at one time.
type Moves = BTreeSet<(Direction, Who)>;

impl Comparison<'_> {
    fn services(&self, name: &str, sides: &[Side<'_>; 2], access: &mut Vec<Change>) {
        let both = || sides.iter().filter_map(|side| side.service);
        let methods: BTreeSet<&str> =
            both().flat_map(|service| service.rows().iter().map(|row| &*row.method)).collect();
        let mut groups: Groups<'_> = BTreeMap::new();
        for class in classes(both().collect::<Vec<_>>()) {
            for method in &methods {
                let [old, new] =
                    sides.each_ref().map(|side| side.row(method, &class.path).map(|row| row.id));
                if old.is_some() || new.is_some() {
                    groups.entry((method, old, new)).or_default().push(class.clone());
                }
            }
        }
        for ((method, old, new), of) in groups {
            let row = |side: &Side<'_>, id: Option<RowId>| {
                side.policy.row(id?).map(|(_, row)| row.clone())
            };
            let rows = [row(&sides[0], old), row(&sides[1], new)];
            let rows = [rows[0].as_ref(), rows[1].as_ref()];
            for path in paths(rows, &of) {
                self.endpoint(name, &format!("{method} {path}"), sides, rows, access);
            }
        }
        self.endpoint(name, "every endpoint without a row", sides, [None, None], access);
        self.preflight(name, sides, access);
    }

    fn endpoint(
        &self,
        service: &str,
        endpoint: &str,
        sides: &[Side<'_>; 2],
        rows: [Option<&Row>; 2],
        access: &mut Vec<Change>,
    ) {
        let moves: Vec<Moves> =
            self.times.iter().map(|time| self.moves(sides, rows, *time)).collect();
        let everything: Moves = moves.iter().flatten().cloned().collect();
        for (direction, who) in everything {
            let held: Vec<bool> =
                moves.iter().map(|at| at.contains(&(direction, who.clone()))).collect();
            for when in self.spans(&held) {
                let [before, after] = [0, 1].map(|at| {
                    sides[at].words(rows[at], self.times.first().copied().unwrap_or(UnixTime(0)))
                });
                let endpoint = Endpoint {
                    service: service.to_owned(),
                    endpoint: endpoint.to_owned(),
                    before,
                    after,
                };
                access.push(Change { endpoint, direction, who: who.clone(), when });
            }
        }
    }

    /// A preflight needs no token where the service says so, or nothing is refused anyway.
    fn preflight(&self, service: &str, sides: &[Side<'_>; 2], access: &mut Vec<Change>) {
        let says = sides
            .each_ref()
            .map(|side| side.service.is_some_and(|it| it.preflight() && !it.rows().is_empty()));
        for direction in [Direction::Granted, Direction::Taken] {
            let held = self.times.iter().map(|time| {
                let lets = [0, 1].map(|at| says[at] || sides[at].mode(None).shadows(*time));
                lets[0] != lets[1]
                    && says[0] != says[1]
                    && lets[1] == (direction == Direction::Granted)
            });
            let held: Vec<_> = held.collect();
            for when in self.spans(&held) {
                let [before, after] =
                    says.map(|lets| if lets { "public" } else { "no row" }.to_owned());
                let endpoint = "OPTIONS of every endpoint, as a CORS preflight".to_owned();
                let endpoint = Endpoint { service: service.to_owned(), endpoint, before, after };
                access.push(Change { endpoint, direction, who: Who::Anyone, when });
            }
        }
    }

    /// The spans of time in which something holds.
    fn spans(&self, held: &[bool]) -> Vec<When> {
        let mut spans: Vec<When> = Vec::new();
        for (at, holds) in held.iter().enumerate().filter(|(_, holds)| **holds) {
            let until = self.times.get(at + 1).map(|time| time.0);
            match spans.last_mut().filter(|_| at > 0 && held[at - 1] && *holds) {
                Some(last) => last.until = until,
                None => spans.push(When { from: (at > 0).then(|| self.times[at].0), until }),
            }
        }
        spans
    }

    fn moves(&self, sides: &[Side<'_>; 2], rows: [Option<&Row>; 2], now: UnixTime) -> Moves {
        let doors = [sides[0].access_rule(rows[0], now), sides[1].access_rule(rows[1], now)];
        match doors {
            [AccessRule::Open, AccessRule::Open] | [AccessRule::Shut, AccessRule::Shut] => {
                Moves::new()
            }
            [AccessRule::Open, _] => Moves::from([(Direction::Taken, Who::Anyone)]),
            [_, AccessRule::Open] => Moves::from([(Direction::Granted, Who::Anyone)]),
            _ => self.callers(sides, doors),
        }
    }

    fn callers(&self, sides: &[Side<'_>; 2], doors: [AccessRule<'_>; 2]) -> Moves {
        let mut by_who: ByWho = BTreeMap::new();
        let mut names = BTreeSet::new();
        for voice in self.caller_classes {
            let accepted = sides.each_ref().map(|side| accepted(side, &voice.issuer));
            if accepted.iter().all(Option::is_none) {
                continue;
            }
            names.insert(voice.name.clone());
            for (direction, mine, other) in [(Direction::Granted, 1, 0), (Direction::Taken, 0, 1)] {
                let Some(provider) = accepted[mine] else { continue };
                for signs in sides[mine].smallest(doors[mine], &voice.gives[mine]) {
                    let passes = accepted[other].is_some()
                        && sides[other].admits(doors[other], &signs, &voice.gives[other]);
                    if !passes && voice.possible(&signs, provider) {
                        let key = (direction, voice.told(&signs), voice.company(&signs));
                        by_who.entry(key).or_default().insert(voice.name.clone());
                    }
                }
            }
        }
        by_who
            .iter()
            .filter_map(|((direction, signs, claims), of)| {
                // what holds in any company is told once, of each provider by itself
                let alone =
                    claims.as_ref().and_then(|_| by_who.get(&(*direction, signs.clone(), None)));
                let is_told = |name: &String| alone.is_some_and(|alone| alone.contains(name));
                let left: Vec<String> = of.iter().filter(|name| !is_told(name)).cloned().collect();
                if left.is_empty() {
                    return None;
                }
                let of = if left.len() == names.len() { Vec::new() } else { left };
                Some((*direction, Who::Caller { of, signs: signs.clone(), claims: claims.clone() }))
            })
            .collect()
    }
}

/// The provider of an issuer, if the service accepts tokens of it that are for somebody that the
/// service listens to.
fn accepted<'a>(side: &Side<'a>, issuer: &str) -> Option<&'a Provider> {
    let service = side.service?;
    let id = side.policy.provider_of_issuer(issuer).filter(|id| service.accepts(*id))?;
    side.policy.provider(id).filter(|provider| !audiences(provider, service).is_empty())
}

impl CallerClass {
    fn told(&self, signs: &Signs) -> Vec<Sign> {
        signs.iter().filter_map(|sign| self.signs.get(*sign)).cloned().collect()
    }

    /// The claims with roles, if there are others than those of the signs: then it matters.
    fn company(&self, signs: &Signs) -> Option<Vec<String>> {
        let own: BTreeSet<_> = signs.iter().filter_map(|sign| self.stands.get(*sign)).collect();
        self.claims.as_ref().filter(|claims| !own.is_empty() && claims.len() != own.len()).cloned()
    }
}

/// How the paths of a group are called: by the narrower of the two rows, or one by one.
fn paths(rows: [Option<&Row>; 2], of: &[Class]) -> Vec<String> {
    let narrower = match rows {
        [Some(row), None] | [None, Some(row)] => Some(row),
        [Some(old), Some(new)] if covers(&old.template, &new.template) => Some(new),
        [Some(old), Some(new)] if covers(&new.template, &old.template) => Some(old),
        _ => None,
    };
    match narrower {
        Some(row) => vec![row.template.to_string()],
        None => of.iter().map(|class| class.pattern.clone()).collect(),
    }
}

//! `diff` against brute force: over random pairs of policies, every caller at every endpoint is
//! decided by the engine under both, and what differs is what `diff` says, no more and no less.

mod judge;
mod policies;
mod requests;

use portcullis_cli::diff::{Change, Difference, Direction, Sign, When, Who, difference};
use portcullis_cli::policy::Loaded;
use portcullis_engine::clock::UnixTime;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use self::judge::{Judge, Token, tokens};
use self::policies::{pair, policy};
use self::requests::{asks, asks_of, is_about};
use crate::support::loaded;

const METHODS: [&str; 3] = ["GET", "POST", "HEAD"];
/// Before, between and after the ends of the trials below.
const NOWS: [u64; 3] = [1_700_000_000, 1_800_000_000, 1_900_000_000];
/// 2025-01-01 and 2028-01-01: the first seconds after the trials below.
const ENDS: [u64; 2] = [1_735_689_600, 1_830_297_600];

/// Whether a change is about this caller.
fn is_of(who: &Who, token: &Token, roles: [&[String]; 2]) -> bool {
    let Who::Caller { of, signs, claims } = who else { return true };
    let says = |sign: &Sign| match sign {
        Sign::Role(role) => roles.iter().any(|roles| roles.contains(role)),
        Sign::Text { claim, text } => {
            token.claims.get(claim.as_str()).is_some_and(|it| it.contains(&text.as_str()))
        }
    };
    let company = claims.as_ref().is_none_or(|claims| claims.iter().eq(token.claims.keys()));
    (of.is_empty() || of.iter().any(|name| name == token.provider))
        && signs.iter().all(says)
        && company
}

/// Now, and each end of a trial after it.
fn times(now: u64) -> impl Iterator<Item = UnixTime> {
    [now].into_iter().chain(ENDS.into_iter().filter(move |end| *end > now)).map(UnixTime)
}

fn holds(change: &Change, at: UnixTime) -> bool {
    let When { from, until } = change.when;
    from.is_none_or(|from| from <= at.0) && until.is_none_or(|until| at.0 < until)
}

/// Decides everything twice; fails where `diff` does not tell a difference of that time.
fn complete(
    difference: &Difference,
    sides: [&Loaded; 2],
    tokens: &[Token],
    judges: &mut [Judge; 2],
    at: UnixTime,
) -> Result<(), TestCaseError> {
    for ask in asks() {
        let [old, new] = judges.each_mut().map(|judge| judge.may(&ask));
        if (old.anyone, &old.with) == (new.anyone, &new.with) {
            continue;
        }
        let about = |change: &&Change| holds(change, at) && is_about(change, &ask, sides);
        let current: Vec<_> = difference.access.iter().filter(about).collect();
        let told = |direction, of: &dyn Fn(&Who) -> bool| {
            current.iter().any(|change| change.direction == direction && of(&change.who))
        };
        if let Some(direction) = direction([old.anyone, new.anyone]) {
            prop_assert!(
                told(direction, &|who| *who == Who::Anyone),
                "{direction:?} of anyone: {at:?} {ask:?}"
            );
        }
        for (index, token) in tokens.iter().enumerate() {
            let Some(direction) = direction([old.with[index], new.with[index]]) else { continue };
            let roles = judges
                .each_ref()
                .map(|judge| judge.tokens[index].as_ref().map_or(&[][..], |it| &it.0));
            let of = |who: &Who| is_of(who, token, roles);
            prop_assert!(
                told(direction, &of),
                "{direction:?} is not told: {at:?} {ask:?} {token:?} {roles:?}\n{:#?}",
                difference.access
            );
        }
    }
    Ok(())
}

fn direction([before, after]: [bool; 2]) -> Option<Direction> {
    match (before, after) {
        (false, true) => Some(Direction::Granted),
        (true, false) => Some(Direction::Taken),
        _ => None,
    }
}

/// Decides whether a change is so: somebody who says no more than it tells gains or loses one of
/// its requests.
fn is_so(change: &Change, sides: [&Loaded; 2], judges: &mut [Judge; 2]) -> bool {
    asks_of(change, sides).iter().any(|ask| {
        ["one", "two"].iter().any(|provider| {
            let may = judges.each_mut().map(|judge| {
                let token = judge.says(&change.who, provider);
                judge.decides(ask, None)
                    || token.is_some_and(|token| judge.decides(ask, Some(&token)))
            });
            direction(may) == Some(change.direction)
        })
    })
}

/// Found by the test below: what another issuer's callers gain in any company hid it.
#[test]
fn what_one_providers_callers_gain_hides_nothing_that_anothers_gain() {
    let policy = |ones: Value, twos: Value, row: &str| {
        let provider = |name: &str, roles: Value| {
            json!({
                "issuer": format!("https://{name}.example"),
                "audiences": ["api"],
                "jwks": { "uri": "https://idp.example/keys", "cluster": "idp" },
                "algorithms": ["RS256"],
                "roles": roles,
            })
        };
        let document = json!({
            "providers": { "one": provider("one", ones), "two": provider("two", twos) },
            "services": { "main": { "hosts": ["*"], "routes": [{ "match": row, "roles": ["y"] }] } },
        });
        loaded(&document).unwrap()
    };
    let of_r = || json!([{ "path": ["r"] }]);
    let of_r_without_s =
        json!([{ "path": ["r"], "fallback": true, "only": ["y"] }, { "path": ["s"] }]);
    let old = policy(of_r_without_s, json!([]), "GET /{*r}");
    let new = policy(of_r(), of_r(), "HEAD /a");
    let difference =
        difference((&old.document, &old.policy), (&new.document, &new.policy), UnixTime(NOWS[0]))
            .unwrap();
    let gains = |of: &str, company: Option<&[&str]>| {
        difference.access.iter().filter(|change| change.direction == Direction::Granted).any(
            |change| {
                let Who::Caller { of: names, claims, .. } = &change.who else { return false };
                names == &[of]
                    && claims
                        .as_ref()
                        .map(|it| it.iter().map(String::as_str).collect::<Vec<_>>())
                        .as_deref()
                        == company
            },
        )
    };
    assert!(gains("two", None), "{:#?}", difference.access);
    assert!(gains("one", Some(&["r", "s"])), "{:#?}", difference.access);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn diff_tells_what_brute_force_finds_and_nothing_else((old, new) in pair(), now in select(&NOWS[..])) {
        let (Some(old), Some(new)) = (loaded(&old), loaded(&new)) else {
            return Err(TestCaseError::reject("does not load"));
        };
        let now = UnixTime(now);
        let difference = difference((&old.document, &old.policy), (&new.document, &new.policy), now).unwrap();
        let tokens = tokens();
        let mut judges = [&old, &new].map(|side| Judge::of(side, &tokens, now));
        for at in times(now.0) {
            for judge in &mut judges {
                judge.wait_until(at);
            }
            complete(&difference, [&old, &new], &tokens, &mut judges, at)?;
            for change in difference.access.iter().filter(|change| holds(change, at)) {
                prop_assert!(is_so(change, [&old, &new], &mut judges), "told, but not so: {at:?} {change:#?}");
            }
        }
        let known: Vec<_> = times(now.0).map(|time| time.0).collect();
        for When { from, until } in difference.access.iter().map(|change| change.when) {
            prop_assert!([from, until].iter().flatten().all(|time| known.contains(time)), "{from:?} {until:?}");
        }
    }

    #[test]
    fn a_policy_that_is_written_differently_has_no_difference(policy in policy(), now in select(&NOWS[..])) {
        let mut other = policy.clone();
        for service in other["services"].as_object_mut().unwrap().values_mut() {
            service["routes"].as_array_mut().unwrap().reverse();
            for row in service["routes"].as_array_mut().unwrap() {
                let renamed = row["match"].as_str().unwrap().replace("{x}", "{same}").replace("{*r}", "{*same_rest}");
                row["match"] = json!(renamed);
                for list in ["roles", "all_roles"] {
                    if let Some(roles) = row.get_mut(list).and_then(Value::as_array_mut) {
                        roles.reverse();
                    }
                }
            }
            if let Some(providers) = service.get_mut("providers").and_then(Value::as_array_mut) {
                for name in providers {
                    *name = json!(format!("{}-renamed", name.as_str().unwrap()));
                }
            }
        }
        let providers = other["providers"].as_object_mut().unwrap();
        *providers = std::mem::take(providers).into_iter().map(|(name, it)| (format!("{name}-renamed"), it)).collect();
        for provider in providers.values_mut() {
            provider["roles"].as_array_mut().unwrap().reverse();
        }
        let (Some(old), Some(new)) = (loaded(&policy), loaded(&other)) else {
            return Err(TestCaseError::reject("does not load"));
        };
        let same = difference((&old.document, &old.policy), (&new.document, &new.policy), UnixTime(now)).unwrap();
        prop_assert!(same.is_empty(), "{same:#?}");
    }
}

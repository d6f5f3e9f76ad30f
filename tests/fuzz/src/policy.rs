//! A policy's text, as Envoy hands it over.

use std::rc::Rc;

use portcullis_engine::authorizer::{Authorizer, Decision};
use portcullis_engine::jose::signature::RUST_CRYPTO;
use portcullis_engine::policy::Policy;
use portcullis_engine::request::Headers;
use portcullis_engine::request::Request;
use serde_json::Value;

use crate::fixture::{Peer, at, headers};
use crate::oracle::shadows;

/// A policy that loads has the same hash when it is loaded again. Without a token, a request passes
/// only by a row that is public in the document, or by a shadow mode in the document.
pub fn policy(input: &[u8]) {
    let policy = match Policy::from_json(input) {
        Ok(policy) => policy,
        Err(errors) => return assert!(!errors.to_string().is_empty(), "an error says something"),
    };
    let document: Value = serde_json::from_slice(input).expect("what loads is JSON");
    let again = Policy::from_json(document.to_string().as_bytes()).expect("the same text");
    assert_eq!(again.hash(), policy.hash());
    nobody_passes(&document, Rc::new(policy));
}

/// Asks without a token for the endpoints of every service. What may pass is read from the document
/// alone.
fn nobody_passes(document: &Value, policy: Rc<Policy>) {
    let mut authorizer = Authorizer::new(policy, RUST_CRYPTO);
    for service in
        document["services"].as_object().into_iter().flatten().map(|(_, service)| service)
    {
        let hosts = service["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for host in hosts.take(2) {
            let rows = service["routes"].as_array().into_iter().flatten();
            let rows = rows.filter_map(|row| row["match"].as_str()?.split_once(' '));
            for (method, template) in rows.take(8) {
                ask(&mut authorizer, document, method, template, &host.replace('*', "x"));
            }
        }
    }
}

fn ask(authorizer: &mut Authorizer, document: &Value, method: &str, template: &str, host: &str) {
    let segment =
        |part: &'_ str| if part.starts_with('{') { "x".to_owned() } else { part.to_owned() };
    let path = template.split('/').map(segment).collect::<Vec<_>>().join("/");
    let headers = headers(method.as_bytes(), path.as_bytes(), host.as_bytes(), []);
    let now = at(0);
    let verdict = authorizer.decide(&Request::new(Headers(&headers)), &Peer(None), now);
    let Decision::Allow(permit) = verdict.decision else { return };
    assert!(permit.caller().is_none());
    // which service a host belongs to is the target `request`'s affair
    let service = verdict.trace.service.and_then(|id| authorizer.policy().service(id));
    let service = service.map_or(&Value::Null, |service| &document["services"][service.name()]);
    let row = decides(service, method, &path);
    if permit.shadow().is_some() {
        let modes = [row.map(|row| &row["mode"]), Some(&service["mode"]), Some(&document["mode"])];
        assert!(
            shadows(modes.into_iter().flatten(), now),
            "no shadow for {method} {path} at {host}"
        );
    } else {
        assert!(
            row.is_some_and(|row| row["public"] == true),
            "nobody passes {method} {path} at {host}"
        );
    }
}

/// The row of a service's text that decides: the most specific template alone, `HEAD` by the row of
/// `GET` without its own.
fn decides<'d>(service: &'d Value, method: &str, path: &str) -> Option<&'d Value> {
    let rows = service["routes"].as_array()?.iter();
    let matching = rows.filter_map(|row| {
        let (of_row, template) = row["match"].as_str()?.split_once(' ')?;
        Some((kinds(template, path)?, of_row, row))
    });
    let matching: Vec<_> = matching.collect();
    let best = matching.iter().map(|(kinds, ..)| kinds).min()?;
    let of = |method: &str| {
        let of_best = matching.iter().filter(|(kinds, ..)| kinds == best);
        of_best.into_iter().find(|(_, of_row, _)| *of_row == method).map(|(.., row)| *row)
    };
    of(method).or_else(|| of("GET").filter(|_| method == "HEAD"))
}

/// How specific the template of a row is for a path: for each segment, 0 is a literal, 1 any one, 2
/// all that is left; `None`: no match.
fn kinds(template: &str, path: &str) -> Option<Vec<u8>> {
    let mut kinds = Vec::new();
    let mut segments = path.split('/');
    for part in template.split('/') {
        if part.starts_with("{*") {
            let rest = segments.collect::<Vec<_>>().join("/");
            kinds.push(2);
            return (!rest.is_empty()).then_some(kinds);
        }
        let segment = segments.next()?;
        let any = part.starts_with('{');
        kinds.push(u8::from(any));
        if any && segment.is_empty() || !any && part != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(kinds)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use serde_json::json;

    use super::*;
    use crate::fixture::load;

    /// What the engine decides by is not what the oracle reads.
    fn stopped(read: &Value, decided_by: &Value) -> bool {
        let policy = load(decided_by);
        catch_unwind(AssertUnwindSafe(|| nobody_passes(read, policy))).is_err()
    }

    #[test]
    fn the_oracle_stops_rows_that_are_public_in_the_engine_and_not_in_the_document() {
        let document = corpus::policy();
        assert!(!stopped(&document, &document));
        let rows = document["services"]["main"]["routes"].as_array().unwrap();
        let closed: Vec<_> =
            (0..rows.len().min(8)).filter(|index| rows[*index]["public"] != true).collect();
        assert!(closed.len() >= 5);
        for index in closed {
            let mut fault = document.clone();
            let row = &mut fault["services"]["main"]["routes"][index];
            *row = json!({ "match": row["match"], "public": true });
            assert!(stopped(&document, &fault), "{}", fault["services"]["main"]["routes"][index]);
        }
    }

    #[test]
    fn the_oracle_stops_a_shadow_mode_that_is_not_in_the_document_or_has_ended_or_is_not_the_nearest()
     {
        let document = corpus::policy();
        let with = |service: &str, mode: Value| {
            let mut changed = document.clone();
            changed["services"][service]["mode"] = mode;
            changed
        };
        let until = |day: &str| json!({ "shadow": { "until": day } });
        assert!(stopped(&document, &with("main", until("2999-12-31"))));
        assert!(stopped(&with("trial", json!("enforce")), &document));
        assert!(stopped(&with("trial", until("2027-01-14")), &document));
        // the moment of the fixture is 2027-01-15T08:00:00Z, and the day is included
        assert!(!stopped(&with("trial", until("2027-01-15")), &document));
        let mut everywhere = document.clone();
        everywhere["mode"] = until("2999-12-31");
        assert!(!stopped(&everywhere, &everywhere));
        assert!(stopped(&document, &everywhere));
        let mut nearest = document.clone();
        nearest["services"]["trial"]["routes"][1]["mode"] = json!("enforce");
        assert!(stopped(&nearest, &document));
    }
}

//! The requests of the brute force, and which of them a change is about.

use portcullis_cli::diff::Change;
use portcullis_cli::policy::Loaded;
use portcullis_cli::simulate::caller::Ask;
use portcullis_engine::authz::route_template::{Segment, Template};

use super::METHODS;

const HOSTS: [&str; 5] =
    ["a.example", "b.example", "deep.b.example", "zz.example", "elsewhere.test"];
const PATHS: [&str; 12] =
    ["/", "/a", "/a/", "/b", "/b/", "/a/b", "/a/c", "/c/b", "/c/d", "/a/b/c", "/c/b/", "/c/d/e/"];

pub(super) fn asks() -> Vec<Ask> {
    let mut asks = Vec::new();
    for host in HOSTS {
        for method in METHODS {
            for path in PATHS {
                let (method, authority, target) =
                    (method.to_owned(), host.to_owned(), path.to_owned());
                asks.push(Ask { method, authority, target, headers: Vec::new() });
            }
        }
    }
    asks
}

/// Whether a change is about this request.
pub(super) fn is_about(change: &Change, ask: &Ask, sides: [&Loaded; 2]) -> bool {
    let service = |loaded: &Loaded| {
        let id = loaded.policy.service_of_host(ask.authority.as_bytes())?;
        loaded.policy.service(id).map(|service| service.name().to_owned())
    };
    let name = sides.iter().rev().find_map(|loaded| service(loaded));
    let told = change.endpoint.service.split(' ').next().unwrap_or_default();
    if name.is_some_and(|name| name != told) {
        return false;
    }
    let Some((method, template)) =
        change.endpoint.endpoint.split_once(' ').filter(|(_, rest)| rest.starts_with('/'))
    else {
        return change.endpoint.endpoint.starts_with("every endpoint");
    };
    let method = method == ask.method || method == "GET" && ask.method == "HEAD";
    method && matches(&Template::parse(template).unwrap(), &ask.target)
}

fn matches(template: &Template, path: &str) -> bool {
    let mut rest = Some(path.strip_prefix('/').unwrap());
    for segment in template.segments() {
        let Some(left) = rest else { return false };
        let (first, after) =
            left.split_once('/').map_or((left, None), |(first, after)| (first, Some(after)));
        match segment {
            Segment::Rest(_) => return !left.is_empty(),
            Segment::Parameter(_) if first.is_empty() => return false,
            Segment::Literal(literal) if literal != first => return false,
            Segment::Parameter(_) | Segment::Literal(_) => {}
        }
        rest = after;
    }
    rest.is_none()
}

/// Requests that a change is about, whatever its template is.
pub(super) fn asks_of(change: &Change, sides: [&Loaded; 2]) -> Vec<Ask> {
    let mut asks = asks();
    let (method, template) = change.endpoint.endpoint.split_once(' ').unwrap();
    if template.starts_with('/') {
        let template = Template::parse(template).unwrap();
        let named = |rest: &str| {
            template.segments().fold(String::new(), |path, segment| match segment {
                Segment::Literal(literal) => format!("{path}/{literal}"),
                Segment::Parameter(_) => format!("{path}/zz"),
                Segment::Rest(_) => format!("{path}/{rest}"),
            })
        };
        for rest in ["zz", "zz/", "zz/zz", "zz/zz/", "zz/zz/zz", "zz/zz/zz/"] {
            for host in HOSTS {
                let (method, target) = (method.to_owned(), named(rest));
                asks.push(Ask { method, authority: host.to_owned(), target, headers: Vec::new() });
            }
        }
    } else {
        for host in HOSTS {
            let (method, target) = ("PATCH".to_owned(), "/zz/zz/zz/zz/zz".to_owned());
            asks.push(Ask { method, authority: host.to_owned(), target, headers: Vec::new() });
            for (method, path) in METHODS.iter().flat_map(|method| PATHS.map(|path| (method, path)))
            {
                let origin = ("origin".to_owned(), "https://a.example".to_owned());
                let asked = ("access-control-request-method".to_owned(), (*method).to_owned());
                asks.push(Ask {
                    method: "OPTIONS".to_owned(),
                    authority: host.to_owned(),
                    target: path.to_owned(),
                    headers: vec![origin, asked],
                });
            }
        }
    }
    let preflight = change.endpoint.endpoint.starts_with("OPTIONS");
    asks.retain(
        |ask| if preflight { ask.method == "OPTIONS" } else { is_about(change, ask, sides) },
    );
    asks
}

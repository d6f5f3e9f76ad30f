//! Five real routers behind one Envoy: axum, Express, Starlette, Go's `ServeMux` and Tomcat, each
//! with the rows of the table as its routes. The row that the filter chose is the route that each
//! router serves, with the value of each parameter.
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use corpus::{PathCase, PathOutcome, Paths};
use e2e::{RawH2Reply, Shop, raw_h2, run, serve};
use futures_util::future::join_all;
use harness::envoy::Config;
use harness::folder::Folder;
use harness::http::raw;
use harness::ports::Port;
use harness::routers::{Router, Running};
use harness::stack::Stack;
use portcullis_engine::authz::path::CanonicalPath;
use serde_json::{Value, json};

use super::gateways::routed;
use super::{over_h1_too, shown};
use crate::support::manager::closes_at_once;
use crate::support::{now, payload};

/// A service, and the listener that leads to it alone.
struct Served {
    name: &'static str,
    service: u16,
    listener: Port,
}

/// The routes in the order that routers without an order of their own need: the most specific
/// template first.
fn templates(paths: &Paths) -> Vec<&str> {
    let mut templates: Vec<_> = paths.templates().collect();
    templates.sort_by_key(|template| {
        let kind = |segment: &str| {
            u8::from(segment.starts_with('{')) + u8::from(segment.starts_with("{*"))
        };
        template.split('/').map(kind).collect::<Vec<_>>()
    });
    templates
}

async fn start(routers: &[Router], folder: &Folder, paths: &Paths) -> Vec<Running> {
    let templates = templates(paths);
    let mut running = Vec::new();
    for router in routers {
        running
            .push(router.start(folder, &templates).await.unwrap_or_else(|error| panic!("{error}")));
    }
    running
}

/// Adds a listener like the first, and the cluster that all its routes lead to.
fn listens(config: &mut Config, served: &Served) {
    config.cluster(served.name, served.service).unwrap();
    let listeners = config.document()["static_resources"]["listeners"].as_array_mut().unwrap();
    let mut listener = listeners[0].clone();
    listener["name"] = json!(served.name);
    listener["address"]["socket_address"] =
        json!({ "address": "127.0.0.1", "port_value": served.listener.number() });
    let hosts = &mut listener["filter_chains"][0]["filters"][0]["typed_config"]["route_config"]["virtual_hosts"];
    for route in hosts[0]["routes"].as_array_mut().unwrap() {
        route["route"]["cluster"] = json!(served.name);
    }
    listeners.push(listener);
}

/// What a router was seen to do with a target.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// It served this route.
    Served { target: String, row: String, route: String, parameters: BTreeMap<String, String> },
    /// It served none, or the request did not reach it.
    Refused,
}

/// A `GET` of this target, over HTTP/1.1 or HTTP/2.
async fn ask(port: u16, target: &[u8], token: &str, h2: bool) -> Seen {
    let body = if h2 {
        let bearer = format!("Bearer {token}");
        let fields: [(&str, &[u8]); 5] = [
            (":method", b"GET"),
            (":scheme", b"http"),
            (":path", target),
            (":authority", b"shop.example"),
            ("authorization", bearer.as_bytes()),
        ];
        match raw_h2(port, &fields).await {
            RawH2Reply::Answer(body) => body,
            RawH2Reply::Reset => return Seen::Refused,
        }
    } else {
        let head = format!(
            " HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let Ok(reply) = raw(to, &[b"GET ", target, head.as_bytes()].concat()).await else {
            return Seen::Refused;
        };
        reply.text.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned())
    };
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let Some(target) = body["target"].as_str() else { return Seen::Refused };
    let assertion = body["assertion"].as_str().filter(|jws| !jws.is_empty());
    let row = assertion.map(|jws| payload(jws)["row"].as_str().expect("a row").to_owned());
    Seen::Served {
        target: without_query(target).to_owned(),
        row: row.unwrap_or_default(),
        route: body["route"].as_str().unwrap_or_default().to_owned(),
        parameters: serde_json::from_value(body["parameters"].clone()).expect("texts"),
    }
}

/// Tomcat answers 400 to a `\` in the query, which RFC 3986 3.4 does not allow.
const REFUSED_BY_TOMCAT: &[u8] = b"/me?a=//..//%2f%00;x\\";

fn expected(router: &str, case: &PathCase<'_>) -> Seen {
    match case.outcome {
        PathOutcome::Passes(row) if router != "tomcat" || case.target != REFUSED_BY_TOMCAT => {
            let target = without_query(str::from_utf8(&case.target).expect("ASCII")).to_owned();
            let parameters = parameters(row, &target);
            Seen::Served { target, row: row.to_owned(), route: row.to_owned(), parameters }
        }
        _ => Seen::Refused,
    }
}

fn without_query(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

/// The parameters of a template for a path, decoded (RFC 3986 2.1).
fn parameters(template: &str, path: &str) -> BTreeMap<String, String> {
    let mut segments = path.split('/');
    let mut parameters = BTreeMap::new();
    for part in template.split('/') {
        let segment = segments.next().expect("as many segments");
        let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
            continue;
        };
        let value = match name.strip_prefix('*') {
            None => segment.to_owned(),
            Some(_) => [segment].into_iter().chain(segments.by_ref()).collect::<Vec<_>>().join("/"),
        };
        parameters.insert(name.trim_start_matches('*').to_owned(), decoded(&value));
    }
    parameters
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two hexadecimal digits"));
        bytes.extend(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// Traefik CVE-2026-40912 and CVE-2026-48020, OPA-Envoy CVE-2026-26205, Oathkeeper CVE-2026-33494,
/// APISIX CVE-2026-124680: a path that the gateway reads in one way and the service in another.
/// Envoy CVE-2026-73511, CVE-2026-73551 and CVE-2026-73553: `;` and `..;`, which Tomcat cuts: the
/// table has them, and none reaches Tomcat.
#[test]
fn what_is_decided_is_what_each_of_five_routers_serves() {
    run(async {
        let paths = Paths::load();
        let folder = Folder::empty("routers").unwrap();
        let running = start(&Router::ALL, &folder, &paths).await;
        let others = running.iter().map(|it| (it.router.name(), it.port()));
        let services = others.chain([("axum", serve(routed(&paths)))]);
        let served = services.map(|(name, service)| (name, service, Port::free().unwrap()));
        let served: Arc<[_]> =
            served.map(|(name, service, listener)| Served { name, service, listener }).collect();
        let (policy, listeners) = (paths.policy(), Arc::clone(&served));
        let stack = Stack::named("routers-gateway").policy(move |document| *document = policy);
        let stack = stack.envoy(move |config| {
            closes_at_once(config);
            listeners.iter().for_each(|it| listens(config, it));
        });
        let shop = Shop::of(stack).await.unwrap_or_else(|error| panic!("{error}"));
        let token = corpus::honest_token(now());
        let cases: Vec<_> = paths.cases().collect();
        let to_pass =
            cases.iter().filter(|case| matches!(case.outcome, PathOutcome::Passes(_))).count();
        let mut wrongs = Vec::new();
        for Served { name, listener, .. } in &*served {
            for (chunk, cases) in cases.chunks(50).enumerate() {
                let asked = cases.iter().enumerate().map(|(at, case)| {
                    let target = &*case.target;
                    // each protocol for one half of the targets
                    ask(
                        listener.number(),
                        target,
                        &token,
                        (chunk + at) % 2 == 1 || !over_h1_too(target),
                    )
                });
                for (case, seen) in cases.iter().zip(join_all(asked).await) {
                    let expected = expected(name, case);
                    if seen != expected {
                        wrongs.push(format!(
                            "{name}: {}: {seen:?}, not {expected:?}",
                            shown(&case.target)
                        ));
                    }
                }
            }
            let reached =
                shop.stack.stats().await.unwrap().get(&format!("cluster.{name}.upstream_rq_total"));
            if reached != to_pass as u64 {
                wrongs.push(format!("{name}: {reached} requests reached it, not {to_pass}"));
            }
        }
        assert_eq!(wrongs, [""; 0]);
    });
}

/// What the test above would see without the filter: the routers do read these targets in another
/// way than the bytes say.
#[test]
fn without_the_filter_a_router_serves_another_route_than_the_bytes_name() {
    run(async {
        let paths = Paths::load();
        let folder = Folder::empty("routers-alone").unwrap();
        let running = start(&[Router::Starlette, Router::Tomcat], &folder, &paths).await;
        for (name, target, route) in [
            ("tomcat", "/public/..;/admin/a", "/admin/{*rest}"),
            ("tomcat", "/public/..;x=y/admin/a", "/admin/{*rest}"),
            ("tomcat", "/public/%2e%2e/admin/a", "/admin/{*rest}"),
            ("tomcat", "/public/a/../../admin/a", "/admin/{*rest}"),
            ("tomcat", "/admin;/a", "/admin/{*rest}"),
            ("tomcat", "/%61dmin", "/admin"),
            ("starlette", "/%61dmin", "/admin"),
            ("starlette", "/admin%2Fa", "/admin/{*rest}"),
            ("starlette", "/%61%64%6d%69%6e/a", "/admin/{*rest}"),
        ] {
            let router = running.iter().find(|it| it.router.name() == name).expect("it runs");
            let seen = ask(router.port(), target.as_bytes(), "", false).await;
            let Seen::Served { route: served, .. } = &seen else {
                panic!("{name}: {target}: {seen:?}")
            };
            assert_eq!(served, route, "{name}: {target}");
            let case = paths.cases().find(|case| case.target == target.as_bytes());
            let reason = case.and_then(|case| case.outcome.reason());
            assert_eq!(reason, Some("path-ambiguous"), "{target} is in the table");
            assert!(CanonicalPath::parse(target.as_bytes()).is_err(), "{target}");
        }
    });
}

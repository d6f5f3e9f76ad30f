//! A provider cannot send the gateway to another host, port or scheme for its keys.
//!
//! CVE-2026-41413 (Istio): `jwks_uri` of a discovery document, and redirects, were followed to
//! wherever they led.
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use e2e::{Shop, in_front_of_an_echo, run, serve};
use harness::process::eventually;
use harness::stack::{Location, Stack};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::keys::PATIENCE;

/// A server that counts who connects, and says nothing.
struct Counter {
    authority: String,
    connections: Arc<AtomicUsize>,
}

impl Counter {
    async fn listening(address: Ipv4Addr, port: u16) -> Self {
        let listener = TcpListener::bind((IpAddr::from(address), port)).await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { authority, connections }
    }

    fn count(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// What a provider answers, by the last part of its address: the text of its discovery document, or
/// where it redirects to.
#[derive(Clone)]
enum Lies {
    Document(String),
    Redirect(u16, String),
}

/// Each provider's name, what its discovery document or keys are, and whether only its keys are
/// what is false.
fn lies(own: &str, others: [&str; 2]) -> Vec<(String, Lies)> {
    let mut lies = Vec::new();
    let document = |issuer: &str, jwks_uri: &str| {
        json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string()
    };
    for (number, other) in others.into_iter().enumerate() {
        for (name, jwks_uri) in [
            ("authority", format!("http://{other}/NAME/jwks")),
            ("scheme-and-authority", format!("https://{other}/NAME/jwks")),
            ("behind-user-information", format!("http://{own}@{other}/NAME/jwks")),
            ("behind-a-password", format!("http://{own}:x@{other}/jwks")),
            ("without-a-scheme", format!("//{other}/NAME/jwks")),
            ("behind-a-backslash", format!("http://{own}\\@{other}/jwks")),
            ("behind-a-fragment", format!("http://{own}#@{other}/jwks")),
            ("behind-a-question-mark", format!("http://{own}?@{other}/jwks")),
            ("behind-a-line-break", format!("http://{own}/\r\nHost: {other}\r\n/jwks")),
        ] {
            let name = format!("{name}-{number}");
            let issuer = format!("http://{own}/{name}");
            lies.push((
                name.clone(),
                Lies::Document(document(&issuer, &jwks_uri.replace("NAME", &name))),
            ));
        }
        for status in [301, 302, 303, 307, 308] {
            // of the document, and of the keys
            for what in ["document", "keys", "uri"] {
                let name = format!("redirects-its-{what}-{status}-{number}");
                lies.push((name.clone(), Lies::Redirect(status, format!("http://{other}/{name}"))));
            }
        }
    }
    for (name, jwks_uri) in [
        ("https", format!("https://{own}/https/jwks")),
        ("longer-port", format!("http://{own}0/longer-port/jwks")),
        ("longer-host", format!("http://{own}.evil.example/longer-host/jwks")),
        ("upper-case-scheme", format!("HTTP://{own}/upper-case-scheme/jwks")),
        ("file", "file:///etc/passwd".to_owned()),
        ("nothing", String::new()),
    ] {
        lies.push((
            name.to_owned(),
            Lies::Document(document(&format!("http://{own}/{name}"), &jwks_uri)),
        ));
    }
    let twice = format!(
        r#"{{"issuer":"http://{own}/twice","jwks_uri":"http://{own}/twice/jwks","jwks_uri":"http://{}/"}}"#,
        others[0]
    );
    lies.push(("twice".to_owned(), Lies::Document(twice)));
    lies
}

/// What the provider at this path answers.
fn answer(own: &str, lies: &[(String, Lies)], path: &str) -> Response {
    let (name, rest) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
    let issuer = format!("http://{own}/{name}");
    let honest = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks") }).to_string();
    let keys = corpus::jwks("all").to_string();
    let is_document = rest.ends_with("openid-configuration");
    match lies.iter().find(|(known, _)| known == name).map(|(_, lie)| lie) {
        Some(Lies::Document(text)) if is_document => text.clone().into_response(),
        Some(Lies::Redirect(status, to)) if is_document == name.contains("document") => {
            (StatusCode::from_u16(*status).unwrap(), [(header::LOCATION, to.clone())], keys)
                .into_response()
        }
        _ if is_document => honest.into_response(),
        _ => keys.into_response(),
    }
}

#[test]
fn a_provider_that_names_another_place_for_its_keys_makes_the_gateway_connect_to_none() {
    run(async {
        let asked = Arc::new(Mutex::new(BTreeSet::new()));
        let all = Arc::new(Mutex::new(Vec::<(String, Lies)>::new()));
        let own = Arc::new(Mutex::new(String::new()));
        let (its, paths, itself) = (Arc::clone(&all), Arc::clone(&asked), Arc::clone(&own));
        let port = serve(Router::new().fallback(move |request: Request| {
            let path = request.uri().path().to_owned();
            paths.lock().unwrap().insert(path.clone());
            let answer = answer(&itself.lock().unwrap(), &its.lock().unwrap(), &path);
            std::future::ready(answer)
        }));
        let authority = format!("127.0.0.1:{port}");
        own.lock().unwrap().clone_from(&authority);
        // another port of the same host, and the same port of another host
        let others = [
            Counter::listening(Ipv4Addr::LOCALHOST, 0).await,
            Counter::listening(Ipv4Addr::new(127, 0, 0, 2), port).await,
        ];
        let lying = lies(&authority, [&others[0].authority, &others[1].authority]);
        all.lock().unwrap().clone_from(&lying);

        let names: Vec<_> = lying.into_iter().map(|(name, _)| name).collect();
        let providers: Vec<_> = names.iter().cloned().chain(["honest".to_owned()]).collect();
        let location = Location {
            issuer: format!("http://{authority}/honest"),
            jwks_uri: String::new(),
            port,
        };
        let policed = authority.clone();
        let builder = in_front_of_an_echo(Stack::named("advisories-elsewhere").trusting(location));
        let builder = builder.policy(move |policy| {
            let pattern = policy["providers"]["keycloak"].take();
            let mut all = serde_json::Map::new();
            for name in providers {
                let mut provider = pattern.clone();
                let issuer = format!("http://{policed}/{name}");
                provider["jwks"] = if name.contains("redirects-its-uri") {
                    json!({ "uri": format!("{issuer}/jwks"), "cluster": "idp-keycloak" })
                } else {
                    json!({ "discovery": { "cluster": "idp-keycloak" } })
                };
                provider["issuer"] = json!(issuer);
                all.insert(name, provider);
            }
            policy["providers"] = Value::Object(all);
        });
        let shop = Shop::of(builder).await.unwrap();

        let fetches = async |name: &str, good: bool| {
            let stats = shop.stack.stats().await.unwrap();
            let its = format!("portcullis.jwks_fetches;provider={name};outcome=");
            stats
                .matching(&[&its])
                .filter(|(stat, _)| stat.ends_with("outcome=ok") == good)
                .map(|(_, count)| count)
                .sum::<u64>()
        };
        let ended = async || {
            for name in &names {
                if fetches(name, false).await == 0 {
                    return None;
                }
            }
            (fetches("honest", true).await > 0).then_some(())
        };
        eventually("the end of every fetch", PATIENCE, ended).await.unwrap();
        for name in &names {
            assert_eq!(fetches(name, true).await, 0, "{name}: its keys are not known");
        }
        for other in &others {
            assert_eq!(other.count(), 0, "{} was asked", other.authority);
        }
        let asked = asked.lock().unwrap().clone();
        for name in &names {
            // where the document lies, the keys are not even looked for at the right place
            let lies_in_document =
                !name.contains("redirects-its-keys") && !name.contains("redirects-its-uri");
            assert_eq!(
                asked.contains(&format!("/{name}/jwks")),
                !lies_in_document,
                "{name}: {asked:?}"
            );
        }

        // both would be counted
        for other in &others {
            TcpStream::connect(&other.authority).await.unwrap();
            let counted = async || (other.count() == 1).then_some(());
            eventually("the connection", PATIENCE, counted).await.unwrap();
        }
    });
}

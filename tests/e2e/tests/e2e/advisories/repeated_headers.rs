//! A header that comes twice, joined or with bytes beyond ASCII decides nothing that its parts
//! would not.
use e2e::{RawH2Reply, Shared, Shop, in_front_of_an_echo, raw_h2};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::manager::closes_at_once;
use crate::support::{fields, subject};

/// The one origin whose pages may use the cookie.
const OURS: &str = "https://shop.example";

static SHOP: Shared = Shared::made("advisories-headers", |stack| {
    let stack = stack.provider("browsers").provider("proxies");
    in_front_of_an_echo(stack).envoy(closes_at_once).policy(|policy| {
        policy["providers"]["browsers"]["token_source"] =
            json!({ "cookie": { "name": "__Host-token", "origins": [OURS] } });
        policy["providers"]["proxies"]["token_source"] =
            json!({ "header": { "name": "x-token", "prefix": "jwt " } });
        let service = |host: &str, provider: &str| {
            json!({ "hosts": [host], "providers": [provider], "cors": { "preflight": true }, "routes": [
                { "match": "GET /me", "authenticated": true },
                { "match": "POST /me", "authenticated": true },
                { "match": "GET /admin", "roles": ["admin"] },
                { "match": "GET /public", "public": true },
            ] })
        };
        let open =
            json!({ "hosts": ["open.example"], "routes": [{ "match": "GET /admin", "public": true }] });
        policy["services"] = json!({
            "shop": service("shop.example", "keycloak"),
            "browsers": service("browsers.example", "browsers"),
            "proxies": service("proxies.example", "proxies"),
            "open": open,
        });
        policy["identity"]["assertion"].as_object_mut().unwrap().remove("audience");
    })
});

/// The first line of a request, and its host.
#[derive(Clone)]
struct Line {
    method: Vec<u8>,
    host: Vec<u8>,
    path: Vec<u8>,
}

fn line(method: &str, host: &str, path: &str) -> Line {
    Line { method: method.into(), host: host.into(), path: path.into() }
}

type Field<'f> = (&'f str, Vec<u8>);

/// What came back, in both versions of HTTP: the body as JSON, null where Envoy itself refused the
/// request.
async fn send(shop: &Shop, line: &Line, headers: &[Field<'_>]) -> [Value; 2] {
    let Line { method, host, path } = line;
    let mut h1 =
        [method, &b" "[..], path, b" HTTP/1.1\r\nHost: ", host, b"\r\nConnection: close\r\n"]
            .concat();
    for (name, value) in headers {
        h1.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    h1.extend(b"\r\n");
    let mut h2: Vec<(&str, &[u8])> =
        vec![(":method", method), (":scheme", b"http"), (":authority", host), (":path", path)];
    h2.extend(headers.iter().map(|(name, value)| (*name, value.as_slice())));
    let (h1, h2) = tokio::join!(shop.raw(h1), raw_h2(shop.stack.envoy().port(), &h2));
    let h2 = match h2 {
        RawH2Reply::Answer(body) => serde_json::from_str(&body).unwrap_or_default(),
        RawH2Reply::Reset => Value::Null,
    };
    [h1.body, h2]
}

/// A request, and the reasons for which it may be refused.
type Case<'c> = (Line, Vec<Field<'c>>, &'c [&'c str]);

/// All are refused, in both versions of HTTP, for one of their reasons or by Envoy itself, and none
/// reaches the service: how many the filter has refused.
async fn refused(shop: &Shop, cases: Vec<Case<'_>>) -> usize {
    let one = async |(line, headers, reasons): Case<'_>| {
        let bodies = send(shop, &line, &headers).await;
        for body in &bodies {
            let known = body.is_null() || reasons.iter().any(|reason| body["reason"] == *reason);
            let shown =
                |(name, value): &Field<'_>| format!("{name}: {}", String::from_utf8_lossy(value));
            assert!(known, "{:?}: {body}", headers.iter().map(shown).collect::<Vec<_>>());
        }
        bodies.iter().filter(|body| !body.is_null()).count()
    };
    shop.unreached(async {
        let mut decided = 0;
        let mut cases = cases.into_iter();
        loop {
            let some: Vec<_> = cases.by_ref().take(16).map(&one).collect();
            if some.is_empty() {
                return decided;
            }
            decided += join_all(some).await.into_iter().sum::<usize>();
        }
    })
    .await
}

/// Two values of one header in every way in which they can be sent, in both orders.
fn together<'n>(name: &'n str, one: &str, other: &str) -> Vec<Vec<Field<'n>>> {
    let mut all = Vec::new();
    for (first, second) in [(one, other), (other, one)] {
        all.push(vec![(name, first.into()), (name, second.into())]);
        for joint in [",", ", ", " ,"] {
            all.push(vec![(name, format!("{first}{joint}{second}").into())]);
        }
    }
    all
}

struct Tokens {
    admin: String,
    nobody: String,
}

async fn tokens(shop: &Shop, provider: &str) -> Tokens {
    let who = |name: &str| {
        if provider.is_empty() { name.to_owned() } else { format!("{name}@{provider}") }
    };
    Tokens { admin: shop.token(&who("ada")).await, nobody: shop.token(&who("nora")).await }
}

/// CVE-2026-26308 (Envoy), CVE-2026-31838 (Istio): of several values only the first, or the joined
/// text, was matched.
#[test]
fn of_two_credentials_none_is_taken_in_any_order_or_form() {
    SHOP.visit(async |shop| {
        let (bearer, cookie, header) =
            (tokens(shop, "").await, tokens(shop, "browsers").await, tokens(shop, "proxies").await);
        for (host, name, before, tokens) in [
            ("shop.example", "authorization", "Bearer ", bearer),
            ("browsers.example", "cookie", "__Host-token=", cookie),
            ("proxies.example", "x-token", "jwt ", header),
        ] {
            let [admin, nobody, garbage, bare] =
                [&*tokens.admin, &tokens.nobody, "x", ""].map(|token| format!("{before}{token}"));
            let one = [(name, admin.clone().into_bytes())];
            for body in send(shop, &line("GET", host, "/admin"), &one).await {
                assert!(body["headers"].is_array(), "{name}: alone it is good: {body}");
            }
            let mut cases: Vec<Case<'_>> = Vec::new();
            for (one, other) in
                [(&admin, &nobody), (&admin, &garbage), (&admin, &bare), (&admin, &admin)]
            {
                for mut headers in together(name, one, other) {
                    if name == "cookie" {
                        // a comma does not separate cookies
                        for (_, value) in &mut headers {
                            value
                                .iter_mut()
                                .filter(|byte| **byte == b',')
                                .for_each(|byte| *byte = b';');
                        }
                    }
                    for path in ["/admin", "/public", "/nothing"] {
                        cases.push((
                            line("GET", host, path),
                            headers.clone(),
                            &["credentials-ambiguous"],
                        ));
                    }
                }
            }
            let all = 2 * cases.len();
            assert_eq!(refused(shop, cases).await, all, "{name}: by the filter");
        }
    });
}

/// As above. An origin is compared as a whole: a list that holds ours is another one.
#[test]
fn of_two_origins_none_is_ours() {
    SHOP.visit(async |shop| {
        let token = shop.token("alice@browsers").await;
        let cookie = ("cookie", format!("__Host-token={token}").into_bytes());
        let post = line("POST", "browsers.example", "/me");
        let alone = [cookie.clone(), ("origin", OURS.into()), ("content-length", b"0".into())];
        for body in send(shop, &post, &alone).await {
            assert!(body["headers"].is_array(), "ours alone is good: {body}");
        }
        let mut cases: Vec<Case<'_>> = Vec::new();
        // an empty one beside another is left out by Envoy, before a filter or the service sees it
        for other in ["https://evil.example", "null", " ", "x", OURS] {
            for mut headers in together("origin", OURS, other) {
                if other == " " && headers.len() > 1 {
                    continue;
                }
                headers.extend([cookie.clone(), ("content-length", b"0".into())]);
                cases.push((post.clone(), headers, &["origin-not-allowed"]));
            }
        }
        let all = 2 * cases.len();
        assert_eq!(refused(shop, cases).await, all, "by the filter");
    });
}

/// As above. The host by which a request was decided is the only one that the service gets.
#[test]
fn of_two_hosts_the_wider_ones_rules_open_nothing_at_the_other() {
    SHOP.visit(async |shop| {
        let mut decided = 0;
        for (first, second) in [("shop.example", "open.example"), ("open.example", "shop.example")]
        {
            let second = second.as_bytes().to_vec();
            let joined = format!("{first},{}", String::from_utf8_lossy(&second));
            for (host, headers) in [
                (first, vec![("host", second.clone())]),
                (&joined, vec![]),
                (first, vec![("x-forwarded-host", second.clone())]),
                (first, vec![("x-host", second.clone())]),
                (first, vec![(":authority", second)]),
            ] {
                for body in send(shop, &line("GET", host, "/admin"), &headers).await {
                    if body["headers"].is_array() {
                        // open.example's own row, and its own host
                        assert_eq!(first, "open.example", "{body}");
                        assert_eq!(fields(&body["headers"])["host"], ["open.example"], "{body}");
                    } else if !body.is_null() {
                        assert!(
                            ["token-missing", "route-undeclared"]
                                .iter()
                                .any(|it| body["reason"] == *it),
                            "{body}"
                        );
                    }
                    decided += usize::from(!body.is_null());
                }
            }
        }
        assert!(decided >= 10, "{decided} of them were decided by the filter");
    });
}

/// As above. What a client says of itself is gone, however often it says it.
#[test]
fn identity_headers_that_come_twice_or_joined_leave_the_gateways_word_alone() {
    SHOP.visit(async |shop| {
        let token = shop.token("nora").await;
        let bearer = ("authorization", format!("Bearer {token}").into_bytes());
        let mut cases: Vec<Case<'_>> = Vec::new();
        for name in [
            "x-auth-subject",
            "x-auth-roles",
            "x-auth-issuer",
            "x-auth-principal",
            "X-Auth-Roles",
            "x_auth_roles",
        ] {
            for mut headers in together(name, "admin", "root") {
                headers.push(bearer.clone());
                cases.push((
                    line("GET", "shop.example", "/admin"),
                    headers.clone(),
                    &["role-missing"],
                ));
                for body in send(shop, &line("GET", "shop.example", "/me"), &headers).await {
                    // HTTP/2 forbids upper case in names
                    if body.is_null() {
                        assert_eq!(name, "X-Auth-Roles");
                        continue;
                    }
                    let received = fields(&body["headers"]);
                    assert_eq!(received["x-auth-subject"], [subject("nora")], "{name}");
                    assert!(
                        received.iter().filter(|(name, _)| name.starts_with("x-auth-")).all(
                            |(_, values)| {
                                values.len() == 1
                                    && !values[0].contains("admin")
                                    && !values[0].contains("root")
                            }
                        ),
                        "{name}: {received:?}"
                    );
                }
                for body in send(
                    shop,
                    &line("GET", "shop.example", "/public"),
                    &headers[..headers.len() - 1],
                )
                .await
                {
                    assert!(
                        !body.to_string().contains("x-auth-")
                            && !body.to_string().contains("x_auth_"),
                        "{body}"
                    );
                }
            }
        }
        assert!(refused(shop, cases).await > 0);
    });
}

/// Latin-1, UTF-8, half of UTF-8, what some readers trim, and what others cannot see.
const BEYOND_ASCII: [&[u8]; 8] = [
    b"\x80",
    b"\xff",
    b"\xe9",
    b"\xa0",
    b"\x85",
    "é".as_bytes(),
    "\u{200b}".as_bytes(),
    "\u{feff}".as_bytes(),
];

/// `value` with these bytes before it, behind it, and at each place where `at` says so.
fn spoilt(value: &[u8], bytes: &[u8], at: &[usize]) -> Vec<Vec<u8>> {
    let places = [0, value.len()].into_iter().chain(at.iter().copied());
    places.map(|at| [&value[..at], bytes, &value[at..]].concat()).collect()
}

/// CVE-2026-73552 (Envoy): a matcher that met a byte beyond ASCII (RFC 9110 5.5, `obs-text`) let
/// the request pass.
#[test]
fn a_byte_beyond_ascii_in_what_the_filter_reads_never_matches() {
    SHOP.visit(async |shop| {
        let (bearer, cookie, header) = (
            shop.token("ada").await,
            shop.token("ada@browsers").await,
            shop.token("ada@proxies").await,
        );
        let no_credential =
            &["token-missing", "token-malformed", "header-malformed", "credentials-ambiguous"][..];
        let mut cases: Vec<Case<'_>> = Vec::new();
        for bytes in BEYOND_ASCII {
            for (host, name, before, token) in [
                ("shop.example", "authorization", "Bearer ", &bearer),
                ("browsers.example", "cookie", "__Host-token=", &cookie),
                ("proxies.example", "x-token", "jwt ", &header),
            ] {
                let good = format!("{before}{token}");
                // in the name or scheme, before what separates them, behind it, and inside of the
                // token
                let at = [2, before.len() - 1, before.len(), before.len() + 9, good.len() - 3];
                for value in spoilt(good.as_bytes(), bytes, &at) {
                    cases.push((line("GET", host, "/admin"), vec![(name, value)], no_credential));
                }
            }

            let cookie = ("cookie", format!("__Host-token={cookie}").into_bytes());
            for origin in spoilt(OURS.as_bytes(), bytes, &[5, 12]) {
                let headers =
                    vec![cookie.clone(), ("origin", origin), ("content-length", b"0".into())];
                cases.push((
                    line("POST", "browsers.example", "/me"),
                    headers,
                    &["origin-not-allowed"],
                ));
            }
            // an upgrade is not a plain GET, whatever protocol it names
            for upgrade in spoilt(b"websocket", bytes, &[3]) {
                let headers =
                    vec![cookie.clone(), ("upgrade", upgrade), ("connection", b"upgrade".into())];
                cases.push((
                    line("GET", "browsers.example", "/me"),
                    headers,
                    &["origin-not-allowed"],
                ));
            }
            let open = line("GET", "open.example", "/admin");
            for method in spoilt(b"GET", bytes, &[1]) {
                let preflight = vec![
                    ("origin", OURS.into()),
                    ("access-control-request-method", method.clone()),
                ];
                cases.push((line("OPTIONS", "shop.example", "/me"), preflight, &["token-missing"]));
                cases.push((Line { method, ..open.clone() }, vec![], &["token-missing"]));
            }
            for host in spoilt(b"open.example", bytes, &[2, 4, 5]) {
                cases.push((
                    Line { host, ..open.clone() },
                    vec![],
                    &["token-missing", "route-undeclared"],
                ));
            }
            for path in spoilt(b"/admin", bytes, &[1, 3]) {
                cases.push((
                    Line { path, ..open.clone() },
                    vec![],
                    &["path-ambiguous", "token-missing"],
                ));
            }
        }
        let decided = refused(shop, cases).await;
        assert!(decided > 300, "{decided} of them were decided by the filter");
        // what is not read does no harm
        let beside = [
            ("authorization", format!("Bearer {bearer}").into_bytes()),
            ("x-other", b"\x80\xff".into()),
            ("cookie", b"theme=\xe9".into()),
        ];
        for body in send(shop, &line("GET", "shop.example", "/admin"), &beside).await {
            assert_eq!(fields(&body["headers"])["x-auth-subject"], [subject("ada")], "{body}");
        }
    });
}

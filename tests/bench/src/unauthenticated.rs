//! Every kind of request that is sent without a good token, and the policy that refuses it: what
//! the amplification table measures.
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use portcullis_engine::reason::Reason;
use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng as _};
use rustc_hash::FxBuildHasher;
use serde_json::{Value, json};

use crate::gateway;
use crate::load::Call;
use crate::rules::{Provider, Row, Rules};
use crate::tokens::{AUDIENCE, Algorithm, Claims, ROLE, Tokens, bearer, now};

/// The largest token that the policy takes, in bytes.
const TOKEN_BYTES: usize = 16 * 1024;
/// Key sizes of RSA that are measured, in bits: all that providers use, and the largest that are
/// taken.
const RS_BITS: [usize; 4] = [2048, 3072, 4096, 8192];
const PS_BITS: [usize; 3] = [2048, 3072, 4096];
/// Hosts of services that exist for one kind of request.
const OPEN: &str = "open.example";
const NARROW: &str = "narrow.example";
const ELSEWHERE: &str = "elsewhere.example";
const COOKIE: &str = "__Host-token";

/// A kind of request.
pub(crate) struct Kind {
    pub(crate) name: String,
    /// Whether a signature of it is verified: what that costs, the policy has allowed.
    pub(crate) verifies: bool,
    /// It is refused for one of these; it passes if there is none.
    pub(crate) reasons: Vec<Reason>,
    /// Whether it goes to the gateway whose queue is always full.
    pub(crate) full_queue: bool,
    /// It gets one of so many of the schedule's requests.
    pub(crate) one_of: usize,
    /// The requests, taken in turn.
    pub(crate) calls: Vec<Call>,
}

/// What the gateways enforce, and what they are asked.
pub(crate) struct World {
    pub(crate) main: Provider,
    pub(crate) table: Vec<Row>,
    /// Public keys without private keys: a bad signature needs none.
    large: Vec<PublicKey>,
}

/// An RSA key that only verifies: a random odd modulus, since a verification takes as long whatever
/// its factors are.
struct PublicKey {
    algorithm: &'static str,
    bits: usize,
    modulus: Vec<u8>,
}

impl PublicKey {
    fn new(algorithm: &'static str, bits: usize) -> Self {
        let mut modulus = vec![0; bits / 8];
        StdRng::seed_from_u64(bits as u64).fill_bytes(&mut modulus);
        modulus[0] |= 0x80;
        modulus[bits / 8 - 1] |= 1;
        Self { algorithm, bits, modulus }
    }

    fn kid(&self) -> String {
        format!("{}-{}", self.algorithm, self.bits)
    }

    fn jwk(&self) -> Value {
        let n = BASE64URL.encode(&self.modulus);
        json!({ "kty": "RSA", "kid": self.kid(), "alg": self.algorithm, "use": "sig", "n": n, "e": "AQAB" })
    }

    /// A number below the modulus, so that it is not turned away before it is raised to its power.
    fn signature(&self, number: u64) -> Vec<u8> {
        let mut signature = vec![0; self.modulus.len()];
        StdRng::seed_from_u64(number).fill_bytes(&mut signature[1..]);
        signature
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let algorithms = [&Algorithm::ALL[..], &[Algorithm::Es384]].concat();
        let larger = |algorithm, bits: &[usize]| {
            let larger = bits.iter().filter(|bits| **bits > 2048);
            larger.map(|bits| PublicKey::new(algorithm, *bits)).collect::<Vec<_>>()
        };
        Self {
            main: Provider::new(0, &algorithms),
            table: crate::rules::table(10),
            large: [larger("RS256", &RS_BITS), larger("PS256", &PS_BITS)]
                .into_iter()
                .flatten()
                .collect(),
        }
    }

    pub(crate) fn rules(&self) -> Rules<'_> {
        Rules { providers: std::slice::from_ref(&self.main), table: &self.table }
    }

    /// The policy, with a queue for so many requests.
    pub(crate) fn policy(&self, waiting: usize) -> Value {
        let mut policy = gateway::policy(self.rules(), true);
        let key = json!({ "keys": [self.main.key(Algorithm::Rs256).jwk()] });
        let provider = |name: &str, jwks: Value| {
            json!({
                "issuer": issuer(name), "audiences": [AUDIENCE], "algorithms": ["RS256"], "jwks": jwks,
                "roles": [{ "path": ["realm_access", "roles"] }],
            })
        };
        let fetched = |path: &str, times: Value| {
            let mut jwks = times;
            jwks["uri"] = json!(format!("http://idp.example/{path}"));
            jwks["cluster"] = json!("idp");
            jwks
        };
        let providers = &mut policy["providers"];
        let main = &mut providers[&self.main.name];
        let keys = main["jwks"]["inline"]["keys"].as_array_mut().expect("a list of keys");
        keys.extend(self.large.iter().map(PublicKey::jwk));
        main["max_pss_key_bits"] = json!(4096);
        providers["strict"] = provider("strict", json!({ "inline": key }));
        providers["strict"]["max_age"] = json!("1h");
        providers["strict"]["required_claims"] = json!([{ "path": ["typ"], "equals": "Bearer" }]);
        providers["browser"] = provider("browser", json!({ "inline": key }));
        providers["browser"]["token_source"] =
            json!({ "cookie": { "name": COOKIE, "origins": ["https://shop.example"] } });
        let hours = json!({ "refresh": "1h", "max_stale": "2h", "unknown_kid_interval": "1h" });
        providers["fetched"] = provider("fetched", fetched("jwks", hours.clone()));
        providers["absent"] = provider("absent", fetched("never", hours));
        providers["stale"] =
            provider("stale", fetched("once", json!({ "refresh": "1s", "max_stale": "1s" })));
        let services = &mut policy["services"];
        services["open"] = json!({
            "hosts": [OPEN],
            "cors": { "preflight": true },
            "routes": [
                { "match": "GET /", "public": true },
                { "match": "GET /files/{*rest}", "roles": [ROLE] },
                { "match": "GET /files/{a}/{b}/{c}/{d}/meta", "roles": [ROLE] },
                { "match": "GET /files/{a}/{b}/c/{d}/data", "roles": [ROLE] },
            ],
        });
        services["narrow"] = json!({
            "hosts": [NARROW], "providers": [self.main.name], "routes": [{ "match": "GET /", "roles": [ROLE] }],
        });
        services["elsewhere"] = json!({
            "hosts": [ELSEWHERE], "clusters": ["nowhere"], "routes": [{ "match": "GET /", "public": true }],
        });
        policy["waiting"] = json!({ "requests": waiting, "time": "1s" });
        policy
    }

    /// Every kind.
    pub(crate) fn kinds(&self) -> Result<Vec<Kind>> {
        let mut kinds = Vec::new();
        self.headers(&mut kinds)?;
        self.paths(&mut kinds)?;
        self.credentials(&mut kinds)?;
        self.json(&mut kinds);
        self.tokens(&mut kinds);
        self.claims(&mut kinds);
        self.signatures(&mut kinds);
        self.keys(&mut kinds);
        self.passing(&mut kinds)?;
        self.with_a_good_token(&mut kinds)?;
        Ok(kinds)
    }

    /// A request for the first row, which needs a token.
    fn call(&self) -> Call {
        let row = &self.table[0];
        Call {
            host: HeaderValue::try_from(&row.host).expect("a host"),
            method: row.method.clone(),
            path: row.path().parse().expect("a path"),
            authorization: None,
            headers: None,
            expect: StatusCode::UNAUTHORIZED,
        }
    }

    fn to(&self, host: &'static str, path: &str) -> Result<Call> {
        Ok(Call { host: HeaderValue::from_static(host), path: path.parse()?, ..self.call() })
    }

    fn with_token(&self, token: &str) -> Call {
        Call { authorization: Some(bearer(token)), ..self.call() }
    }

    fn with_headers(&self, headers: &[(&str, &str)]) -> Call {
        more(
            self.call(),
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    fn headers(&self, kinds: &mut Vec<Kind>) -> Result<()> {
        use Reason::TokenMissing;
        kinds.extend([
            refused("no token", TokenMissing, self.call()),
            refused(
                "no token, gRPC",
                TokenMissing,
                self.with_headers(&[("content-type", "application/grpc")]),
            ),
            refused("no token, host of no service", TokenMissing, self.to("nobody.example", "/")?),
            refused(
                "no token, host of 10,000 labels",
                TokenMissing,
                self.with_host(&"a.".repeat(10_000))?,
            ),
            refused(
                "no token, 54 KB in 90 headers",
                TokenMissing,
                more(self.call(), sized(90, 585)),
            ),
            refused(
                "no token, 54 KB in 3 headers",
                TokenMissing,
                more(self.call(), sized(3, 18_000)),
            ),
            refused(
                "10,000 cookie crumbs",
                Reason::CredentialsAmbiguous,
                self.with_headers(&[("cookie", &"a=1;".repeat(10_000))]),
            ),
            refused(
                "no token, 500 cookies of nearly the right name",
                TokenMissing,
                self.with_headers(&[("cookie", &"__Host-tokem=1; ".repeat(500))]),
            ),
            refused(
                "two tokens, behind 10,000 cookie crumbs",
                Reason::CredentialsAmbiguous,
                self.with_headers(&[(
                    "cookie",
                    &format!("{0}{COOKIE}=a;{COOKIE}=b", "a=1;".repeat(10_000)),
                )]),
            ),
        ]);
        Ok(())
    }

    fn with_host(&self, host: &str) -> Result<Call> {
        Ok(Call { host: HeaderValue::try_from(host)?, ..self.call() })
    }

    fn paths(&self, kinds: &mut Vec<Kind>) -> Result<()> {
        use Reason::{PathAmbiguous, TokenMissing};
        let files = |rest: &str| self.to(OPEN, &format!("/files{rest}"));
        kinds.extend([
            refused("path of 25,000 segments", PathAmbiguous, self.to(OPEN, &"/a".repeat(25_000))?),
            refused("path of 2,000 segments", TokenMissing, self.to(OPEN, &"/a".repeat(2_000))?),
            refused(
                "path of 2,000 segments below `{*rest}`",
                TokenMissing,
                files(&"/a".repeat(2_000))?,
            ),
            refused(
                "path of 1,000 escapes",
                TokenMissing,
                files(&format!("/{}", "%20a".repeat(1_000)))?,
            ),
            refused(
                "path of 400 euro signs",
                TokenMissing,
                files(&format!("/{}", "%e2%82%ac".repeat(400)))?,
            ),
            refused(
                "path of 800 segments with escapes",
                TokenMissing,
                files(&"/%20a".repeat(800))?,
            ),
            refused(
                "query of 50 KB",
                TokenMissing,
                files(&format!("/a?{}", "a=%20&".repeat(8_300)))?,
            ),
            refused("ambiguous path", PathAmbiguous, files("//a")?),
            refused(
                "path ambiguous at the end of 4 KB",
                PathAmbiguous,
                files(&format!("{}//", "/a".repeat(2_000)))?,
            ),
        ]);
        Ok(())
    }

    fn credentials(&self, kinds: &mut Vec<Kind>) -> Result<()> {
        use Reason::{CredentialsAmbiguous, TokenMissing, TokenTooLarge};
        let with = |value: String| {
            anyhow::Ok(Call { authorization: Some(HeaderValue::try_from(value)?), ..self.call() })
        };
        let token = |bytes: usize| self.with_token(&format!("a.b.{}", "c".repeat(bytes - 4)));
        kinds.extend([
            refused(
                "two credentials",
                CredentialsAmbiguous,
                with("Bearer a, Bearer b".to_owned())?,
            ),
            refused(
                "Authorization of 25,000 commas",
                CredentialsAmbiguous,
                with(format!("Basic a{}", " ,".repeat(25_000)))?,
            ),
            refused(
                "Authorization of 50 KB in 60 parts",
                TokenMissing,
                with(format!("Digest {}", format!("a={}, ", "b".repeat(830)).repeat(60)))?,
            ),
            refused("token of 16 KiB and a byte", TokenTooLarge, token(TOKEN_BYTES + 1)),
            refused("token of 50 KB", TokenTooLarge, token(50_000)),
            refused("token of 3 words", CredentialsAmbiguous, with("Bearer a b c".to_owned())?),
            refused(
                "cookie from no listed origin",
                Reason::OriginNotAllowed,
                Call {
                    method: Method::POST,
                    ..self.with_headers(&[("cookie", &format!("{COOKIE}=a.b.c"))])
                },
            ),
        ]);
        Ok(())
    }

    /// A token with an unknown key id, so that no signature is verified, and with further members
    /// in its header and payload.
    fn unknown_key(&self, name: &str, in_header: &str, in_payload: &str) -> Kind {
        let header = format!(r#"{{"alg":"RS256","typ":"JWT","kid":"nobody"{in_header}}}"#);
        let (issuer, expires) = (&self.main.issuer, now() + 3600);
        let payload = format!(
            r#"{{"iss":"{issuer}","aud":"{AUDIENCE}","sub":"a","exp":{expires}{in_payload}}}"#
        );
        Kind {
            // bounds of what is read may turn it away earlier
            reasons: vec![Reason::KeyUnknown, Reason::HeaderMalformed, Reason::ClaimsMalformed],
            ..refused(
                name,
                Reason::KeyUnknown,
                self.with_token(&compact(&header, &payload, &[7; 256])),
            )
        }
    }

    /// Tokens that are expensive to parse before their key is looked up.
    fn json(&self, kinds: &mut Vec<Kind>) {
        let mut add = |name: &str, in_header: &str, in_payload: &str| {
            kinds.push(self.unknown_key(name, in_header, in_payload));
        };
        add("unknown key", "", "");
        for count in [60, 250, 1_000] {
            add(&format!("{count} members in the header"), &members(&short(count)), "");
            add(&format!("{count} members in the payload"), "", &members(&numbered(count)));
            add(&format!("{count} values in a list"), "", &list(count));
        }
        for (hash, names) in colliding(500) {
            add(&format!("500 members with one {hash}"), "", &members(&names));
        }
        // the room that three quarters of 16 KiB leave
        let room = (TOKEN_BYTES - 600) / 4 * 3 - 100;
        let inside =
            |open: &str, close: &str, depth: usize| open.repeat(depth) + "0" + &close.repeat(depth);
        let deep = |times: usize| vec![inside("[", "]", 14); times].join(",");
        for (name, value) in [
            ("12 KB of text", format!("\"{}\"", "x".repeat(room))),
            ("2,000 escapes", format!("\"{}\"", r"\u0041".repeat(room / 6))),
            ("6,000 short escapes", format!("\"{}\"", r"\n".repeat(room / 2))),
            ("1,000 surrogate pairs", format!("\"{}\"", r"\ud83d\ude00".repeat(room / 12))),
            ("a number of 12,000 digits", "1".repeat(300) + "." + &"1".repeat(room - 301)),
            ("a list in a list, 6,000 times", inside("[", "]", room / 2)),
            ("an object in an object, 2,000 times", inside("{\"a\":", "}", room / 6)),
            ("60 lists, 14 deep", format!("[{}]", deep(60))),
        ] {
            add(name, "", &format!(",\"x\":{value}"));
        }
        let escaped: Vec<_> = numbered(750).iter().map(|name| format!("\\u0061{name}")).collect();
        add("750 names with an escape", "", &members(&escaped));
    }

    /// Tokens that are refused before a signature is looked at.
    fn tokens(&self, kinds: &mut Vec<Kind>) {
        let kid = |algorithm| self.main.key(algorithm).kid.clone();
        let header = |alg: &str, kid: &str| json!({ "alg": alg, "typ": "JWT", "kid": kid });
        let with = |header: Value, payload: Value| {
            self.with_token(&compact(&header.to_string(), &payload.to_string(), &[7; 256]))
        };
        let good = header("RS256", &kid(Algorithm::Rs256));
        let claims = Self::good_claims(&self.main.issuer);
        let changed = |name: &str, value: Value| {
            let mut header = good.clone();
            header[name] = value;
            with(header, claims.clone())
        };
        kinds.extend([
            refused("no token at all", Reason::TokenMalformed, self.with_token("abc")),
            refused(
                "header that is no object",
                Reason::HeaderMalformed,
                with(json!([]), claims.clone()),
            ),
            refused(
                "payload that is no object",
                Reason::ClaimsMalformed,
                with(good.clone(), json!([])),
            ),
            refused("alg none", Reason::AlgorithmNotAccepted, changed("alg", json!("none"))),
            refused(
                "typ of another token",
                Reason::TypeNotAccepted,
                changed("typ", json!("logout+jwt")),
            ),
            refused("critical header", Reason::CriticalHeader, changed("crit", json!(["exp"]))),
            refused(
                "unknown issuer",
                Reason::IssuerUnknown,
                with(good.clone(), Self::good_claims("https://evil.example")),
            ),
            refused(
                "no key id",
                Reason::KeyAmbiguous,
                with(json!({ "alg": "RS256", "typ": "JWT" }), claims.clone()),
            ),
            refused(
                "key of another algorithm",
                Reason::KeyUnsuitable,
                with(header("RS256", &kid(Algorithm::Es256)), claims.clone()),
            ),
        ]);
        let narrow = Call {
            host: HeaderValue::from_static(NARROW),
            path: "/".parse().expect("a path"),
            ..with(good.clone(), Self::good_claims(&issuer("strict")))
        };
        kinds.push(refused("issuer of another service", Reason::IssuerNotAccepted, narrow));
    }

    fn good_claims(issuer: &str) -> Value {
        json!({
            "iss": issuer, "aud": AUDIENCE, "sub": "alice", "iat": now(), "exp": now() + 24 * 3600, "typ": "Bearer",
            "realm_access": { "roles": [ROLE] },
        })
    }

    /// Tokens of the provider's own that are good for nothing here, as every client of it has some.
    fn claims(&self, kinds: &mut Vec<Kind>) {
        let key = self.main.key(Algorithm::Rs256);
        let hour = 3600;
        for (name, reason, issuer, claim, value) in [
            ("expired", Reason::TokenExpired, &self.main.issuer, "exp", json!(now() - hour)),
            (
                "not yet valid",
                Reason::TokenNotYetValid,
                &self.main.issuer,
                "nbf",
                json!(now() + hour),
            ),
            (
                "issued in the future",
                Reason::TokenIssuedInFuture,
                &self.main.issuer,
                "iat",
                json!(now() + hour),
            ),
            ("too old", Reason::TokenTooOld, &issuer("strict"), "iat", json!(now() - 2 * hour)),
            (
                "for another audience",
                Reason::AudienceMismatch,
                &self.main.issuer,
                "aud",
                json!("other"),
            ),
            ("without a subject", Reason::SubjectInvalid, &self.main.issuer, "sub", json!("")),
            ("of another kind", Reason::ClaimMismatch, &issuer("strict"), "typ", json!("ID")),
            (
                "bound to a certificate",
                Reason::BindingMismatch,
                &self.main.issuer,
                "cnf",
                json!({ "x5t#S256": BASE64URL.encode([7; 32]) }),
            ),
        ] {
            let mut claims = Self::good_claims(issuer);
            claims[claim] = value;
            let call = self.with_token(&key.token(&claims));
            kinds.push(Kind {
                verifies: true,
                ..refused(&format!("signed token, {name}"), reason, call)
            });
        }
    }

    /// Bad signatures, by each algorithm and size of key.
    fn signatures(&self, kinds: &mut Vec<Kind>) {
        let bad = |name: &str, one_of, calls| Kind {
            verifies: true,
            one_of,
            calls,
            ..refused(&format!("bad {name}"), Reason::SignatureInvalid, self.call())
        };
        let claims = |number: u64| {
            let mut claims = Self::good_claims(&self.main.issuer);
            claims["jti"] = json!(number);
            claims
        };
        for key in &self.main.keys {
            let algorithm = key.algorithm;
            let tokens: Vec<_> = (0..20).map(|number| key.token(&claims(number))).collect();
            let next = tokens.iter().cycle().skip(1);
            let exchanged = tokens.iter().zip(next).filter_map(|(token, other)| {
                let (message, (_, signature)) =
                    (token.rsplit_once('.')?.0, other.rsplit_once('.')?);
                Some(self.with_token(&format!("{message}.{signature}")))
            });
            let bits = if algorithm.signature_bytes() > 100 { " 2048" } else { "" };
            let one_of = if algorithm == Algorithm::Ps256 { 4 } else { 1 };
            kinds.push(bad(&format!("{}{bits}", algorithm.name()), one_of, exchanged.collect()));
        }
        for key in &self.large {
            let token = |number| {
                let header =
                    json!({ "alg": key.algorithm, "typ": "JWT", "kid": key.kid() }).to_string();
                self.with_token(&compact(
                    &header,
                    &claims(number).to_string(),
                    &key.signature(number),
                ))
            };
            let one_of = if key.algorithm == "PS256" { 10 } else { 1 };
            kinds.push(bad(
                &format!("{} {}", key.algorithm, key.bits),
                one_of,
                (0..20).map(token).collect(),
            ));
        }
        let key = self.main.key(Algorithm::Rs256);
        let mut large = claims(0);
        large["x"] = json!("x".repeat(11_300));
        let (large, other) = (key.token(&large), key.token(&claims(1)));
        let parts = large.rsplit_once('.').zip(other.rsplit_once('.'));
        let calls = parts.map(|((message, _), (_, signature))| {
            self.with_token(&format!("{message}.{signature}"))
        });
        kinds.push(bad("RS256 2048, 16 KiB", 1, calls.into_iter().collect()));
    }

    /// Requests whose keys are not here.
    fn keys(&self, kinds: &mut Vec<Kind>) {
        let token = |provider: &str, kid: &str| {
            let header = json!({ "alg": "RS256", "typ": "JWT", "kid": kid });
            self.with_token(&compact(
                &header.to_string(),
                &Self::good_claims(&issuer(provider)).to_string(),
                &[7; 256],
            ))
        };
        let random = (0..1_000).map(|number| token("fetched", &format!("kid-{number}")));
        kinds.push(Kind {
            calls: random.collect(),
            ..refused("unknown key, a new one each time", Reason::KeyNotYetFetched, self.call())
        });
        kinds.push(refused("stale keys", Reason::KeysStale, token("stale", "a")));
        // each waits for a second, so as many as there are connections are sent at once
        kinds.push(Kind {
            one_of: 4,
            ..refused("no keys yet", Reason::KeysUnavailable, token("absent", "a"))
        });
        kinds.push(Kind {
            full_queue: true,
            ..refused("no keys yet, full queue", Reason::QueueFull, token("absent", "a"))
        });
    }

    /// What needs no token, and goes on.
    fn passing(&self, kinds: &mut Vec<Kind>) -> Result<()> {
        let passes = |name: &str, call: Call| Kind {
            reasons: Vec::new(),
            ..refused(name, Reason::TokenMissing, Call { expect: StatusCode::OK, ..call })
        };
        let open = || self.to(OPEN, "/");
        // each letter of a name is written as it came; `-` and `_` are read alike
        let names = [
            "x-auth-subject",
            "x-auth_subject",
            "x_auth-roles",
            "x-forwarded-uri",
            "x-original_url",
            "x-http-method-override",
        ];
        let stripped =
            (0..90).map(|number| (names[number % names.len()].to_owned(), "v".repeat(500)));
        let preflight =
            [("origin", "https://shop.example"), ("access-control-request-method", "GET")];
        let preflight = preflight.map(|(name, value)| (name.to_owned(), value.to_owned()));
        kinds.extend([
            passes("public row", open()?),
            passes("public row, 54 KB in 90 headers", more(open()?, sized(90, 585))),
            passes("public row, 90 headers that are stripped", more(open()?, stripped)),
            passes("preflight", Call { method: Method::OPTIONS, ..more(open()?, preflight) }),
        ]);
        kinds.push(refused(
            "route to another cluster",
            Reason::RouteElsewhere,
            self.to(ELSEWHERE, "/")?,
        ));
        Ok(())
    }

    /// What a client gets that is known, and not let in.
    fn with_a_good_token(&self, kinds: &mut Vec<Kind>) -> Result<()> {
        let key = self.main.key(Algorithm::Rs256);
        let tokens = |claims: &Claims| Tokens::of(key, claims, 20);
        let good = Claims::good("hot", &self.main);
        let guests = tokens(&Claims { role: "guest", ..Claims::good("guests", &self.main) })?;
        let calls = |tokens: Tokens, call: Call| {
            let with = |token| Call { authorization: Some(token), ..call.clone() };
            tokens.0.into_iter().map(with).collect::<Vec<_>>()
        };
        let undeclared = Call { path: "/undeclared".parse()?, ..self.call() };
        kinds.extend([
            Kind {
                calls: calls(guests, self.call()),
                ..refused("known token without the role", Reason::RoleMissing, self.call())
            },
            Kind {
                calls: calls(tokens(&good)?, undeclared),
                ..refused("known token, no row", Reason::RouteUndeclared, self.call())
            },
        ]);
        Ok(())
    }
}

impl Kind {
    /// So many calls, each of which expects the answer that the reason has.
    pub(crate) fn calls(&self, count: usize, expect: StatusCode) -> Arc<[Call]> {
        let closes = expect == StatusCode::BAD_REQUEST;
        let one = |call: &Call| {
            let mut headers = call.headers.as_deref().cloned().unwrap_or_default();
            headers.extend(closes.then_some((
                HeaderName::from_static(gateway::CLOSING),
                HeaderValue::from_static("1"),
            )));
            Call { expect, headers: Some(Arc::new(headers)), ..call.clone() }
        };
        let calls: Vec<_> = self.calls.iter().map(one).collect();
        calls.iter().cycle().take(count).cloned().collect()
    }

    /// The status that a client gets: a gRPC one reads another.
    pub(crate) fn status(&self) -> Result<StatusCode> {
        let status = self.reasons.first().map_or(200, |reason| reason.terms().status);
        Ok(StatusCode::from_u16(if self.is_grpc() { 200 } else { status })?)
    }

    pub(crate) fn is_grpc(&self) -> bool {
        let headers = self.calls.first().and_then(|call| call.headers.as_ref());
        headers.is_some_and(|headers| headers.contains_key("content-type"))
    }

    /// The size of a request's head, without what every client sends.
    pub(crate) fn bytes(&self) -> usize {
        let Some(call) = self.calls.first() else { return 0 };
        let headers = call.headers.iter().flat_map(|headers| headers.iter());
        let headers: usize =
            headers.map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        let token = call
            .authorization
            .as_ref()
            .map_or(0, |token| token.len() + "authorization: \r\n".len());
        call.path.to_string().len() + call.host.len() + headers + token
    }
}

fn refused(name: &str, reason: Reason, call: Call) -> Kind {
    let calls = vec![call];
    Kind {
        name: name.to_owned(),
        verifies: false,
        reasons: vec![reason],
        full_queue: false,
        one_of: 1,
        calls,
    }
}

fn more(call: Call, headers: impl IntoIterator<Item = (String, String)>) -> Call {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::try_from(name).expect("the name of a header");
        map.append(name, HeaderValue::try_from(value).expect("the value of a header"));
    }
    Call { headers: Some(Arc::new(map)), ..call }
}

fn sized(count: usize, bytes: usize) -> impl Iterator<Item = (String, String)> {
    (0..count).map(move |number| (format!("x-filler-{number:03}"), "v".repeat(bytes)))
}

/// Members of an object that has some already.
fn members(names: &[String]) -> String {
    names.iter().fold(String::new(), |text, name| text + ",\"" + name + "\":0")
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("a{number:03}")).collect()
}

/// Names of two letters, since a header may have 8 KiB.
fn short(count: usize) -> Vec<String> {
    (0..count).map(|number| base36(number, 2)).collect()
}

fn list(count: usize) -> String {
    format!(r#","x":[0{}]"#, ",0".repeat(count))
}

fn text(bytes: usize, of: &str) -> String {
    format!(r#","x":"{}""#, of.repeat(bytes / of.len()))
}

/// A way in which a request can grow.
pub(crate) struct Growth {
    pub(crate) name: &'static str,
    /// A size that four times of are still taken by Envoy and by the policy.
    pub(crate) smallest: usize,
    pub(crate) make: fn(&World, usize) -> Result<Kind>,
}

impl Growth {
    /// All of them.
    pub(crate) fn all() -> Vec<Self> {
        fn kind(call: Call) -> Kind {
            refused("", Reason::TokenMissing, call)
        }
        fn payload(world: &World, members: &str) -> Kind {
            world.unknown_key("", "", members)
        }
        fn colliding_by_fnv(count: usize) -> Vec<String> {
            colliding(count).swap_remove(0).1
        }
        let grows = |name, smallest, make| Self { name, smallest, make };
        vec![
            grows("headers", 20, |world, size| Ok(kind(more(world.call(), sized(size, 500))))),
            grows("bytes of three headers", 4_000, |world, size| {
                Ok(kind(more(world.call(), sized(3, size))))
            }),
            grows("cookies", 120, |world, size| {
                Ok(kind(world.with_headers(&[("cookie", &"a=1;".repeat(size))])))
            }),
            grows("labels of the host", 30, |world, size| {
                Ok(kind(world.with_host(&"a.".repeat(size))?))
            }),
            grows("segments of the path", 500, |world, size| {
                Ok(kind(world.to(OPEN, &format!("/files{}", "/a".repeat(size)))?))
            }),
            grows("escapes in the path", 250, |world, size| {
                Ok(kind(world.to(OPEN, &format!("/files/{}", "%20a".repeat(size)))?))
            }),
            grows("commas in Authorization", 15, |world, size| {
                let value = HeaderValue::try_from(format!("Basic a{}", " ,".repeat(size)))?;
                Ok(kind(Call { authorization: Some(value), ..world.call() }))
            }),
            grows("members of the header", 14, |world, size| {
                Ok(world.unknown_key("", &members(&short(size)), ""))
            }),
            grows("members of the payload", 240, |world, size| {
                Ok(payload(world, &members(&numbered(size))))
            }),
            grows("members that collide", 240, |world, size| {
                Ok(payload(world, &members(&colliding_by_fnv(size))))
            }),
            grows("values of a list", 240, |world, size| Ok(payload(world, &list(size)))),
            grows("bytes of a text", 2_700, |world, size| Ok(payload(world, &text(size, "x")))),
            grows("escapes in a text", 2_700, |world, size| {
                Ok(payload(world, &text(size, r"\u0041")))
            }),
        ]
    }
}

fn issuer(name: &str) -> String {
    format!("https://idp.example/{name}")
}

fn compact(header: &str, payload: &str, signature: &[u8]) -> String {
    [header.as_bytes(), payload.as_bytes(), signature].map(|part| BASE64URL.encode(part)).join(".")
}

/// A number in so many letters at least.
fn base36(mut number: usize, letters: usize) -> String {
    let mut text = Vec::new();
    while number > 0 || text.len() < letters {
        text.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[number % 36]);
        number /= 36;
    }
    text.iter().rev().map(|byte| char::from(*byte)).collect()
}

/// Names that fall into one place of a table, by the hashes that an attacker can foresee: their
/// lowest 12 bits are the same.
fn colliding(count: usize) -> Vec<(&'static str, Vec<String>)> {
    let same = |hash: &dyn Fn(&str) -> u64| {
        let names = (0..).map(|number| base36(number, 5));
        names.filter(|name| hash(name) & 0xfff == 0x555).take(count).collect::<Vec<_>>()
    };
    let fnv = |name: &str| {
        let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        name.bytes().fold(0xcbf2_9ce4_8422_2325, step)
    };
    let sip = BuildHasherDefault::<DefaultHasher>::default();
    // of two letters each, of which both pairs have the same hash
    let bits = count.next_power_of_two().ilog2();
    let by_31 = (0..count).map(|number| {
        (0..bits).map(|bit| if number >> bit & 1 == 0 { "Aa" } else { "BB" }).collect()
    });
    vec![
        ("FNV-1a", same(&fnv)),
        ("FxHash", same(&|name| FxBuildHasher.hash_one(name))),
        ("SipHash without a key", same(&|name| sip.hash_one(name))),
        ("String.hashCode", by_31.collect()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Why no request of the table is refused for this reason; `None`: one must be.
    fn exemption(reason: Reason) -> Option<&'static str> {
        match reason {
            Reason::HandoffFailed => {
                Some("a fault of the gateway, which no request can bring about")
            }
            _ => None,
        }
    }

    /// A reason that is new has a request, or says why it cannot have one.
    #[test]
    fn every_reason_has_a_request_that_is_refused_for_it_or_says_why_not() {
        let kinds = World::new().kinds().unwrap();
        for &reason in Reason::ALL {
            let asked = kinds.iter().any(|kind| kind.reasons.first() == Some(&reason));
            assert_ne!(asked, exemption(reason).is_some(), "{reason}");
        }
    }

    #[test]
    fn every_kind_has_its_own_name() {
        let kinds = World::new().kinds().unwrap();
        let names: std::collections::BTreeSet<_> = kinds.iter().map(|kind| &kind.name).collect();
        assert_eq!(names.len(), kinds.len());
    }

    #[test]
    fn names_collide() {
        for (hash, names) in colliding(100) {
            let distinct: std::collections::BTreeSet<_> = names.iter().collect();
            assert_eq!(distinct.len(), 100, "{hash}");
        }
    }
}

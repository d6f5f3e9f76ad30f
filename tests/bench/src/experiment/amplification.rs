//! What a request without a good token costs, beside a good cached one in the same rounds.
//!
//! The judged figure is the ratio of two CPU times of the Envoy process: that for the kind, without
//! what a bare proxy takes longer for these bytes than for a good request's, and that for a good
//! cached request. So Envoy's own reading of 54 KB is not held against the filter. Beside it stand
//! the ratio of what the filter adds alone, and that of the whole CPU times, which is what an
//! attacker gains. A kind whose signature is verified is not judged: the policy says which
//! algorithms and key sizes it allows.
//!
//! The backend's public endpoints stand beside a good `GET` of the backend, whole time over whole
//! time.
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::folder::Folder;
use harness::ports::Port;
use harness::process::{Launch, Process};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use portcullis_principal::{Assertion, SigningKey};
use serde_json::Value;

use super::fetches::KeySource;
use super::{Ground, again, calls, spread};
use crate::cpu::Account;
use crate::gateway::{Gateway, Place, Server, Variant, filter};
use crate::load::{Call, Connection};
use crate::plan::Schedule;
use crate::progress::Steps;
use crate::report::{Amplification, Amplified};
use crate::rounds::{self, Cell, Measured, Settings};
use crate::summary::Summary;
use crate::tokens::{Algorithm, Claims, Tokens, now};
use crate::unauthenticated::{Kind, World};

/// As many requests may wait: more than there are connections, and few enough to be refused at
/// once.
const WAITING: usize = 200;
/// Good tokens: few, so that each is in the cache after the warm-up.
const CACHED: usize = 10;
const ASSERTION_HEADER: HeaderName = HeaderName::from_static("x-auth-principal");

/// Every kind of request, to one gateway and to the bare proxies.
pub(crate) async fn amplification(ground: &mut Ground) -> Result<Amplification> {
    let schedule = ground.plan.amplification;
    eprintln!("amplification: making keys and requests ...");
    let world = World::new();
    let kinds = world.kinds()?;
    let endpoints = endpoints();
    let cells = 2 + 2 * kinds.len();
    let count = rounds::steps(cells, schedule, 1)
        + schedule.rounds * rounds::steps(endpoints.len(), once(schedule), 1);
    let steps = Steps::new("amplification", count);

    let source = KeySource::start(&world.main.jwks().to_string()).await?;
    let place = Place { provider: Some(source.port), ..ground.place(1) };
    let portcullis = async |waiting| {
        let filters = vec![filter(&ground.modules.portcullis, &world.policy(waiting))];
        Gateway::with_filters(Variant::Assertion, filters, place).await
    };
    let (own, full) = (portcullis(WAITING).await?, portcullis(0).await?);
    let bare = Gateway::start(Variant::Bare, world.rules(), place, &ground.modules).await?;
    let refusing = Gateway::start(Variant::Refusing, world.rules(), place, &ground.modules).await?;

    let total = schedule.total();
    let tokens =
        Tokens::of(world.main.key(Algorithm::Rs256), &Claims::good("hot", &world.main), CACHED)?;
    // one row: an assertion is kept for each token and row
    let good = calls(&world.table[..1], total, StatusCode::OK, spread, again(&tokens))?;
    let mut cells = vec![Cell::of(&bare, &good), Cell::of(&own, &good)];
    let (mut reasons, mut wrong) = (Vec::new(), Vec::new());
    for kind in &kinds {
        let gateway = if kind.full_queue { &full } else { &own };
        match proof(ground, gateway, kind).await {
            Ok(reason) => reasons.push(reason),
            Err(error) => wrong.push(format!("{}: {error:#}", kind.name)),
        }
        let (proxy, answer) = match kind.status()? {
            StatusCode::OK if !kind.is_grpc() => (&bare, StatusCode::OK),
            StatusCode::OK => (&refusing, StatusCode::OK),
            StatusCode::BAD_REQUEST => (&refusing, StatusCode::BAD_REQUEST),
            _ => (&refusing, StatusCode::FORBIDDEN),
        };
        let place = cells.len();
        let of = |gateway, expect| Cell {
            base: place,
            one_of: kind.one_of,
            ..Cell::of(gateway, &kind.calls(total, expect))
        };
        cells.extend([of(proxy, answer), of(gateway, kind.status()?)]);
    }
    ensure!(wrong.is_empty(), "before they are measured: {wrong:#?}");
    let settings = ground.settings(schedule, 1)?;
    let measured =
        rounds::run(&cells, settings, 0..schedule.rounds, &mut ground.random, &steps).await?;
    drop(cells);
    let (first, rest) = measured.split_at(2);
    let good = (&first[0], &first[1]);
    let pairs = kinds.iter().zip(reasons).zip(rest.chunks(2));
    let kinds = pairs
        .map(|((kind, reason), pair)| amplified(kind, reason, (&pair[0], &pair[1]), good))
        .collect();
    let backend = backend(ground, &endpoints, &steps).await.context("the backend")?;
    Ok(Amplification {
        good_us: Summary::of(&net(good.0, good.1)),
        good_all_us: Summary::of(good.1.cpu_us()),
        kinds,
        backend,
    })
}

/// Sends one request of the kind. It must be refused for an expected reason and must not reach the
/// service. Returns the reason.
async fn proof(ground: &Ground, gateway: &Gateway, kind: &Kind) -> Result<String> {
    let expect = kind.status()?;
    let known: Vec<_> = kind.reasons.iter().map(|reason| reason.id()).collect();
    let mut seen = Vec::new();
    // the first tokens with unknown keys wait for a fetch, and the first stale keys are fresh
    let until = std::time::Instant::now() + Duration::from_secs(10);
    for call in kind.calls.iter().cycle() {
        let passed = ground.upstream.requests();
        // Envoy closes one on which it has refused a request by itself
        let (status, body) = Connection::open(gateway.port()).await?.send(call).await?;
        let reached = ground.upstream.requests() - passed;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let reason = body["reason"].as_str().unwrap_or_default().to_owned();
        let is_it = if kind.is_grpc() {
            reached == 0
        } else {
            known.contains(&&*reason) || known.is_empty()
        };
        if status == expect && is_it {
            ensure!(
                reached == u64::from(known.is_empty()),
                "{reached} requests reached the service"
            );
            return Ok(reason);
        }
        seen.push((status, reason));
        ensure!(
            std::time::Instant::now() < until,
            "{:?} instead of {expect} {known:?}",
            seen.last()
        );
    }
    anyhow::bail!("there is no request")
}

fn net(base: &Measured, own: &Measured) -> Vec<f64> {
    own.cpu_us().iter().zip(base.cpu_us()).map(|(own, base)| own - base).collect()
}

fn over(one: &[f64], other: &[f64]) -> Vec<f64> {
    one.iter().zip(other).map(|(one, other)| one / other).collect()
}

fn amplified(
    kind: &Kind,
    reason: String,
    (base, own): (&Measured, &Measured),
    (good_base, good): (&Measured, &Measured),
) -> Amplified {
    let net_us = net(base, own);
    let without_reading: Vec<_> =
        net_us.iter().zip(good_base.cpu_us()).map(|(net, base)| net + base).collect();
    let ratios = over(&without_reading, good.cpu_us());
    Amplified {
        name: kind.name.clone(),
        answer: reason,
        bytes: kind.bytes(),
        judged: !kind.verifies,
        cpu: Summary::of(own.cpu_us()),
        ratio: Summary::of(&ratios),
        filter_alone: Some(Summary::of(&over(&net_us, &net(good_base, good)))),
        all: Summary::of(&over(own.cpu_us(), good.cpu_us())),
        net: Some(Summary::of(&net_us)),
        ratios,
    }
}

/// What anybody may ask the backend, after one request of a customer's.
fn endpoints() -> Vec<Endpoint> {
    let public = |path, expect| Endpoint { path, operations: false, principal: false, expect };
    let operations = |path| Endpoint { operations: true, ..public(path, StatusCode::OK) };
    vec![
        Endpoint { principal: true, ..public("/orders", StatusCode::OK) },
        // the page is in the development build only
        public(
            "/docs",
            if cfg!(debug_assertions) { StatusCode::OK } else { StatusCode::NOT_FOUND },
        ),
        public("/openapi.json", StatusCode::OK),
        public("/products", StatusCode::OK),
        public("/products?q=a", StatusCode::OK),
        public("/products/00000000-0000-7000-8000-000000000000", StatusCode::NOT_FOUND),
        public("/orders", StatusCode::UNAUTHORIZED),
        public("/nowhere", StatusCode::NOT_FOUND),
        operations("/livez"),
        operations("/readyz"),
        operations("/metrics"),
    ]
}

/// An endpoint of the backend.
struct Endpoint {
    path: &'static str,
    operations: bool,
    principal: bool,
    expect: StatusCode,
}

impl Endpoint {
    fn call(&self, key: &SigningKey) -> Result<Call> {
        let mut headers = HeaderMap::new();
        if self.principal {
            let issued_at = now();
            let assertion = Assertion {
                issuer: "portcullis",
                audience: "shop",
                issued_at,
                expires_at: issued_at + 60,
                subject: "alice",
                subject_issuer: "https://idp.example",
                roles: &["customer".to_owned()],
                token_id: None,
                method: "GET",
                row: self.path,
            };
            headers.insert(ASSERTION_HEADER, HeaderValue::try_from(assertion.mint(key)?)?);
        }
        Ok(Call {
            host: HeaderValue::from_static("shop.example"),
            method: Method::GET,
            path: self.path.parse()?,
            authorization: None,
            headers: Some(headers.into()),
            expect: self.expect,
        })
    }
}

/// One round at a time, because an assertion expires after a minute.
fn once(schedule: Schedule) -> Schedule {
    Schedule { rounds: 1, warm_up: schedule.warm_up / 4, ..schedule }
}

/// The public endpoints of the backend, which runs without a gateway before it.
async fn backend(
    ground: &mut Ground,
    endpoints: &[Endpoint],
    steps: &Steps,
) -> Result<Vec<Amplified>> {
    let key = SigningKey::from_seed_base64url(&harness::keys::secret())?;
    let folder = Folder::empty("bench-backend")?;
    let (service, operations) = (Port::free()?, Port::free()?);
    let listen = |port: &Port| format!("127.0.0.1:{}", port.number());
    let database = format!("sqlite://{}", folder.join("shop.db").display());
    let launch = Launch::new("backend", harness::artifacts::binary("backend")?)
        .env("BACKEND_LISTEN", listen(&service))
        .env("BACKEND_OPERATIONS_LISTEN", listen(&operations))
        .env("DATABASE_URL", database)
        .env("BACKEND_GATEWAY_JWKS", key.public_jwks().to_string());
    let mut process: Process = launch.start(&folder.join("backend.log"))?;
    let connect = async || Connection::open(operations.number()).await.is_ok();
    process.ready(Duration::from_mins(1), connect).await?;

    let schedule = once(ground.plan.amplification);
    let cpu = Account::of(process.pid())?;
    let settings = Settings { connections: 4, ..ground.settings(schedule, 1)? };
    let mut measured = Vec::new();
    for _ in 0..ground.plan.amplification.rounds {
        let cell = |endpoint: &Endpoint| {
            let port = if endpoint.operations { &operations } else { &service };
            let server = Server { variant: Variant::Bare, port: port.number(), cpu };
            let calls = vec![endpoint.call(&key)?; schedule.total()].into();
            anyhow::Ok(Cell { server, parameter: None, calls, base: 0, one_of: 1 })
        };
        let cells = endpoints.iter().map(cell).collect::<Result<Vec<_>>>()?;
        rounds::add(
            &mut measured,
            rounds::run(&cells, settings, 0..1, &mut ground.random, steps).await?,
        )?;
    }
    let figures = endpoints.iter().zip(&measured).map(|(endpoint, own)| {
        let ratios = over(own.cpu_us(), measured[0].cpu_us());
        let who = if endpoint.principal { " by a customer" } else { "" };
        Amplified {
            name: format!("backend: GET {}{who}", endpoint.path),
            answer: endpoint.expect.as_str().to_owned(),
            bytes: endpoint.path.len(),
            judged: true,
            cpu: Summary::of(own.cpu_us()),
            net: None,
            filter_alone: None,
            ratio: Summary::of(&ratios),
            all: Summary::of(&ratios),
            ratios,
        }
    });
    Ok(figures.collect())
}

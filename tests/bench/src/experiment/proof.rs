//! Before a gateway is measured, it must show that it does what it is to be measured at: a variant
//! that forgot a check would be cheap.
use anyhow::{Context as _, Result, ensure};
use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};

use crate::gateway::{Gateway, Variant};
use crate::load::{Call, Connection};
use crate::rules::{Provider, Rules};
use crate::tokens::{Claims, bearer, now};
use crate::upstream::Upstream;

/// A request and whether it may pass.
struct Case {
    what: &'static str,
    token: Option<String>,
    path: String,
    passes: bool,
    /// Whether its signature is good.
    signed: bool,
}

/// Asks for every check once.
pub(super) async fn of(gateway: &Gateway, rules: Rules<'_>, upstream: &Upstream) -> Result<()> {
    let mut connection = Connection::open(gateway.port()).await?;
    for case in cases(rules)? {
        let call = Call {
            host: HeaderValue::try_from(host(rules)?)?,
            method: Method::GET,
            path: case.path.parse()?,
            authorization: case.token.as_deref().map(bearer),
            headers: None,
            expect: StatusCode::OK,
        };
        let (status, body) = connection.send(&call).await?;
        let passes = match gateway.variant {
            Variant::Bare | Variant::Noop => true,
            Variant::Refusing => false,
            Variant::Least => case.signed,
            _ => case.passes,
        };
        let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
        let (name, body) = (gateway.variant.name(), String::from_utf8_lossy(&body));
        ensure!(
            if passes { status == StatusCode::OK } else { refused },
            "{name} answers {}: {status} {body}",
            case.what
        );
        if passes && gateway.variant.checks() {
            handed_on(gateway.variant, &upstream.last_head()).with_context(|| name)?;
        }
    }
    Ok(())
}

/// The host of the first row.
fn host(rules: Rules<'_>) -> Result<&str> {
    Ok(&rules.table.first().context("no row")?.host)
}

fn cases(rules: Rules<'_>) -> Result<Vec<Case>> {
    let (first, last) = (rules.providers.first(), rules.providers.last());
    let (first, last) = (first.context("no provider")?, last.context("no provider")?);
    let row = rules.table.iter().find(|row| row.method == Method::GET).context("no row")?;
    let signed = |what, token, passes| Case { what, token, path: row.path(), passes, signed: true };
    let unsigned = |what, token| Case { signed: false, ..signed(what, token, false) };
    let soon = now() + 300;
    let sign = |provider: &Provider, claims: &Claims, expires| {
        Some(claims.sign(&provider.keys[0], 0, expires))
    };
    let good = Claims::good("proof", first);
    let foreign = Claims::good("proof", &Provider::new(usize::MAX, &[]));
    let stranger = Provider::new(usize::MAX, &[first.keys[0].algorithm]);
    let mut cases = vec![
        signed("a good token", sign(first, &good, soon), true),
        signed(
            "a good token of the last provider",
            sign(last, &Claims::good("proof", last), soon),
            true,
        ),
        unsigned("no token", None),
        signed("a token that has ended", sign(first, &good, now() - 3600), false),
        unsigned("a token of another key", sign(&stranger, &good, soon)),
        signed("a token of another issuer", sign(first, &foreign, soon), false),
        signed(
            "a token for another audience",
            sign(first, &Claims { audience: "other", ..good.clone() }, soon),
            false,
        ),
        signed(
            "a token without the role",
            sign(first, &Claims { role: "guest", ..good.clone() }, soon),
            false,
        ),
    ];
    let path = "/undeclared".to_owned();
    cases.push(Case {
        what: "a path without a row",
        token: sign(first, &good, soon),
        path,
        passes: false,
        signed: true,
    });
    Ok(cases)
}

/// Whether the service was told who calls, and did not get the token.
fn handed_on(variant: Variant, head: &str) -> Result<()> {
    let has =
        |name: &str| head.lines().any(|line| line.to_lowercase().starts_with(&format!("{name}: ")));
    for name in ["x-auth-subject", "x-auth-issuer", "x-auth-roles"] {
        ensure!(has(name), "the service did not get {name}");
    }
    ensure!(!has("authorization"), "the service got the token");
    ensure!(
        has("x-auth-principal") == (variant == Variant::Assertion),
        "the signed assertion is not as it should be"
    );
    Ok(())
}

//! The hand-off, at the service's own port: who comes past the gateway is nobody, whatever they
//! bring along.
use e2e::{Answer, Ask, Shared};
use harness::keys;
use portcullis_principal::{Assertion, SigningKey};

use crate::support::{now, subject};

static SHOP: Shared = Shared::named("handoff");

const MISSING: (&str, &str) = ("assertion-missing", r#"Bearer realm="shop""#);
const INVALID: (&str, &str) =
    ("assertion-invalid", r#"Bearer realm="shop", error="invalid_token""#);

/// What the gateway would say now to `GET /me` of the Alice of this issuer.
fn assertion(issuer: &str) -> Assertion<'_> {
    Assertion {
        issuer: "portcullis",
        audience: "shop",
        issued_at: now(),
        expires_at: now() + 60,
        subject: subject("alice"),
        subject_issuer: issuer,
        roles: &[],
        token_id: None,
        method: "GET",
        row: "/me",
    }
}

async fn refused(request: Ask<'_>, (reason, challenge): (&str, &str)) -> Answer {
    let answer = request.past_the_gateway().send().await.is_problem(401, reason);
    assert_eq!(answer.header("www-authenticate"), Some(challenge), "{answer}");
    answer
}

#[test]
fn past_the_gateway_every_endpoint_that_is_not_public_is_401_with_a_challenge() {
    SHOP.visit(async |shop| {
        let token = shop.token("alice").await;
        for route in
            backend::ROUTES.iter().filter(|route| route.access == backend::Access::Authenticated)
        {
            let path = route.path.replace(['{', '}'], "");
            let request = || shop.ask(route.method.parse().unwrap(), &path);
            refused(request(), MISSING).await;
            // the service knows no tokens, good ones neither
            refused(request().token(&token), MISSING).await;
            let forged = request()
                .header("x-auth-subject", subject("alice"))
                .header("x-auth-roles", "customer");
            let forged = forged.header("x-auth-issuer", shop.issuer());
            refused(forged, MISSING).await;
        }
    });
}

#[test]
fn an_assertion_that_is_not_for_this_request_is_401() {
    SHOP.visit(async |shop| {
        let issuer = shop.issuer();
        let good = assertion(&issuer);
        let another_key = SigningKey::from_seed_base64url(&keys::secret()).unwrap();
        let me = |text: String| shop.get("/me").header("x-auth-principal", text);
        for (name, assertion) in [
            ("another endpoint's", Assertion { row: "/orders", ..good }),
            ("another method's", Assertion { method: "POST", ..good }),
            ("another service's", Assertion { audience: "billing", ..good }),
            ("another gateway's", Assertion { issuer: "elsewhere", ..good }),
            (
                "one that has ended",
                Assertion { issued_at: now() - 120, expires_at: now() - 60, ..good },
            ),
            (
                "one of the future",
                Assertion { issued_at: now() + 60, expires_at: now() + 120, ..good },
            ),
        ] {
            refused(me(assertion.mint(&shop.gateway_key).unwrap()).named(name), INVALID).await;
        }
        refused(me(good.mint(&another_key).unwrap()).named("by another key"), INVALID).await;
        refused(me(shop.token("alice").await).named("an access token"), INVALID).await;
        refused(me("x".to_owned()).named("no assertion at all"), INVALID).await;
        let twice = me(good.mint(&shop.gateway_key).unwrap());
        refused(twice.header("x-auth-principal", good.mint(&shop.gateway_key).unwrap()), INVALID)
            .await;

        // what they are all made of is good
        let me = me(good.mint(&shop.gateway_key).unwrap()).past_the_gateway().answers(200).await;
        assert_eq!(me.body["subject"], subject("alice"));
    });
}

#[test]
fn forged_identity_headers_do_not_change_who_comes_through_the_gateway() {
    SHOP.visit(async |shop| {
        let issuer = shop.issuer();
        let forged = Assertion { subject: subject("ada"), row: "/me", ..assertion(&issuer) };
        let another_key = SigningKey::from_seed_base64url(&keys::secret()).unwrap();
        for assertion in
            [forged.mint(&shop.gateway_key).unwrap(), forged.mint(&another_key).unwrap()]
        {
            for name in
                ["x-auth-principal", "X-Auth-Principal", "x_auth_principal", "x-auth_principal"]
            {
                let me = shop.get("/me").sent_as("alice").header(name, &assertion);
                let me =
                    me.header("x-auth-subject", subject("ada")).header("x-auth-roles", "admin");
                assert_eq!(me.answers(200).await.body["subject"], subject("alice"), "{name}");
            }
        }
    });
}

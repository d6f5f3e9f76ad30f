//! A token is told to nobody: not to a log at any level, a metric, the access log or a reply,
//! whatever is wrong with it.
use e2e::{Shared, in_front_of_an_echo};

// the filter's own lines at their most talkative; Envoy's `http` component would log every header
// of every request by itself
static SHOP: Shared =
    Shared::made("secrecy", |stack| in_front_of_an_echo(stack).log_levels("wasm:trace"));

#[test]
fn no_part_of_a_token_is_in_a_log_a_metric_or_a_reply() {
    SHOP.visit(async |shop| {
        let good = shop.token("alice").await;
        let parts: Vec<&str> = good.split('.').collect();
        let [header, claims, signature] = parts[..] else { panic!("a token has three parts") };
        let cut = format!("{header}.{claims}");
        let other = if signature.starts_with('A') { "B" } else { "A" };
        let forged = format!("{header}.{claims}.{other}{}", &signature[1..]);
        let more = format!("{good}.{claims}");
        let mut told = String::new();
        shop.get("/me").token(&good).answers(200).await;
        let refused = shop.get("/nowhere").token(&good).answers(403).await;
        told += &refused.text;
        for bad in [&cut, &forged, &more] {
            let refused = shop.get("/me").token(bad).answers(401).await;
            told += &refused.text;
            told += refused.header("www-authenticate").unwrap_or_default();
        }
        let twice = shop.get("/me").token(&good).header("authorization", format!("Bearer {good}"));
        told += &twice.answers(400).await.text;
        let envoy = shop.stack.envoy();
        for page in ["/stats", "/stats/prometheus"] {
            told += &envoy.admin(page).await.unwrap();
        }
        let log = envoy.process().log().lines();
        assert!(
            log.iter().any(|line| line.contains("reason=signature-invalid")),
            "the filter logs refusals"
        );
        told += &log.join("\n");
        // the claims and the signature are this token's alone
        for secret in [claims, signature] {
            for piece in [&secret[..24], &secret[secret.len() - 24..]] {
                assert!(!told.contains(piece), "a part of a token is told");
            }
        }
    });
}

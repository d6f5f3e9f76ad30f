//! The parts that come from elsewhere run: Keycloak with the demo realm, PostgreSQL, what the
//! WebAssembly tests run in.
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use harness::keycloak::Keycloak;
use harness::postgres::Postgres;
use harness::{Result, http, tools};
use serde_json::Value;

#[tokio::test]
async fn postgres_serves_databases_of_its_own_over_a_restart() -> Result<()> {
    let mut postgres = Postgres::start().await?;
    let url = postgres.database("one").await?;
    assert!(url.starts_with("postgres://postgres:") && url.ends_with("/one"), "{url}");
    postgres.process_mut().kill();
    postgres.restart().await?;
    assert!(postgres.database("one").await.is_err(), "the database is still there");
    postgres.database("two").await?;
    Ok(())
}

#[tokio::test]
async fn keycloak_has_the_demo_realm_and_changes_its_keys() -> Result<()> {
    let mut keycloak = Keycloak::start("keycloak").await?;
    everybody_is_whom_the_development_provider_knows(&keycloak).await?;

    let first = key_id(&keycloak.token("alice").await?);
    let service = key_id(&keycloak.token("reporting").await?);
    assert!(published(&keycloak).await?.contains(&first));

    keycloak.rotate().await?;
    let second = key_id(&keycloak.token("alice").await?);
    assert_ne!(first, second);
    assert_ne!(service, second);
    assert!(published(&keycloak).await?.contains(&first), "the old key stays published");

    keycloak.withdraw_first_keys().await?;
    assert!(!published(&keycloak).await?.contains(&first));

    keycloak.process_mut().kill();
    keycloak.restart().await?;
    assert_eq!(key_id(&keycloak.token("alice").await?), second, "the keys outlive a restart");
    Ok(())
}

/// The two providers stand for each other in the end-to-end suites, so their accounts must be the
/// same.
async fn everybody_is_whom_the_development_provider_knows(keycloak: &Keycloak) -> Result<()> {
    let users = dev_idp::users().iter().map(|user| (&user.name, &user.sub, &user.roles));
    let services = dev_idp::clients().iter().filter_map(|client| {
        let service = client.service.as_ref()?;
        Some((&client.id, &service.sub, &service.roles))
    });
    let known = ["customer", "seller", "admin", "reporting"];
    for (name, subject, roles) in users.chain(services) {
        let claims = part(&keycloak.token(name).await?, 1);
        assert_eq!(claims["sub"], subject.as_str(), "{name}");
        assert_eq!(claims["iss"], keycloak.issuer(), "{name}");
        assert_eq!(claims["typ"], "Bearer", "{name}");
        let audiences = &claims["aud"];
        let ours = audiences == dev_idp::AUDIENCE
            || audiences.as_array().is_some_and(|all| all.iter().any(|it| it == dev_idp::AUDIENCE));
        assert!(ours, "{name}: {audiences}");
        let granted = claims["realm_access"]["roles"].as_array().cloned().unwrap_or_default();
        // a realm gives everybody roles of its own besides, which no row asks for
        let granted = granted.iter().filter_map(Value::as_str).filter(|role| known.contains(role));
        assert_eq!(granted.collect::<Vec<_>>(), *roles, "{name}");
    }
    Ok(())
}

#[test]
fn what_the_webassembly_tests_run_in_runs() -> Result<()> {
    for (program, argument, says) in [
        (tools::node()?, "--version", "v22."),
        (tools::wasm_bindgen_test_runner()?, "--help", "wasm"),
    ] {
        let output = Command::new(&program).arg(argument).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains(says), "{}: {said}", program.display());
    }
    Ok(())
}

/// A token's header tells its key apart.
fn key_id(token: &str) -> String {
    part(token, 0)["kid"].as_str().unwrap().to_owned()
}

/// The header (0) or the claims (1), as they stand.
fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).unwrap();
    serde_json::from_slice(&BASE64URL.decode(part).unwrap()).unwrap()
}

async fn published(keycloak: &Keycloak) -> Result<String> {
    Ok(http::client(false)?.get(keycloak.jwks_uri()).send().await?.text().await?)
}

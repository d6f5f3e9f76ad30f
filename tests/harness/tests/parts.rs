//! The parts that come from elsewhere run: Keycloak with the demo realm, PostgreSQL.
use harness::keycloak::Keycloak;
use harness::postgres::Postgres;
use harness::{Result, http};

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

/// The header, as it stands: a token's first part tells its key apart.
fn key_id(token: &str) -> String {
    use base64::Engine as _;
    let header = token.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

async fn published(keycloak: &Keycloak) -> Result<String> {
    Ok(http::client(false)?.get(keycloak.jwks_uri()).send().await?.text().await?)
}

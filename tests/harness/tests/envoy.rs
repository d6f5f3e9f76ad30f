//! The shipped Envoy configuration runs, in a process that does not outlive us.
use std::fs;

use axum::Router;
use harness::envoy::{Config, Envoy, Settings};
use harness::ports::Port;
use harness::{Result, http};
use tokio::net::TcpListener;

/// An Envoy without the filter before a service that repeats the path that it got.
async fn bare_envoy(name: &str) -> Result<Envoy> {
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = service.local_addr().unwrap().port();
    let repeat = Router::new().fallback(async |uri: axum::http::Uri| uri.to_string());
    tokio::spawn(async move { axum::serve(service, repeat).await });

    let mut config = Config::shipped()?;
    config.cluster("backend", port)?;
    config.cluster("idp", port)?;
    config.http_filters()?.retain(|filter| filter["name"] != "portcullis");
    let folder = harness::artifacts::target().join("stacks").join(name);
    fs::create_dir_all(&folder).unwrap();
    let settings = Settings {
        gateway: Port::free()?,
        admin: Port::free()?,
        concurrency: 2,
        env: Vec::new(),
        log_levels: String::new(),
        under: Vec::new(),
        folder,
    };
    Envoy::start(config, settings).await
}

#[tokio::test]
async fn the_shipped_configuration_passes_the_path_on_as_it_came() -> Result<()> {
    let envoy = bare_envoy("path").await?;
    for path in ["/orders//1", "/a/../b", "/a%2Fb", "/a%2e%2e/b", "/a;b=c", "/a_b"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n");
        let reply = http::raw(([127, 0, 0, 1], envoy.port()).into(), request.as_bytes()).await?;
        assert_eq!(reply.status, Some(200), "{path}");
        assert!(reply.text.ends_with(&format!("\r\n\r\n{path}")), "{path}: {}", reply.text);
    }
    Ok(())
}

#[tokio::test]
async fn envoy_restarts_on_its_ports_and_counts_anew() -> Result<()> {
    let mut envoy = bare_envoy("restart").await?;
    let url = envoy.url();
    http::client(false)?.get(&url).send().await?;
    assert_eq!(envoy.stats().await?.get("http.gateway.downstream_rq_2xx"), 1);
    envoy.process_mut().kill();
    assert!(http::client(false)?.get(&url).send().await.is_err());
    envoy.restart().await?;
    assert_eq!(envoy.url(), url);
    assert_eq!(envoy.stats().await?.get("http.gateway.downstream_rq_2xx"), 0);
    Ok(())
}

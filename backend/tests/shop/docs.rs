//! The Swagger UI page, and the cost of serving it and the OpenAPI document.

use std::collections::BTreeSet;
use std::io::Read as _;

use axum::body::{Body, Bytes};
use axum::http::Request;
use backend::adapters::http::app;
use backend::application::Settings;
use flate2::read::GzDecoder;
use http_body_util::BodyExt as _;
use reqwest::Client;
use tower::ServiceExt as _;

use crate::support::http::state;
use crate::support::{Database, Process};

/// Returns the values of `src` and `href` in a page, and of `url(…)` and `@import` in a style
/// sheet.
fn references(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (mark, end) in [("src=\"", '"'), ("href=\"", '"'), ("url(", ')'), ("@import", ';')] {
        let values = text.split(mark).skip(1).map(|rest| rest.split(end).next().unwrap());
        found.extend(values.map(|value| value.trim_matches(['"', '\'', ' ']).to_owned()));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_swagger_ui_page_loads_files_of_its_own_origin_only() {
    let database = Database::sqlite().await;
    let (process, client) = (Process::start(&database.url, &[]), Client::new());
    let (mut fetched, mut wanted) = (BTreeSet::new(), vec!["/docs".to_owned()]);
    while let Some(path) = wanted.pop() {
        if !fetched.insert(path.clone()) {
            continue;
        }
        let response = client.get(format!("{}{path}", process.address)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let headers = response.headers().clone();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        let directives: Vec<_> =
            policy.split(';').map(|directive| directive.trim().split_once(' ').unwrap()).collect();
        assert!(directives.contains(&("default-src", "'none'")), "{policy}");
        for (name, sources) in directives {
            let allowed = |source: &str| {
                matches!(source, "'none'" | "'self'") || (name, source) == ("img-src", "data:")
            };
            assert!(sources.split(' ').all(allowed), "{path}: {name} {sources}");
        }
        let kind = headers["content-type"].to_str().unwrap().to_owned();
        let expected = match path.rsplit('.').next() {
            Some("css") => "text/css",
            Some("js") => "text/javascript",
            Some("png") => "image/png",
            _ => "text/html",
        };
        assert!(kind.starts_with(expected), "{path}: {kind}");
        let mut bytes = response.bytes().await.unwrap().to_vec();
        if headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
            let mut unpacked = Vec::new();
            GzDecoder::new(&*bytes).read_to_end(&mut unpacked).unwrap();
            bytes = unpacked;
        }
        if kind.starts_with("text/html") || kind.starts_with("text/css") {
            let text = std::str::from_utf8(&bytes).unwrap();
            assert!(
                !text.contains("<style") && !text.contains(" on") || kind.starts_with("text/css"),
                "inline"
            );
            for reference in references(text) {
                if reference.starts_with("data:") {
                    continue;
                }
                assert!(
                    reference.starts_with('/') && !reference.starts_with("//"),
                    "{path}: {reference}"
                );
                wanted.push(reference);
            }
        }
    }
    let expected = [
        "/docs",
        "/docs/favicon-32x32.png",
        "/docs/start.js",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
    ];
    assert_eq!(fetched.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    // the script loads the document of this service
    let start = client
        .get(format!("{}/docs/start.js", process.address))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(start.contains("url: \"/openapi.json\"") && !start.contains("//"), "{start}");
    for path in
        ["index.html", "oauth2-redirect.html", "swagger-initializer.js", "..%2fstart.js", "%ff", ""]
    {
        let response = client.get(format!("{}/docs/{path}", process.address)).send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn the_document_and_the_page_are_served_without_copying() {
    let database = Database::sqlite().await;
    let service = app(state(database.store.clone(), Settings::default()));
    let served = async |path: &str| -> Bytes {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let mut response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let whole = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(response.body_mut().frame().await.is_none(), "{path} is one frame");
        whole
    };
    for path in [
        "/openapi.json",
        "/docs",
        "/docs/start.js",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
    ] {
        let (first, second) = (served(path).await, served(path).await);
        assert_eq!((first.as_ptr(), first.len()), (second.as_ptr(), second.len()), "{path}");
    }
}

//! The shop's own service behind the gateway: its page, and callers that take more than their
//! share.
use std::collections::BTreeMap;

use e2e::{Shared, Shop, lines};
use futures_util::future::join_all;

static SHOP: Shared = Shared::named("service");

/// More requests than the service has places.
const MANY: usize = 300;

#[test]
fn the_page_of_the_api_and_its_files_come_through_the_gateway_from_its_own_origin() {
    SHOP.visit(async |shop| {
        let page = shop.get("/docs").answers(200).await;
        let files: Vec<_> =
            page.text.split(['"']).filter(|part| part.starts_with("/docs/")).collect();
        assert_eq!(files.len(), 4, "{page}");
        for path in [&["/docs"], &*files].concat() {
            let answer = shop.get(path).answers(200).await;
            let policy = answer.header("content-security-policy").unwrap();
            assert!(
                policy.starts_with("default-src 'none'; script-src 'self';"),
                "{path}: {policy}"
            );
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
            assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        }
        assert!(!page.text.contains("://"), "{page}");
        shop.get("/docs/oauth2-redirect.html").send().await.is_problem(404, "no-such-path");
    });
}

/// Whether the service has refused a request because the caller has its share.
async fn refused(shop: &Shop) -> bool {
    let metrics = format!("{}/metrics", shop.stack.backend().operations_url());
    let text = reqwest::get(metrics).await.unwrap().text().await.unwrap();
    text.lines().any(|line| line.contains("status=\"429\"") && !line.ends_with(" 0"))
}

#[test]
fn one_customers_unsent_bodies_are_that_customers_408_and_429_and_others_are_served() {
    SHOP.visit(async |shop| {
        let (product, token) = (shop.product_of("sam").await, shop.token("alice").await);
        let before = shop.contents().await;
        let request = format!(
            "POST /orders HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
        );
        let unsent = join_all((0..MANY).map(|_| shop.raw(&request)));
        let others = async {
            while !refused(shop).await {
                tokio::task::yield_now().await;
            }
            shop.get("/products").answers(200).await;
            shop.get("/me").sent_as("nora").answers(200).await;
            shop.post("/orders").sent_as("bob").json(lines(&product, 1)).answers(201).await.id().to_owned()
        };
        let (unsent, order) = tokio::join!(unsent, others);
        let mut statuses = BTreeMap::new();
        for answer in unsent {
            *statuses.entry(answer.status).or_insert(0) += 1;
            let reason = if answer.status == 408 { "body-too-slow" } else { "too-many-in-progress" };
            let answer = answer.clone().is_problem(if answer.status == 408 { 408 } else { 429 }, reason);
            assert_eq!(answer.body["request_id"].as_str(), answer.header("x-request-id"), "{answer}");
            assert_eq!(answer.header("retry-after"), (answer.status == 429).then_some("1"), "{answer}");
        }
        assert!(statuses[&408] >= 32 && statuses[&429] > 0, "{statuses:?}");
        let after = shop.contents().await;
        let new: Vec<_> = after.keys().filter(|name| !before.contains_key(*name)).collect();
        assert_eq!(new, [&format!("/orders/\"{order}\"")], "a refused request has written nothing");
    });
}

//! Bad input is refused, says what is wrong with it, and harms nobody: the worker's VM lives on.
use e2e::{
    Answer, NO_TOKEN, Shared, Shop, insufficient_scope, invalid_request, invalid_token, lines,
    product,
};
use serde_json::{Value, json};

static SHOP: Shared = Shared::named("bad-input");

/// Envoy's count of VMs that were made, and what its log and counters say of VMs that failed.
#[derive(Debug, PartialEq)]
struct Vms {
    created: u64,
    failed: u64,
    complaints: usize,
}

async fn vms(shop: &Shop) -> Vms {
    let stats = shop.stack.stats().await.unwrap();
    let log = shop.stack.envoy().process().log().lines();
    let complains = |line: &&String| {
        ["panicked", "Proxy-Wasm plugin in-VM backtrace", "vm failed"]
            .iter()
            .any(|it| line.contains(it))
    };
    Vms {
        created: stats.get("wasm.envoy.wasm.runtime.v8.created"),
        failed: stats.sum(&["wasm.", "vm_reload"]) + stats.sum(&["wasm.", "fail"]),
        complaints: log.iter().filter(complains).count(),
    }
}

/// Runs `what`, and asserts that no VM failed meanwhile and that requests are decided as before.
async fn harmless(shop: &Shop, what: impl Future<Output = ()>) {
    let before = vms(shop).await;
    assert!(before.created > 0 && before.failed == 0, "{before:?}");
    what.await;
    shop.get("/me").sent_as("alice").answers(200).await;
    assert_eq!(vms(shop).await, before);
}

fn bytes(parts: &[&[u8]]) -> Vec<u8> {
    [parts, &[b"\r\nHost: shop\r\nConnection: close\r\n\r\n"]].concat().concat()
}

#[test]
fn a_body_that_cannot_be_read_is_400_and_nothing_is_written() {
    SHOP.visit(async |shop| {
        for body in ["", "{", "{\"lines\":", "hello", "{} {}", "\u{feff}{}", "{\"lines\":[}"] {
            let request = shop.post("/orders").sent_as("alice").body("application/json", body);
            request.named(body).is_denied(400, "body-malformed").await;
        }
        let not_utf8 =
            shop.post("/orders").sent_as("alice").body("application/json", b"{\"\xff\":1}");
        not_utf8.is_denied(400, "body-malformed").await;
        let deep =
            shop.post("/orders").sent_as("alice").body("application/json", "[".repeat(50_000));
        assert!([400, 422].contains(&deep.send().await.status));
        let form = shop
            .post("/orders")
            .sent_as("alice")
            .body("application/x-www-form-urlencoded", "lines=1");
        form.is_denied(415, "media-type-unsupported").await;
        let large =
            shop.post("/orders").sent_as("alice").body("application/json", " ".repeat(1 << 20));
        large.is_denied(413, "body-too-large").await;
    });
}

#[test]
fn a_body_that_means_nothing_is_422_and_names_every_field_that_is_wrong() {
    SHOP.visit(async |shop| {
        let tea = shop.product_of("sam").await;
        let line = |change: fn(&mut Value)| {
            let mut body = lines(&tea, 1);
            change(&mut body["lines"][0]);
            body
        };
        for (pointer, body) in [
            ("/lines", json!({})),
            ("/lines", json!({ "lines": [] })),
            ("/lines", json!({ "lines": "one" })),
            ("/lines", json!({ "lines": vec![lines(&tea, 1)["lines"][0].clone(); 101] })),
            ("/lines/0", json!({ "lines": [7] })),
            (
                "/lines/0/product_id",
                line(|it| drop(it.as_object_mut().unwrap().remove("product_id"))),
            ),
            ("/lines/0/product_id", line(|it| it["product_id"] = json!("tea"))),
            ("/lines/0/product_id", line(|it| it["product_id"] = json!(7))),
            ("/lines/0/quantity", line(|it| it["quantity"] = json!(0))),
            ("/lines/0/quantity", line(|it| it["quantity"] = json!(-1))),
            ("/lines/0/quantity", line(|it| it["quantity"] = json!(1.5))),
            ("/lines/0/quantity", line(|it| it["quantity"] = json!("1"))),
            ("/lines/0/quantity", line(|it| it["quantity"] = json!(4_294_967_296_u64))),
            ("/lines/0/price", line(|it| it["price"] = json!(1))),
            ("/total", json!({ "lines": lines(&tea, 1)["lines"], "total": 1 })),
        ] {
            let name = body.to_string();
            let name = name.chars().take(200).collect::<String>();
            let answer = shop.post("/orders").named(name).sent_as("alice").json(body);
            named(&answer.is_denied(422, "fields-invalid").await, &[pointer]);
        }
        for (pointer, field, value) in [
            ("/name", "name", json!("")),
            ("/name", "name", json!(null)),
            ("/stock", "stock", json!(-1)),
            ("/stock", "stock", json!(1_000_001)),
            ("/price/cents", "price", json!({ "cents": -1, "currency": "EUR" })),
            ("/price/cents", "price", json!({ "cents": 0.5, "currency": "EUR" })),
            ("/price/currency", "price", json!({ "cents": 1, "currency": "euro" })),
            ("/organisation_id", "organisation_id", json!("mine")),
        ] {
            let mut body = product("Tea", 1);
            body[field] = value;
            let answer = shop.post("/products").named(body.to_string()).sent_as("sam").json(body);
            named(&answer.is_denied(422, "fields-invalid").await, &[pointer]);
        }
        let all_wrong =
            json!({ "name": "", "price": { "cents": -1, "currency": "EUR" }, "stock": 2_000_000 });
        let answer = shop
            .post("/products")
            .sent_as("sam")
            .json(all_wrong)
            .is_denied(422, "fields-invalid")
            .await;
        assert!(!answer.body["errors"].as_array().unwrap().is_empty());
    });
}

#[track_caller]
fn named(answer: &Answer, pointers: &[&str]) {
    let errors = answer.body["errors"].as_array().unwrap_or_else(|| panic!("no errors: {answer}"));
    let found: Vec<_> = errors.iter().filter_map(|error| error["pointer"].as_str()).collect();
    assert_eq!(found, pointers, "{answer}");
}

#[test]
fn an_unknown_path_is_401_without_a_good_token_and_403_with_one() {
    SHOP.visit(async |shop| {
        for path in [
            "/",
            "/nothing",
            "/orders/1/2/3",
            "/orders.json",
            "/Orders",
            "/admin",
            "/metrics",
            "/readyz",
            "/*",
        ] {
            shop.get(path).is_stopped(NO_TOKEN).await;
            shop.get(path).token("no-token").is_stopped(invalid_token("token-malformed")).await;
            shop.get(path).sent_as("ada").is_stopped(insufficient_scope("route-undeclared")).await;
        }
    });
}

#[test]
fn bytes_that_are_not_utf8_are_refused_or_passed_as_they_are_and_harm_no_vm() {
    SHOP.visit(async |shop| {
        harmless(shop, async {
            let token = shop.token("alice").await;
            let bearer = format!("Authorization: Bearer {token}");
            let refused: &[(&[u8], &[u8])] = &[
                (b"GET /me HTTP/1.1\r\n", b"Authorization: Bearer \xff\xfe"),
                (b"GET /me HTTP/1.1\r\n", b"Authorization: \xc3\x28 x"),
                (b"GET /me HTTP/1.1\r\n", b"Authorization: Bearer ey\x80.ey.ey"),
                (b"GET /\xff\xfe HTTP/1.1\r\n", bearer.as_bytes()),
                (b"GET /orders/%ff%fe HTTP/1.1\r\n", b"x: y"),
                (b"\xff\xff /me HTTP/1.1\r\n", bearer.as_bytes()),
                (b"GET /me HTTP/1.1\r\nx-other: \xff\r\n", b"x-auth-subject: \xff"),
            ];
            for (line, header) in refused {
                let answer = shop.unreached(shop.raw(bytes(&[line, header]))).await;
                assert!([400, 401, 403].contains(&answer.status), "{answer}");
            }
            let other = shop.raw(bytes(&[
                b"GET /me HTTP/1.1\r\nx-other: \xff\xfe\r\nx-auth-subject: \xff\r\n",
                bearer.as_bytes(),
            ]));
            let answer = other.await;
            assert!([200, 400].contains(&answer.status), "{answer}");
        })
        .await;
    });
}

#[test]
fn several_authorization_headers_are_400() {
    SHOP.visit(async |shop| {
        harmless(shop, async {
            let token = shop.token("alice").await;
            for second in [&token, "x", ""] {
                for name in ["Authorization", "authorization", "AUTHORIZATION"] {
                    let head = format!(
                        "GET /me HTTP/1.1\r\nAuthorization: Bearer {token}\r\n{name}: Bearer {second}"
                    );
                    let answer = shop.unreached(shop.raw(bytes(&[head.as_bytes()]))).await;
                    invalid_request("credentials-ambiguous").must_be(answer);
                }
            }
        })
        .await;
    });
}

/// CVE-2025-61920 (Authlib).
#[test]
fn a_token_that_is_too_large_is_refused() {
    SHOP.visit(async |shop| {
        harmless(shop, async {
            for kib in [17, 32, 48] {
                let token = "x".repeat(kib * 1024);
                shop.get("/me").token(&token).is_stopped(invalid_token("token-too-large")).await;
                let parts = format!("{0}.{0}.{0}", "e".repeat(kib * 1024 / 3));
                shop.get("/me").token(&parts).is_stopped(invalid_token("token-too-large")).await;
                let dots = ".".repeat(kib * 1024);
                shop.get("/me").token(&dots).is_stopped(invalid_token("token-too-large")).await;
            }
            // more than Envoy takes of a head: it refuses before the filter is asked
            let head =
                format!("GET /me HTTP/1.1\r\nAuthorization: Bearer {}", "x".repeat(64 * 1024));
            let answer = shop.unreached(shop.raw(bytes(&[head.as_bytes()]))).await;
            assert_eq!(answer.status, 431, "{answer}");
        })
        .await;
    });
}

#[test]
fn a_token_whose_parts_are_odd_is_refused() {
    SHOP.visit(async |shop| {
        harmless(shop, async {
            let idp = shop.stack.idp();
            let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
            let deep = format!(r#"{{"sub":"a","x":{deep}}}"#);
            let many = (0..3_000).fold(String::new(), |many, n| format!(r#"{many},"c{n}":{n}"#));
            for payload in
                ["", "{}", "null", "7", "\"x\"", "{", "{\"exp\":1e999}", "{\"exp\":NaN}", &deep]
            {
                let token = idp.token("alice").raw_payload(payload).sign().await.unwrap();
                let answer =
                    shop.unreached(shop.get("/me").named(payload).token(&token).send()).await;
                assert_eq!(answer.status, 401, "{answer}");
            }
            let token = idp
                .token("alice")
                .raw_payload(format!(r#"{{"sub":"a"{many}}}"#))
                .sign()
                .await
                .unwrap();
            assert_eq!(shop.unreached(shop.get("/me").token(&token).send()).await.status, 401);
            for token in [
                "",
                ".",
                "..",
                "...",
                "a.b.c",
                "=.=.=",
                "a..",
                "..a",
                "e30.e30.",
                "e30.e30.e30",
                "\u{e9}.a.b",
            ] {
                let head = format!("GET /me HTTP/1.1\r\nAuthorization: Bearer {token}");
                let answer = shop.unreached(shop.raw(bytes(&[head.as_bytes()]))).await;
                assert!([400, 401].contains(&answer.status), "{token}: {answer}");
            }
        })
        .await;
    });
}

#[test]
fn a_request_that_two_parties_could_read_differently_is_400() {
    SHOP.visit(async |shop| {
        harmless(shop, async {
            let token = shop.token("alice").await;
            for target in [
                "//orders",
                "/orders//",
                "/x/../orders",
                "/orders/.",
                "/orders;x=1",
                "/orders%2f1",
                "/%6frders",
                "/orders\\1",
            ] {
                let head = format!("GET {target} HTTP/1.1\r\nAuthorization: Bearer {token}");
                let answer = shop.unreached(shop.raw(bytes(&[head.as_bytes()]))).await;
                assert_eq!(
                    answer.is_problem(400, "path-ambiguous").header("www-authenticate"),
                    None
                );
            }
        })
        .await;
    });
}

//! A real gRPC client reads refusals as gRPC says them: UNAUTHENTICATED, `PERMISSION_DENIED`,
//! UNAVAILABLE, with the reason.
use dev_idp::{Endpoint, Fault};
use e2e::{NO_TOKEN, Shared, Shop, in_front_of_an_echo};
use serde_json::json;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

static SHOP: Shared = Shared::made("grpc", |stack| {
    in_front_of_an_echo(stack).policy(|policy| {
        let rows = policy["services"]["shop"]["routes"].as_array_mut().unwrap();
        rows.push(json!({ "match": "POST /shop.v1.Orders/Get", "roles": ["customer"] }));
        policy["waiting"] = json!({ "time": "1s" });
    })
});

/// Messages without content.
#[derive(Default)]
struct Empty;

impl Codec for Empty {
    type Encode = ();
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Empty {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for Empty {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, _: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        Ok(Some(()))
    }
}

/// What the client is told.
async fn call(shop: &Shop, method: &'static str, token: Option<&str>) -> Status {
    let channel = Channel::from_shared(shop.stack.url("")).unwrap().connect().await.unwrap();
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let mut request = Request::new(());
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    let answer = client.unary(request, method.parse().unwrap(), Empty).await;
    answer.expect_err("an echo is no gRPC service")
}

const GET: &str = "/shop.v1.Orders/Get";

async fn is_refused(
    shop: &Shop,
    method: &'static str,
    token: Option<&str>,
    (code, reason): (Code, &str),
) {
    let status = shop.unreached(call(shop, method, token)).await;
    assert_eq!(status.code(), code, "{status:?}");
    assert!(status.message().contains(reason), "{status:?}");
}

#[test]
fn a_refusal_is_read_as_what_it_is() {
    SHOP.visit(async |shop| {
        let idp = shop.stack.idp();
        let ended = idp.token("alice").expires_in(-60).sign().await.unwrap();
        let (alice, nora) = (shop.token("alice").await, shop.token("nora").await);
        is_refused(shop, GET, None, (Code::Unauthenticated, "token-missing")).await;
        is_refused(shop, GET, Some(&ended), (Code::Unauthenticated, "token-expired")).await;
        is_refused(shop, GET, Some(&nora), (Code::PermissionDenied, "role-missing")).await;
        is_refused(
            shop,
            "/shop.v1.Orders/Delete",
            Some(&alice),
            (Code::PermissionDenied, "route-undeclared"),
        )
        .await;
        is_refused(shop, "/shop.v1.Orders/Delete", None, (Code::Unauthenticated, "token-missing"))
            .await;

        let before = shop.requests_passed().await;
        call(shop, GET, Some(&alice)).await;
        assert_eq!(shop.requests_passed().await, before + 1, "what is allowed reaches the service");
    });
}

/// The status is in the head, and the head is all there is: no HTTP status tells it, no body, no
/// trailers.
#[test]
fn a_refusal_is_a_trailers_only_reply() {
    SHOP.visit(async |shop| {
        let nora = shop.token("nora").await;
        for content_type in ["application/grpc", "application/grpc+proto"] {
            for (token, status, reason, error) in [
                (None, "16", "token-missing", None),
                (Some("no-token"), "16", "token-malformed", Some("invalid_token")),
                (Some(&*nora), "7", "role-missing", Some("insufficient_scope")),
            ] {
                let call =
                    || shop.post(GET).h2().body(content_type, [0, 0, 0, 0, 0]).named(content_type);
                let call = || token.map_or_else(&call, |token| call().token(token));
                let answer = shop.unreached(call().send()).await.is(200);
                assert_eq!(answer.header("grpc-status"), Some(status), "{answer}");
                assert_eq!(answer.header("grpc-message"), Some(reason), "{answer}");
                assert_eq!(answer.header("content-type"), Some("application/grpc"), "{answer}");
                let challenge = answer.header("www-authenticate").unwrap();
                assert_eq!(challenge.contains("error"), error.is_some(), "{answer}");
                assert!(error.is_none_or(|error| challenge.contains(error)), "{answer}");
                assert_eq!(answer.text, "");
            }
        }
    });
}

/// A gRPC reply to what Envoy takes for plain HTTP would be a 200.
#[test]
fn what_only_looks_like_grpc_is_refused_as_plain_http_is() {
    SHOP.visit(async |shop| {
        for content_type in [
            "application/grpc-web",
            "application/grpcx",
            "application/grpc;x=y",
            "application/grpc, application/json",
            "Application/grpc",
            "application/json",
        ] {
            for h2 in [false, true] {
                let call = shop.post(GET).body(content_type, "x").named(content_type);
                let call = if h2 { call.h2() } else { call };
                call.is_stopped(NO_TOKEN).await;
            }
        }
        let grpc = "Content-Type: application/grpc\r\nConnection: close";
        let tunnel =
            shop.raw(format!("CONNECT shop:443 HTTP/1.1\r\nHost: shop:443\r\n{grpc}\r\n\r\n"));
        shop.unreached(tunnel).await.is_problem(400, "path-ambiguous");
    });
}

#[test]
fn missing_keys_are_unavailable() {
    SHOP.visit(async |shop| {
        let alice = shop.token("alice").await;
        shop.stack.idp().fault(Endpoint::Jwks, Fault::Down).await.unwrap();
        shop.stack.envoy_mut().restart().await.unwrap();
        is_refused(shop, GET, Some(&alice), (Code::Unavailable, "keys-unavailable")).await;
        shop.stack.idp().heal(Endpoint::Jwks).await.unwrap();
        shop.stack.envoy_mut().restart().await.unwrap();
    });
}

//! A real gRPC client reads refusals as gRPC says them: UNAUTHENTICATED, `PERMISSION_DENIED`, UNAVAILABLE, with the reason.
use dev_idp::{Endpoint, Fault};
use e2e::{Shared, Shop, in_front_of_an_echo};
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

async fn is_refused(shop: &Shop, method: &'static str, token: Option<&str>, (code, reason): (Code, &str)) {
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
        is_refused(shop, "/shop.v1.Orders/Delete", None, (Code::Unauthenticated, "token-missing")).await;

        let before = shop.requests_passed().await;
        call(shop, GET, Some(&alice)).await;
        assert_eq!(shop.requests_passed().await, before + 1, "what is allowed reaches the service");
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

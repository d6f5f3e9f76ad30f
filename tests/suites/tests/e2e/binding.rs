//! A token that is bound to a client's certificate (RFC 8705 3.1) passes over a connection that proves it, and over no other.
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use e2e::{Answer, Shop, invalid_token, run};
use harness::http::RawReply;
use harness::ports::Port;
use harness::stack::Stack;
use rcgen::CertifiedKey;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const NAME: &str = "gateway.example";

/// A certificate that nobody but its owner signed, and its key.
struct Identity(CertifiedKey<rcgen::KeyPair>);

impl Identity {
    fn new(name: &str) -> Self {
        Self(rcgen::generate_simple_self_signed([name.to_owned()]).unwrap())
    }

    /// `x5t#S256`: the SHA-256 of the certificate in DER.
    fn thumbprint(&self) -> String {
        BASE64URL.encode(Sha256::digest(self.0.cert.der()))
    }
}

/// A shop whose gateway has a second door, where clients may show a certificate.
async fn shop(server: &Identity, door: &Port) -> Shop {
    let (certificate, key) = (server.0.cert.pem(), server.0.signing_key.serialize_pem());
    let port = door.number();
    let builder = Stack::named("binding").envoy(move |config| {
        let listeners = config.document().pointer_mut("/static_resources/listeners").unwrap();
        let mut tls = listeners[0].clone();
        tls["name"] = json!("mutual-tls");
        // the first one gets its port later
        tls["address"] = json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } });
        tls["filter_chains"][0]["transport_socket"] = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "tls_certificates": [{
                        "certificate_chain": { "inline_string": certificate },
                        "private_key": { "inline_string": key },
                    }],
                    // RFC 8705 2.2: a self-signed certificate proves its key, which is all that a binding needs
                    "validation_context": { "trust_chain_verification": "ACCEPT_UNTRUSTED" },
                },
            },
        });
        listeners.as_array_mut().unwrap().push(tls);
    });
    Shop::of(builder).await.unwrap()
}

/// Asks at the second door, with this certificate or with none.
async fn ask(server: &Identity, door: &Port, client: Option<&Identity>, token: &str) -> Answer {
    let mut roots = RootCertStore::empty();
    roots.add(server.0.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let config = match client {
        None => config.with_no_client_auth(),
        Some(client) => {
            let key = PrivateKeyDer::try_from(client.0.signing_key.serialize_der()).unwrap();
            config.with_client_auth_cert(vec![client.0.cert.der().clone()], key).unwrap()
        }
    };
    let to = SocketAddr::from(([127, 0, 0, 1], door.number()));
    let name = ServerName::try_from(NAME).unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, TcpStream::connect(to).await.unwrap()).await.unwrap();
    let request = format!(
        "GET /me HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // Envoy may close without a farewell
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
    Answer::of_raw("GET /me".to_owned(), &RawReply { status, text })
}

#[test]
fn a_token_bound_to_a_certificate_passes_over_a_connection_that_proves_it_and_over_no_other() {
    run(async {
        let (server, owner, thief) = (Identity::new(NAME), Identity::new("owner"), Identity::new("thief"));
        let door = Port::free().unwrap();
        let shop = shop(&server, &door).await;
        let bound = json!({ "x5t#S256": owner.thumbprint() });
        let bound = shop.stack.idp().token("alice").claim("cnf", bound).sign().await.unwrap();
        // again and again: what is cached is bound all the same, on each worker
        for _ in 0..4 {
            ask(&server, &door, Some(&owner), &bound).await.is(200);
            for client in [None, Some(&thief)] {
                let answer = shop.unreached(ask(&server, &door, client, &bound)).await;
                invalid_token("binding-mismatch").must_be(answer);
            }
        }
        shop.get("/me").token(&bound).is_stopped(invalid_token("binding-mismatch")).await;

        let plain = shop.token("alice").await;
        for client in [None, Some(&owner), Some(&thief)] {
            ask(&server, &door, client, &plain).await.is(200);
        }
        let several = json!({ "x5t#S256": owner.thumbprint(), "jkt": owner.thumbprint() });
        let several = shop.stack.idp().token("alice").claim("cnf", several).sign().await.unwrap();
        let answer = shop.unreached(ask(&server, &door, Some(&owner), &several)).await;
        invalid_token("binding-mismatch").must_be(answer);
    });
}

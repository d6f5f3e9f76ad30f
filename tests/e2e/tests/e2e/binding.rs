//! A token that is bound to a client's certificate (RFC 8705 3.1) passes over a connection that
//! proves it, and over no other.
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use e2e::{Answer, Shop, invalid_token, run};
use harness::http::RawReply;
use harness::ports::Port;
use harness::stack::Stack;
use rcgen::{CertifiedKey, SanType};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::manager::closes_at_once;

const NAME: &str = "gateway.example";

/// A certificate that nobody but its owner signed, and its key.
struct Identity(CertifiedKey<rcgen::KeyPair>);

impl Identity {
    fn new(name: &str) -> Self {
        Self(rcgen::generate_simple_self_signed([name.to_owned()]).unwrap())
    }

    /// One whose certificate has these names, of which any may hold any ASCII.
    fn with_names(names: impl IntoIterator<Item = SanType>) -> Self {
        let signing_key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.subject_alt_names = names.into_iter().collect();
        let cert = params.self_signed(&signing_key).unwrap();
        Self(CertifiedKey { cert, signing_key })
    }

    /// `x5t#S256`: the SHA-256 of the certificate in DER.
    fn thumbprint(&self) -> String {
        BASE64URL.encode(Sha256::digest(self.0.cert.der()))
    }
}

/// A shop whose gateway has a second door, where clients may show a certificate.
async fn shop(name: &str, server: &Identity, door: &Port) -> Shop {
    let (certificate, key) = (server.0.cert.pem(), server.0.signing_key.serialize_pem());
    let port = door.number();
    let builder = Stack::named(name).envoy(move |config| {
        closes_at_once(config);
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
                    // RFC 8705 2.2: a self-signed certificate proves its key, which is all that a
                    // binding needs
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
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
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
    let tcp = TcpStream::connect(to).await.unwrap();
    let Ok(mut stream) = connector.connect(name, tcp).await else {
        let none = RawReply { status: None, text: String::new() };
        return Answer::of_raw("a handshake".to_owned(), &none);
    };
    let request = format!(
        "GET /me HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    // by TLS 1.3 a client learns of its certificate's refusal when it writes or reads
    let _ = stream.write_all(request.as_bytes()).await;
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
        let (server, owner, thief) =
            (Identity::new(NAME), Identity::new("owner"), Identity::new("thief"));
        let door = Port::free().unwrap();
        let shop = shop("binding", &server, &door).await;
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

/// CVE-2026-47778, CVE-2025-66220 (Envoy): a name of a certificate was compared up to its first
/// NUL, or the first of several names stood for all. A token is bound to the whole certificate by
/// its SHA-256, so no name is compared at all: neither one that begins as the owner's does nor one
/// that stands beside it helps a thief.
#[test]
fn a_bound_token_is_its_certificates_alone_whatever_names_others_have_with_several_or_with_a_nul() {
    const OWNER: &str = "owner.example";
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let uri = |name: &str| SanType::URI(name.try_into().unwrap());
    let mail = |name: &str| SanType::Rfc822Name(name.try_into().unwrap());
    run(async {
        let server = Identity::new(NAME);
        let clients = [
            Identity::with_names([dns(OWNER)]),
            // the same names: another key, and so another certificate
            Identity::with_names([dns(OWNER)]),
            Identity::with_names([dns("owner.example\0.evil.example")]),
            Identity::with_names([dns("evil.example\0"), dns(OWNER)]),
            Identity::with_names([
                dns(OWNER),
                dns("evil.example"),
                uri("spiffe://shop/owner"),
                mail("owner@shop.example"),
            ]),
            Identity::with_names([uri("spiffe://shop/owner"), uri("spiffe://shop/owner\0/evil")]),
            Identity::with_names([SanType::IpAddress([127, 0, 0, 1].into()), dns(OWNER)]),
            Identity::with_names([]),
        ];
        let door = Port::free().unwrap();
        let shop = shop("binding-names", &server, &door).await;
        let mut accepted = 0;
        let plain = shop.token("alice").await;
        for (owner, own) in clients.iter().enumerate() {
            // Envoy may refuse a certificate itself; then no request arrives with it
            let known = ask(&server, &door, Some(own), &plain).await.status == 200;
            let bound = json!({ "x5t#S256": own.thumbprint() });
            let bound = shop.stack.idp().token("alice").claim("cnf", bound).sign().await.unwrap();
            for (number, client) in clients.iter().enumerate() {
                if number == owner && known {
                    ask(&server, &door, Some(client), &bound).await.is(200);
                    accepted += 1;
                    continue;
                }
                let answer = shop.unreached(ask(&server, &door, Some(client), &bound)).await;
                assert!(
                    answer.status == 0 || answer.body["reason"] == "binding-mismatch",
                    "{owner} {number}: {answer}"
                );
            }
        }
        assert!(accepted >= 4, "{accepted} certificates were accepted");
    });
}

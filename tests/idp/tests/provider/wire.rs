//! Faults that no HTTP client shows as they are: what the bytes and the connection do.
use std::io::ErrorKind;
use std::net::SocketAddr;

use dev_idp::{DevIdp, Endpoint, Fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::provider;

const GET_JWKS: &[u8] = b"GET /jwks HTTP/1.1\r\nhost: idp\r\n\r\n";

/// Everything that comes until the provider closes the connection.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut received = Vec::new();
    match stream.read_to_end(&mut received).await {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8(received).unwrap()
}

async fn connected(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// One whole answer over a connection that stays open.
async fn answered(stream: &mut TcpStream) -> String {
    stream.write_all(GET_JWKS).await.unwrap();
    let mut received = String::new();
    loop {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).await.unwrap();
        assert_ne!(length, 0, "closed after {received:?}");
        received.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
        if let Some((_, body)) = received.split_once("\r\n\r\n")
            && body.len() == content_length(&received)
        {
            return received;
        }
    }
}

fn content_length(answer: &str) -> usize {
    let line = answer.lines().find_map(|line| line.strip_prefix("content-length: "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_provider_that_is_down_closes_the_connection_without_a_byte() {
    let idp = provider().await;
    for (endpoint, request) in [
        (Endpoint::Jwks, "GET /jwks HTTP/1.1\r\nhost: idp\r\n\r\n"),
        (
            Endpoint::Discovery,
            "GET /.well-known/openid-configuration HTTP/1.1\r\nhost: idp\r\n\r\n",
        ),
        (
            Endpoint::Token,
            "POST /token HTTP/1.1\r\nhost: idp\r\ncontent-length: 21\r\n\r\ngrant_type=password&x",
        ),
    ] {
        idp.fault(endpoint, Fault::Down);
        let mut stream = connected(idp.address()).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(until_closed(&mut stream).await, "", "{endpoint:?}");
    }
}

#[tokio::test]
async fn a_connection_that_served_before_is_closed_by_the_request_that_meets_down() {
    let idp = provider().await;
    let mut stream = connected(idp.address()).await;
    answered(&mut stream).await;
    answered(&mut stream).await;
    idp.fault(Endpoint::Jwks, Fault::Down);
    stream.write_all(GET_JWKS).await.unwrap();
    assert_eq!(until_closed(&mut stream).await, "");
}

#[tokio::test]
async fn a_cut_answer_ends_in_the_middle_of_its_content_length() {
    let idp = provider().await;
    idp.fault(Endpoint::Jwks, Fault::Cut);
    for _ in 0..20 {
        let mut stream = connected(idp.address()).await;
        stream.write_all(GET_JWKS).await.unwrap();
        let answer = until_closed(&mut stream).await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("the head is whole");
        assert!(
            head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("application/json"),
            "{head}"
        );
        let whole = idp.jwks().to_string();
        assert_eq!(content_length(head), whole.len());
        assert_eq!(body, &whole[..whole.len() / 2], "half of the right answer");
    }
}

#[tokio::test]
async fn a_port_that_refuses_ends_old_connections_and_takes_no_new_ones() {
    let idp = provider().await;
    let mut old = connected(idp.address()).await;
    answered(&mut old).await;

    idp.refuse_connections().await;
    idp.refuse_connections().await;
    assert_eq!(until_closed(&mut old).await, "");
    let refused = TcpStream::connect(idp.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(idp.counts().jwks.total, 1);

    idp.accept_connections().await;
    idp.accept_connections().await;
    assert!(answered(&mut connected(idp.address()).await).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_dropped_provider_leaves_nothing_behind() {
    let idp: DevIdp = provider().await;
    let address = idp.address();
    let mut old = connected(address).await;
    answered(&mut old).await;
    drop(idp);
    assert_eq!(until_closed(&mut old).await, "");
}

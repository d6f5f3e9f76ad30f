//! HTTP/2 by hand (RFC 9113): one request whose fields are sent as they are, for what no client
//! library would send.
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What came back. The head is not read: problem documents and echoes say in the body what there is
/// to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RawH2Reply {
    /// An answer, with this body.
    Answer(String),
    /// The stream was reset, or the connection closed.
    Reset,
}

/// Sends these fields to a port of 127.0.0.1, on a connection of its own. Pseudo-headers come
/// first, in any form.
pub async fn raw_h2(port: u16, fields: &[(&str, &[u8])]) -> RawH2Reply {
    let exchange = async {
        let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        let head = fields
            .iter()
            .flat_map(|(name, value)| field(name.as_bytes(), value))
            .collect::<Vec<_>>();
        let frames = [
            PREFACE,
            &frame(SETTINGS, 0, 0, &[]),
            &frame(HEADERS, END_STREAM | END_HEADERS, 1, &head),
        ];
        stream.write_all(&frames.concat()).await?;
        read(&mut stream).await
    };
    // a connection that breaks is the answer to what is no request
    timeout(PATIENCE, exchange).await.expect("an end").unwrap_or(RawH2Reply::Reset)
}

async fn read(stream: &mut TcpStream) -> std::io::Result<RawH2Reply> {
    let (mut answered, mut body) = (false, Vec::new());
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let [high, middle, low, kind, flags, id @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        stream.read_exact(&mut payload).await?;
        match (kind, u32::from_be_bytes(id)) {
            (RST_STREAM, 1) | (GOAWAY, _) => return Ok(RawH2Reply::Reset),
            (HEADERS, 1) => answered = true,
            (DATA, 1) => body.extend(payload),
            _ => continue,
        }
        if answered && flags & END_STREAM != 0 {
            return Ok(RawH2Reply::Answer(String::from_utf8_lossy(&body).into_owned()));
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).expect("a small frame").to_be_bytes();
    [&length[..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A literal field without indexing, its name new, nothing compressed (RFC 7541 6.2.2).
fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    [&[0], &*length(name), name, &*length(value), value].concat()
}

/// An integer with a prefix of 7 bits (RFC 7541 5.1).
fn length(text: &[u8]) -> Vec<u8> {
    let byte = |number: usize| u8::try_from(number).expect("less than 256");
    let Some(mut left) = text.len().checked_sub(127) else { return vec![byte(text.len())] };
    let mut bytes = vec![127];
    while left >= 128 {
        bytes.push(byte(left % 128 + 128));
        left /= 128;
    }
    bytes.push(byte(left));
    bytes
}

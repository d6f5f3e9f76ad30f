//! Health check for an image without a shell or curl: the program queries the running instance.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, ensure};

const TIMEOUT: Duration = Duration::from_secs(2);

/// Queries `/readyz` of the operations port.
///
/// # Errors
/// The port does not answer, or the service is not ready.
pub fn check(mut operations: SocketAddr) -> anyhow::Result<()> {
    // a server that listens on all addresses also listens on the loopback address
    match operations.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => operations.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => operations.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    let status = status(operations).with_context(|| format!("no answer from {operations}"))?;
    ensure!(status.starts_with("HTTP/1.1 200"), "not ready: {status}");
    Ok(())
}

/// Returns the status line of the response.
fn status(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

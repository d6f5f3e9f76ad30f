//! `ready`: whether a gateway can decide. Envoy's own `/ready` knows nothing of keys: an Envoy that
//! has none yet is ready, and answers every token with 503.

use std::io;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::diagnostics;
use crate::diagnostics::exit::{Answer, CliError, ExitStatus};
use crate::diagnostics::{Finding, Format, Severity};

const PATIENCE: Duration = Duration::from_secs(2);

/// What `ready` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Ready (exit code 0) is who has taken a policy and has the keys of some provider; who has not is a no (2), and who cannot be
asked is neither (1).

Examples:
  portcullis ready
  portcullis ready --admin 127.0.0.1:9901 --format json")]
pub struct Arguments {
    /// Where Envoy's admin interface listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9901")]
    admin: SocketAddr,
}

/// Asks.
///
/// # Errors
/// Why there is no answer.
pub fn run(arguments: &Arguments, format: Format) -> Result<Answer, CliError> {
    let ask = |path| {
        get(arguments.admin, path).map_err(|error| {
            let help =
                "is Envoy up, and does its admin interface listen there? `--admin` says where else";
            CliError::helped(format!("no answer from {}: {error}", arguments.admin), help)
        })
    };
    let (code, text) = ask("/ready")?;
    if code != 200 {
        return Ok(State::not_yet(format!("Envoy says {}", text.trim())).told(format));
    }
    let (_, stats) = ask("/stats?filter=portcullis")?;
    Ok(State::judge(&stats).told(format))
}

/// What a gateway is at a moment.
#[derive(Debug, PartialEq, Eq)]
struct State {
    ready: bool,
    /// One line of it.
    message: String,
    /// Providers without keys.
    without_keys: Vec<String>,
}

impl State {
    /// Ready is who has a policy, and keys of some provider: to be without those of one must not
    /// turn away the others' clients.
    fn judge(stats: &str) -> Self {
        let gauges = |name: &'static str| {
            stats.lines().filter_map(move |line| {
                let (label, value) = line.split_once(name)?.1.split_once(": ")?;
                Some((label.to_owned(), value.trim().parse::<u64>().ok()?))
            })
        };
        if !gauges("portcullis.policy_workers;hash=").any(|(_, workers)| workers > 0) {
            return Self::not_yet("no policy has been taken".to_owned());
        }
        let (with, without): (Vec<_>, Vec<_>) =
            gauges("portcullis.keys_usable;provider=").partition(|(_, keys)| *keys > 0);
        let without_keys: Vec<_> = without.into_iter().map(|(name, _)| name).collect();
        let names = without_keys.join(", ");
        let (ready, message) = match (with.is_empty(), without_keys.is_empty()) {
            (true, false) => (false, format!("no keys yet: {names}")),
            (false, false) => (true, format!("ready, but without keys of {names}")),
            (_, true) => (true, "ready".to_owned()),
        };
        Self { ready, message, without_keys }
    }

    fn not_yet(message: String) -> Self {
        Self { ready: false, message, without_keys: Vec::new() }
    }

    fn told(&self, format: Format) -> Answer {
        let Self { ready, message, without_keys } = self;
        let text = match format {
            Format::Human => format!("{message}\n"),
            Format::Json => {
                let document =
                    json!({ "ready": ready, "message": message, "without_keys": without_keys });
                format!("{document:#}\n")
            }
            Format::Github => {
                let severity = match (ready, without_keys.is_empty()) {
                    (true, true) => Severity::Note,
                    (true, false) => Severity::Warning,
                    (false, _) => Severity::Error,
                };
                diagnostics::findings(&[Finding::new(severity, "ready", message)], format)
            }
        };
        Answer { text, exit: if *ready { ExitStatus::Success } else { ExitStatus::CheckFailed } }
    }
}

/// Status and body.
fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or(io::ErrorKind::InvalidData)?;
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Ok((status, if chunked { joined(body) } else { body.to_owned() }))
}

/// The chunks of a body, joined (RFC 9112 7.1).
fn joined(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
            .unwrap_or(0);
        let Some(chunk) = rest.get(..size).filter(|chunk| !chunk.is_empty()) else { break };
        whole.push_str(chunk);
        body = rest[size..].trim_start_matches("\r\n");
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "wasmcustom.portcullis.policy_workers;hash=0f: 3\n";

    fn said(stats: &str) -> (ExitStatus, String) {
        let Answer { text, exit } = State::judge(stats).told(Format::Human);
        (exit, text)
    }

    #[test]
    fn a_gateway_without_policy_or_keys_is_not_ready() {
        assert_eq!(said(""), (ExitStatus::CheckFailed, "no policy has been taken\n".to_owned()));
        let old = "wasmcustom.portcullis.policy_workers;hash=0f: 0\n";
        assert_eq!(said(old).0, ExitStatus::CheckFailed);
        let keys =
            |of: &str, count| format!("wasmcustom.portcullis.keys_usable;provider={of}: {count}\n");
        assert_eq!(
            said(&(POLICY.to_owned() + &keys("a", 0))),
            (ExitStatus::CheckFailed, "no keys yet: a\n".to_owned())
        );
        let one = POLICY.to_owned() + &keys("a", 0) + &keys("b", 2);
        assert_eq!(said(&one), (ExitStatus::Success, "ready, but without keys of a\n".to_owned()));
        assert_eq!(
            said(&(POLICY.to_owned() + &keys("a", 2))),
            (ExitStatus::Success, "ready\n".to_owned())
        );
        // inline keys are in the policy
        assert_eq!(said(POLICY), (ExitStatus::Success, "ready\n".to_owned()));
    }

    #[test]
    fn chunks_are_joined() {
        assert_eq!(joined("3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"), "abcde");
    }
}

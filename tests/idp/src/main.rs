//! The development identity provider as a process: for demos and tests, never for production.
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use dev_idp::{Config, DevIdp, StartError};
use tokio::signal::unix::{SignalKind, signal};

const PATIENCE: Duration = Duration::from_secs(2);

/// Development identity provider, for demos and tests. NEVER FOR PRODUCTION: its users, passwords
/// and client secrets are published, and it signs whatever it is told to.
///
/// When it is ready it prints one line of JSON with its addresses. It ends on SIGTERM and Ctrl-C.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; port 0 is a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Issuer of the tokens; `http://` and the address listened on if there is none
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Also listen for controls (rotate, withdraw, mint, fault, counts); loopback only, a free port
    /// if none is given
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:0")]
    control: Option<SocketAddr>,
    /// Ask the provider that listens there whether it answers, and end: the health check of an
    /// image without a shell
    #[arg(long)]
    ask: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { listen, issuer, control, ask } = Arguments::parse();
    if ask {
        return match answers(listen) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("dev-idp: no answer from {listen}: {error}");
                ExitCode::FAILURE
            }
        };
    }
    match run(Config { listen, issuer, control }).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dev-idp: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether somebody speaks HTTP there. Who listens on every address listens on this machine's own.
fn answers(mut address: SocketAddr) -> std::io::Result<bool> {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.1 "))
}

async fn run(config: Config) -> Result<(), StartError> {
    // before the first line is out: whoever reads it may end us at once
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be listened for");
    let mut interrupt = signal(SignalKind::interrupt()).expect("SIGINT can be listened for");
    let idp = DevIdp::start(config).await?;
    eprintln!("dev-idp: {}", dev_idp::WARNING);
    println!("{}", serde_json::to_string(&idp.ready()).expect("addresses can be written as JSON"));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

//! What the operator chooses: every setting is a flag and an environment variable.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// The order and product service behind the Portcullis gateway.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do; `serve` unless said otherwise.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The settings of `serve`, and of `migrate` the database alone.
    #[command(flatten)]
    pub settings: Settings,
}

/// What the program can do.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Command {
    /// Bring the schema up to date, then answer requests until SIGTERM or ctrl-c
    Serve,
    /// Bring the schema up to date, and nothing else
    Migrate,
    /// Write the OpenAPI document to the standard output
    Openapi,
    /// Ask the service that runs here whether it is ready, as `/readyz` says
    Health,
}

/// The settings.
#[derive(Clone, Debug, Args)]
#[command(next_line_help = true)]
pub struct Settings {
    /// Where the service listens; port 0 takes a free one, which the log names
    #[arg(long, env = "BACKEND_LISTEN", default_value = "127.0.0.1:3000", global = true)]
    pub listen: SocketAddr,
    /// Where operators are answered: /livez, /readyz, /metrics
    #[arg(long, env = "BACKEND_OPERATIONS_LISTEN", default_value = "127.0.0.1:3001", global = true)]
    pub operations_listen: SocketAddr,
    /// `sqlite://<file>` or `postgres://<user>:<password>@<host>/<database>`
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "sqlite://shop.db",
        hide_env_values = true,
        global = true
    )]
    pub database_url: String,
    /// For how many seconds a database that does not answer is waited for at the start
    #[arg(long, env = "BACKEND_DATABASE_WAIT", default_value = "30", value_parser = parse_seconds, global = true)]
    pub database_wait: Duration,
    /// The gateway's public keys: a file with a JWKS, read again when it changes
    #[arg(long, env = "BACKEND_GATEWAY_JWKS_FILE", global = true)]
    pub gateway_jwks_file: Option<PathBuf>,
    /// The gateway's public keys: the JWKS itself
    #[arg(long, env = "BACKEND_GATEWAY_JWKS", conflicts_with = "gateway_jwks_file", global = true)]
    pub gateway_jwks: Option<String>,
    /// The `iss` of the gateway's assertions
    #[arg(long, env = "BACKEND_GATEWAY_ISSUER", default_value = "portcullis", global = true)]
    pub gateway_issuer: String,
    /// The `aud` of the assertions that are for this service
    #[arg(long, env = "BACKEND_AUDIENCE", default_value = "shop", global = true)]
    pub audience: String,
    /// The header that carries the assertion
    #[arg(long, env = "BACKEND_ASSERTION_HEADER", default_value = portcullis_principal::DEFAULT_HEADER, global = true)]
    pub assertion_header: String,
    /// An admin who acts without a right must say why, in X-Admin-Reason
    #[arg(long, env = "BACKEND_REQUIRE_ADMIN_REASON", global = true)]
    pub require_admin_reason: bool,
    /// What is another's seems to be absent: 404 for both
    #[arg(long, env = "BACKEND_HIDE_EXISTENCE", global = true)]
    pub hide_existence: bool,
    /// Log subjects only as hashes with this salt
    #[arg(long, env = "BACKEND_SUBJECT_SALT", hide_env_values = true, global = true)]
    pub subject_salt: Option<String>,
    /// The largest body, in bytes
    #[arg(long, env = "BACKEND_MAX_BODY", default_value_t = 64 * 1024, global = true)]
    pub max_body: usize,
    /// The largest head of a request, in bytes
    #[arg(long, env = "BACKEND_MAX_HEAD", default_value_t = 32 * 1024, value_parser = parse_max_head, global = true)]
    pub max_head: usize,
    /// How many seconds a whole body may take to arrive (408)
    #[arg(long, env = "BACKEND_MAX_BODY_TIME", default_value = "5", value_parser = parse_seconds, global = true)]
    pub max_body_time: Duration,
    /// How many bodies may be read at once (503). The memory of all bodies is at most this plus the maximum concurrency,
    /// times the largest body: 32 MiB by default
    #[arg(long, env = "BACKEND_MAX_BODIES", default_value_t = 256, global = true)]
    pub max_bodies: usize,
    /// How many seconds a request may take once its body is read (503)
    #[arg(long, env = "BACKEND_MAX_TIME", default_value = "10", value_parser = parse_seconds, global = true)]
    pub max_time: Duration,
    /// How many requests may be handled at once (503). Those without a token get at most half of these places
    #[arg(long, env = "BACKEND_MAX_CONCURRENCY", default_value_t = 256, global = true)]
    pub max_concurrency: usize,
    /// How many requests of one principal may be in progress, bodies that are being read included (429)
    #[arg(long, env = "BACKEND_MAX_PER_PRINCIPAL", default_value_t = 32, global = true)]
    pub max_per_principal: usize,
    /// For how many seconds what was begun may go on after SIGTERM or ctrl-c
    #[arg(long, env = "BACKEND_GRACE", default_value = "20", value_parser = parse_seconds, global = true)]
    pub grace: Duration,
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// The HTTP/1 parser needs room for one header line.
fn parse_max_head(text: &str) -> Result<usize, String> {
    let bytes = text.parse::<usize>().map_err(|error| error.to_string())?;
    if bytes >= 8192 { Ok(bytes) } else { Err("must be at least 8192".to_owned()) }
}

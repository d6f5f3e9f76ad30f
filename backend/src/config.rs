//! Settings of the operator: each is a command-line flag and an environment variable.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Order and product service behind the Portcullis gateway.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Cli {
    /// The command to run; `serve` by default.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Settings of `serve`; `migrate` uses those of the database only.
    #[command(flatten)]
    pub settings: Settings,
}

/// Commands of the program.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Command {
    /// Migrate the schema, then serve requests until SIGTERM or ctrl-c
    Serve,
    /// Migrate the schema and exit
    Migrate,
    /// Write the OpenAPI document to standard output
    Openapi,
    /// Query `/readyz` of the running service; exit with 0 if it is ready
    Health,
}

/// Settings of the service and its database.
#[derive(Clone, Debug, Args)]
#[command(next_line_help = true)]
pub struct Settings {
    /// Address of the service; with port 0, the system picks a free port and the log names it
    #[arg(long, env = "BACKEND_LISTEN", default_value = "127.0.0.1:3000", global = true)]
    pub listen: SocketAddr,
    /// Address of the operations port: /livez, /readyz, /metrics
    #[arg(
        long,
        env = "BACKEND_OPERATIONS_LISTEN",
        default_value = "127.0.0.1:3001",
        global = true
    )]
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
    /// How many seconds to wait at startup for a database that does not answer
    #[arg(long, env = "BACKEND_DATABASE_WAIT", default_value = "30", value_parser = parse_seconds, global = true)]
    pub database_wait: Duration,
    /// File with the gateway's public keys (JWKS); it is read again when it changes
    #[arg(long, env = "BACKEND_GATEWAY_JWKS_FILE", global = true)]
    pub gateway_jwks_file: Option<PathBuf>,
    /// The gateway's public keys: the JWKS itself
    #[arg(long, env = "BACKEND_GATEWAY_JWKS", conflicts_with = "gateway_jwks_file", global = true)]
    pub gateway_jwks: Option<String>,
    /// Expected `iss` of the gateway's assertions
    #[arg(long, env = "BACKEND_GATEWAY_ISSUER", default_value = "portcullis", global = true)]
    pub gateway_issuer: String,
    /// Expected `aud` of the assertions
    #[arg(long, env = "BACKEND_AUDIENCE", default_value = "shop", global = true)]
    pub audience: String,
    /// Header that carries the assertion
    #[arg(long, env = "BACKEND_ASSERTION_HEADER", default_value = portcullis_principal::DEFAULT_HEADER, global = true)]
    pub assertion_header: String,
    /// Require a reason (header X-Admin-Reason) for requests that use the admin bypass
    #[arg(long, env = "BACKEND_REQUIRE_ADMIN_REASON", global = true)]
    pub require_admin_reason: bool,
    /// Answer 404 instead of 403 if the caller has no right to a resource
    #[arg(long, env = "BACKEND_HIDE_EXISTENCE", global = true)]
    pub hide_existence: bool,
    /// Salt: with it, the log contains hashes of subjects instead of subjects
    #[arg(long, env = "BACKEND_SUBJECT_SALT", hide_env_values = true, global = true)]
    pub subject_salt: Option<String>,
    /// Maximum size of a request body, in bytes
    #[arg(long, env = "BACKEND_MAX_BODY", default_value_t = 64 * 1024, global = true)]
    pub max_body: usize,
    /// Maximum size of a request head, in bytes
    #[arg(long, env = "BACKEND_MAX_HEAD", default_value_t = 32 * 1024, value_parser = parse_max_head, global = true)]
    pub max_head: usize,
    /// How many seconds a whole body may take to arrive (408)
    #[arg(long, env = "BACKEND_MAX_BODY_TIME", default_value = "5", value_parser = parse_seconds, global = true)]
    pub max_body_time: Duration,
    /// How many bodies may be read at the same time (503). All bodies together take at most (this
    /// number + the maximum concurrency) x the maximum body size: 32 MiB by default
    #[arg(long, env = "BACKEND_MAX_BODIES", default_value_t = 256, global = true)]
    pub max_bodies: usize,
    /// How many seconds a request may take after its body was read (503)
    #[arg(long, env = "BACKEND_MAX_TIME", default_value = "10", value_parser = parse_seconds, global = true)]
    pub max_time: Duration,
    /// How many requests may be handled at the same time (503). Requests without a token get at
    /// most half of these
    #[arg(long, env = "BACKEND_MAX_CONCURRENCY", default_value_t = 256, global = true)]
    pub max_concurrency: usize,
    /// How many requests of one principal may be in progress, including those whose body is being
    /// read (429)
    #[arg(long, env = "BACKEND_MAX_PER_PRINCIPAL", default_value_t = 32, global = true)]
    pub max_per_principal: usize,
    /// How many seconds requests in progress may take after SIGTERM or ctrl-c
    #[arg(long, env = "BACKEND_GRACE", default_value = "20", value_parser = parse_seconds, global = true)]
    pub grace: Duration,
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// The HTTP/1 parser needs a buffer of at least 8192 bytes.
fn parse_max_head(text: &str) -> Result<usize, String> {
    let bytes = text.parse::<usize>().map_err(|error| error.to_string())?;
    if bytes >= 8192 { Ok(bytes) } else { Err("must be at least 8192".to_owned()) }
}

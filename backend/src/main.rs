//! Wires settings to adapters, adapters to use cases, and use cases to the network.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use backend::adapters::SystemClock;
use backend::adapters::http::{App, Limits, Metrics, RequestQuota, app, operations_app, routes};
use backend::adapters::storage::SqlStore;
use backend::application::{self, Shop};
use backend::config::{Cli, Command, Settings};
use backend::server::{ServerLimits, check_health, serve};
use clap::Parser as _;
use portcullis_principal::AssertionVerifier;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    match run_command(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // one line: what failed, and why
            eprintln!("backend: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run_command(Cli { command, settings }: Cli) -> anyhow::Result<()> {
    match command.unwrap_or(Command::Serve) {
        Command::Health => check_health(settings.operations_listen),
        Command::Openapi => Ok(std::io::stdout().write_all(routes::openapi_text().as_bytes())?),
        Command::Migrate => {
            init_logging();
            open_store(&settings).await?.close().await;
            Ok(())
        }
        Command::Serve => {
            init_logging();
            run_server(settings).await
        }
    }
}

/// Initializes logging: JSON lines on standard output, filtered by `RUST_LOG`.
fn init_logging() {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .init();
    // logs a panic as one JSON line. The panic's message may contain client data, so only its
    // location is logged
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(at = panic.location().map(tracing::field::display), "panicked");
    }));
}

async fn run_server(settings: Settings) -> anyhow::Result<()> {
    let verifier = verifier(&settings)?;
    let store = Arc::new(open_store(&settings).await?);
    let state = App {
        shop: Shop {
            store: Arc::clone(&store) as _,
            clock: Arc::new(SystemClock),
            settings: application::Settings {
                admin_reason_required: settings.require_admin_reason,
                hide_existence: settings.hide_existence,
            },
        },
        verifier,
        metrics: Metrics::new(),
        limits: Limits {
            body: settings.max_body,
            body_time: settings.max_body_time,
            bodies: Arc::new(Semaphore::new(settings.max_bodies)),
            time: settings.max_time,
            concurrency: Arc::new(Semaphore::new(settings.max_concurrency)),
            quota: RequestQuota::new(
                settings.max_per_principal,
                settings.max_concurrency.div_ceil(2),
            ),
        },
        subject_salt: settings.subject_salt.map(Into::into),
    };
    let service = listen(settings.listen).await?;
    let operators = listen(settings.operations_listen).await?;
    tracing::info!(listen = %service.local_addr()?, operations = %operators.local_addr()?, "listening");

    let limits = ServerLimits { head: settings.max_head, grace: settings.grace };
    let (shutdown, operations_shutdown) = (CancellationToken::new(), CancellationToken::new());
    let operators = tokio::spawn(serve(
        operators,
        operations_app(state.clone()),
        limits,
        operations_shutdown.clone(),
    ));
    let service = tokio::spawn(serve(service, app(state), limits, shutdown.clone()));
    shutdown_signal().await?;
    tracing::info!("stopping");
    shutdown.cancel();
    service.await?;
    // the operations port stays open until the service port has closed
    operations_shutdown.cancel();
    operators.await?;
    store.close().await;
    tracing::info!("stopped");
    Ok(())
}

fn verifier(settings: &Settings) -> anyhow::Result<AssertionVerifier> {
    let (issuer, audience) = (&settings.gateway_issuer, &settings.audience);
    let verifier = match (&settings.gateway_jwks_file, &settings.gateway_jwks) {
        (Some(file), _) => AssertionVerifier::from_jwks_file(file, issuer, audience)?,
        (None, Some(jwks)) => AssertionVerifier::from_jwks(jwks, issuer, audience)?,
        (None, None) => anyhow::bail!(
            "the gateway's public keys are missing: set --gateway-jwks-file or --gateway-jwks (`portcullis keygen` creates them)"
        ),
    };
    Ok(verifier.with_header(&settings.assertion_header))
}

/// Opens the database and migrates its schema. Retries a database that does not answer yet.
async fn open_store(settings: &Settings) -> anyhow::Result<SqlStore> {
    let store = SqlStore::open(&settings.database_url)?;
    let started = Instant::now();
    while let Err(error) = store.migrate().await {
        if !error.is_transient() || started.elapsed() >= settings.database_wait {
            return Err(error).context("the database cannot be used");
        }
        tracing::warn!(
            error = format!("{:#}", anyhow::Error::new(error)),
            "the database cannot be used yet"
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(store)
}

async fn listen(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

async fn shutdown_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

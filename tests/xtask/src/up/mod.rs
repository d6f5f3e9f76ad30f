//! `cargo xtask up`: the whole chain on this machine, and what to paste to try it.
mod detach;
mod examples;
mod running;

use std::pin::Pin;

use clap::Args;
use harness::folder::{self, Folder};
use harness::keycloak::Keycloak;
use harness::ports::Port;
use harness::stack::{Ports, Stack};
use harness::{Error, Result, tools};
use tokio::signal::unix::{SignalKind, signal};

use self::running::Running;
use crate::build;

/// The run that is meant if none is named.
const NAME: &str = "up";

/// What `up` is told.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Give the shell back once everything is ready; `cargo xtask down` ends it
    #[arg(long)]
    detach: bool,
    /// Take the identities from a real Keycloak instead of the development provider
    #[arg(long)]
    keycloak: bool,
    #[command(flatten)]
    ports: PortNumbers,
    /// Name of this run, for running several at once; its logs go to `target/stacks/<NAME>`
    #[arg(long, default_value = NAME, value_parser = name)]
    name: String,
    /// Set by `--detach` for the process that stays
    #[arg(long, hide = true)]
    stay: bool,
}

/// What `down` is told.
#[derive(Args)]
pub(crate) struct DownArguments {
    /// Name of the run to end
    #[arg(long, default_value = NAME, value_parser = name)]
    name: String,
}

/// The name of a run: it becomes a part of paths.
fn name(text: &str) -> Result<String, String> {
    folder::checked(text, 64).map(str::to_owned)
}

/// Where the parts listen on 127.0.0.1.
#[derive(Args)]
struct PortNumbers {
    /// Port of the gateway
    #[arg(long = "gateway-port", value_name = "PORT", default_value_t = 8080)]
    gateway: u16,
    /// Port of Envoy's admin interface
    #[arg(long = "admin-port", value_name = "PORT", default_value_t = 9901)]
    admin: u16,
    /// Port of the identity provider
    #[arg(long = "idp-port", value_name = "PORT", default_value_t = 8090)]
    idp: u16,
    /// Port of the backend, past the gateway
    #[arg(long = "backend-port", value_name = "PORT", default_value_t = 8081)]
    backend: u16,
    /// Port of the backend's answers to operators
    #[arg(long = "operations-port", value_name = "PORT", default_value_t = 8082)]
    operations: u16,
}

impl PortNumbers {
    /// Makes sure that they are free, before anything long begins.
    fn take(&self) -> Result<Ports> {
        let port = |number, part, flag| {
            Port::fixed(
                number,
                part,
                &format!("end what listens there, or choose another with --{flag}"),
            )
        };
        Ok(Ports {
            gateway: port(self.gateway, "the gateway", "gateway-port")?,
            admin: port(self.admin, "Envoy's admin interface", "admin-port")?,
            idp: port(self.idp, "the identity provider", "idp-port")?,
            backend: port(self.backend, "the backend", "backend-port")?,
            operations: port(self.operations, "the backend's operations", "operations-port")?,
        })
    }
}

/// Starts the chain and keeps it running.
pub(crate) fn up(arguments: &Arguments) -> Result<()> {
    let ports = arguments.ports.take()?;
    let running = Running::claim(&arguments.name)?;
    if !arguments.stay {
        build::all()?;
        tools::envoy()?;
        if arguments.keycloak {
            tools::keycloak()?;
        }
    }
    let runtime = tokio::runtime::Runtime::new().map_err(Error::io("start the runtime"))?;
    runtime.block_on(async {
        if arguments.detach {
            // the process that stays takes them
            drop((ports, running));
            return detach::detach(arguments).await;
        }
        let told = told_to_end()?;
        tokio::select! {
            ended = run(arguments, ports, &running) => ended,
            () = told => {
                eprintln!("ending");
                Ok(())
            }
        }
    })
}

/// Ends what `up` started.
pub(crate) fn down(arguments: &DownArguments) -> Result<()> {
    detach::end(&arguments.name)
}

/// Runs the chain until one of its parts ends. Dropped, it ends them all.
async fn run(arguments: &Arguments, ports: Ports, running: &Running) -> Result<()> {
    let builder = Stack::named(&arguments.name).progress(|what| eprintln!("{what}"));
    if !arguments.keycloak {
        let stack = builder.ports(ports).start().await?;
        let token_endpoint = stack.idp().addresses().token_endpoint.clone();
        return keep(stack, &token_endpoint, running).await;
    }
    eprintln!("starting Keycloak ...");
    let Ports { gateway, admin, idp, backend, operations } = ports;
    let folder = Folder::empty(&format!("{}-keycloak", arguments.name))?;
    let mut keycloak = Keycloak::start_on(idp, folder).await?;
    let ports = Ports { gateway, admin, idp: Port::free()?, backend, operations };
    let stack = builder.ports(ports).trusting(&keycloak).start().await?;
    let token_endpoint = keycloak.token_endpoint();
    tokio::select! {
        ended = keep(stack, &token_endpoint, running) => ended,
        error = keycloak.process_mut().ends() => Err(error),
    }
}

/// Shows what there is, and waits until a part ends.
async fn keep(mut stack: Stack, token_endpoint: &str, running: &Running) -> Result<()> {
    let examples = examples::tried(&stack, token_endpoint).await?;
    println!(
        "\nEverything is ready. On this machine only:\n\
         \n  gateway            {}\
         \n  tokens             {token_endpoint}\
         \n  Envoy's admin      {}\
         \n  backend            {}  (past the gateway nobody gets in)\
         \n  its operations     {}\
         \n  logs               {}\n\
         \n{examples}",
        stack.envoy().url(),
        stack.envoy().admin_url(),
        stack.backend().url(),
        stack.backend().operations_url(),
        stack.folder().path().display(),
    );
    running.ready()?;
    Err(stack.part_that_ends().await)
}

/// Ends when the user, or the system, wants us to end. From now on that does not end us by itself.
fn told_to_end() -> Result<Pin<Box<impl Future<Output = ()>>>> {
    let listen = |kind| signal(kind).map_err(Error::io("listen for signals"));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(Box::pin(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }))
}

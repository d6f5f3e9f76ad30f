//! `render`: the configuration that loads a policy, and the policy with its presets written out.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::diagnostics::exit::{Answer, CliError};
use crate::manifest;
use crate::manifest::{Kind, Placement};
use crate::policy::Loaded;

/// What `render` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
What is written is the file itself, as its reader takes it, whatever --format says: that is for what may go wrong.

Examples:
  portcullis render envoy/policy.yaml --for envoy > portcullis.json.new && mv portcullis.json.new /etc/envoy/portcullis.json
  portcullis render policies/ --for istio --plugin oci://registry.example/portcullis:1.0 | kubectl apply -f -
  portcullis render envoy/policy.yaml --resolved")]
pub struct Arguments {
    /// The policy: a file, or a folder
    policy: PathBuf,
    /// Who loads it
    #[arg(long = "for", value_enum, value_name = "TARGET", required_unless_present = "resolved")]
    target: Option<Target>,
    /// Write the policy itself, as YAML, with presets written out
    #[arg(long)]
    resolved: bool,
    /// The plugin: a file for Envoy (/etc/envoy/portcullis.wasm unless said), an image or an
    /// address for the others
    #[arg(long, value_name = "WHERE")]
    plugin: Option<String>,
    /// The Istio resource
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
    /// What the filter is called; its `vm_id` too
    #[arg(long, default_value = "portcullis")]
    name: String,
    /// The namespace of the Gateway
    #[arg(long, default_value = "default")]
    namespace: String,
    /// The Gateway that it belongs to
    #[arg(long, default_value = "gateway")]
    gateway: String,
    /// The secret that holds the signing key, under the name of the policy's `key_env`
    #[arg(long, default_value = "portcullis")]
    secret: String,
}

/// Who loads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// Envoy: the file that ECDS reads
    Envoy,
    /// Istio: what kubectl applies
    Istio,
    /// Envoy Gateway: what kubectl applies
    EnvoyGateway,
}

/// Renders.
///
/// # Errors
/// Why there is no answer.
pub fn run(arguments: &Arguments) -> Result<Answer, CliError> {
    let loaded = Loaded::read_one(&arguments.policy)?;
    let written = if arguments.resolved { loaded.document.resolved() } else { loaded.document };
    let Some(target) = arguments.target else {
        return Ok(Answer::fine(manifest::document(&written).yaml()));
    };
    let plugin = match (&arguments.plugin, target) {
        (Some(plugin), _) => plugin.clone(),
        (None, Target::Envoy) => "/etc/envoy/portcullis.wasm".to_owned(),
        (None, Target::Istio | Target::EnvoyGateway) => {
            let help = "say `--plugin oci://REGISTRY/portcullis:VERSION`";
            return Err(CliError::helped("nothing says which image holds the plugin", help));
        }
    };
    let placement = Placement {
        plugin,
        name: arguments.name.clone(),
        namespace: arguments.namespace.clone(),
        gateway: arguments.gateway.clone(),
        secret: arguments.secret.clone(),
    };
    let policy = &loaded.policy;
    Ok(Answer::fine(match target {
        Target::Envoy => manifest::discovery(&written, policy, &placement),
        Target::Istio => manifest::istio(&written, policy, &placement, arguments.kind),
        Target::EnvoyGateway => manifest::envoy_gateway(&written, policy, &placement),
    }))
}

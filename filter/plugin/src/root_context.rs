//! The root context: one policy on one worker. An update of the policy is another root context;
//! requests that the old one has received are decided by the old one.

use std::rc::Rc;
use std::time::Duration;

use portcullis_engine::policy::{Policy, configuration};
use portcullis_principal::SigningKey;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType, LogLevel};

use crate::gateway::Gateway;
use crate::http_context::Http;
use crate::{access_log, host, host_crypto};

/// A withdrawn key is out of use within one tick, so this is at most a second.
const TICK: Duration = Duration::from_secs(1);

/// The root context of Proxy-Wasm.
pub(crate) struct Root {
    context: u32,
    gateway: Option<Rc<Gateway>>,
}

impl Root {
    pub(crate) fn new(context: u32) -> Self {
        Self { context, gateway: None }
    }

    /// Loads a configuration, or returns its errors, one line each.
    fn load(&self, size: usize) -> Result<Gateway, Vec<String>> {
        let one = |line: String| vec![line];
        let json = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten();
        let json = json
            .ok_or_else(|| one("the plugin has no configuration; it must be the policy".into()))?;
        let policy = Policy::from_json(&configuration::json(json));
        let policy =
            policy.map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let signing_key = signing_key(&policy).map_err(one)?;
        Ok(Gateway::new(self.context, policy, signing_key))
    }
}

/// Reads the key that signs assertions and authenticates shared data. It comes from the
/// environment, never from the configuration, which Envoy's admin page shows.
fn signing_key(policy: &Policy) -> Result<Option<SigningKey>, String> {
    let fetched = policy.providers().iter().any(|provider| provider.keys.is_fetched());
    let assertion = &policy.identity().assertion;
    let needed = !assertion.omitted || fetched;
    let name = &*assertion.key_env;
    match std::env::var(name) {
        Ok(seed) => SigningKey::from_seed_base64url(seed.trim_end()).map(Some).map_err(|error| {
            format!("the environment variable `{name}`: {error}\n  help: make one with `portcullis keygen`")
        }),
        Err(_) if !needed => Ok(None),
        Err(_) => Err(format!(
            "the environment variable `{name}` is not set, and it holds the signing key\n  help: make a key with \
             `portcullis keygen`, set the variable for Envoy, and name it in `environment_variables.host_env_keys`"
        )),
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _: usize) {
        if let Some(gateway) = &self.gateway {
            gateway.on_fetch_response(token, headers, body);
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        follow_log_level();
        host_crypto::install();
        access_log::declare();
        match self.load(size) {
            Ok(gateway) => {
                let policy = &gateway.policy;
                let (services, providers) = (policy.services().len(), policy.providers().len());
                log::info!(
                    "policy {} loaded: {services} services, {} rows, {providers} providers; {}",
                    policy.hash(),
                    policy.services().iter().map(|service| service.rows().len()).sum::<usize>(),
                    host_crypto::HOST.summary()
                );
                self.gateway = Some(Rc::new(gateway));
                // Envoy's clusters may not be ready yet: the first tick begins the first fetch
                host::request_tick();
                true
            }
            Err(errors) => {
                for error in errors {
                    log::error!("policy refused: {error}");
                }
                false
            }
        }
    }

    fn on_tick(&mut self) {
        follow_log_level();
        host::tick_after(TICK);
        if let Some(gateway) = &self.gateway {
            gateway.on_tick();
        }
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http::new(context, self.gateway.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// Takes over Envoy's log level, so that no line is formatted that Envoy would not write.
fn follow_log_level() {
    if let Ok(level) = hostcalls::get_log_level() {
        let level = if level == LogLevel::Critical { LogLevel::Error } else { level };
        proxy_wasm::set_log_level(level);
    }
}

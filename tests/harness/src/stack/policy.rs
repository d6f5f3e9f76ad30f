//! The policy of a stack: the shipped example, with the stack's providers and what a test changes.
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::provider::Location;
use crate::artifacts::root;
use crate::{Error, Result};

/// A policy document, as a tree.
#[derive(Clone, Debug)]
pub(super) struct Policy(pub(super) Value);

impl Policy {
    /// `envoy/policy.yaml`.
    pub(super) fn shipped() -> Result<Self> {
        let path = root().join("envoy/policy.yaml");
        let text =
            fs::read_to_string(&path).map_err(Error::io(format!("read {}", path.display())))?;
        let document = serde_saphyr::from_str(&text)
            .map_err(|error| Error::Form(format!("{}: {error}", path.display())))?;
        Ok(Self(document))
    }

    /// The name of the provider that the example trusts.
    pub(super) fn first_provider(&self) -> Result<String> {
        let name = self.0["providers"].as_object().and_then(|providers| providers.keys().next());
        name.cloned().ok_or_else(|| Error::Form("the policy has no providers".to_owned()))
    }

    /// Trusts these providers instead of the example's. One that the example has keeps its claims'
    /// rules, the others take those of the example's first. Its keys come through the Envoy cluster
    /// of [`cluster`].
    pub(super) fn trust(&mut self, providers: &[(String, Location)]) -> Result<()> {
        let first = self.first_provider()?;
        let known = self.0["providers"].take();
        let mut trusted = Map::new();
        for (name, Location { issuer, jwks_uri, .. }) in providers {
            let mut provider = known.get(name).unwrap_or(&known[&first]).clone();
            provider["issuer"] = json!(issuer);
            provider["jwks"] = json!({ "uri": jwks_uri, "cluster": cluster(name) });
            trusted.insert(name.clone(), provider);
        }
        self.0["providers"] = trusted.into();
        Ok(())
    }

    /// The environment variable that the gateway's signing key comes in.
    pub(super) fn key_env(&self) -> &str {
        self.0["identity"]["assertion"]["key_env"].as_str().unwrap_or("PORTCULLIS_SIGNING_KEY")
    }

    /// Puts the filter's configuration, as Envoy's ECDS reads it, in the place of what was there:
    /// Envoy watches for moves.
    pub(super) fn publish(&self, plugin: &Path, file: &Path) -> Result<()> {
        let new = file.with_extension("new");
        let publish = || {
            fs::write(&new, self.discovery(plugin).to_string())?;
            fs::rename(&new, file)
        };
        publish().map_err(Error::io(format!("write {}", file.display())))
    }

    fn discovery(&self, plugin: &Path) -> Value {
        json!({ "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": "portcullis",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": {
                    "name": "portcullis",
                    "root_id": "portcullis",
                    "failure_policy": "FAIL_RELOAD",
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.Struct",
                        "value": self.0,
                    },
                    "vm_config": {
                        "vm_id": "portcullis",
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": { "local": { "filename": plugin } },
                        "environment_variables": { "host_env_keys": [self.key_env()] },
                    },
                },
            },
        }]})
    }
}

/// The Envoy cluster through which a provider's keys come.
pub(super) fn cluster(provider: &str) -> String {
    format!("idp-{provider}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> Location {
        let url = format!("http://127.0.0.1:{port}");
        Location { jwks_uri: format!("{url}/jwks"), issuer: url, port }
    }

    #[test]
    fn a_stack_trusts_its_own_providers_by_the_rules_of_the_example() -> Result<()> {
        let example = json!({ "issuer": "https://idp.example", "audiences": ["orders-api"] });
        let mut policy = Policy(json!({ "providers": { "keycloak": example } }));
        policy.trust(&[("keycloak".to_owned(), at(1)), ("partner".to_owned(), at(2))])?;
        let trusted = |port: u16, cluster: &str| {
            json!({
                "issuer": format!("http://127.0.0.1:{port}"),
                "audiences": ["orders-api"],
                "jwks": { "uri": format!("http://127.0.0.1:{port}/jwks"), "cluster": cluster },
            })
        };
        let expected =
            json!({ "keycloak": trusted(1, "idp-keycloak"), "partner": trusted(2, "idp-partner") });
        assert_eq!(policy.0["providers"], expected);
        Ok(())
    }
}

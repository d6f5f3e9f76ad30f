//! The configurations that load a policy, and the policy written out.

mod envoy;
mod gateway;
mod istio;
mod tree;

use portcullis_engine::policy::{Document, Policy};

pub use envoy::discovery;
pub use gateway::manifests as envoy_gateway;
pub use istio::{Kind, manifests as istio};
pub use tree::Tree;

/// What a configuration needs besides the policy.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Where the plugin is: a file for Envoy, an image or an address for the others.
    pub plugin: String,
    /// What the resource is called.
    pub name: String,
    /// Its namespace, in Kubernetes.
    pub namespace: String,
    /// The gateway that it belongs to, in Kubernetes.
    pub gateway: String,
    /// The secret that holds the signing key, in Kubernetes.
    pub secret: String,
}

/// The policy as its document, with nothing that says nothing.
pub fn document(document: &Document) -> Tree {
    Tree::of(document).without_empty_maps()
}

/// The environment variable that the signing key comes in.
fn key_env(policy: &Policy) -> &str {
    &policy.identity().assertion.key_env
}

/// YAML documents, each with a comment before it.
fn stream(parts: &[(&str, Tree)]) -> String {
    let mut text = String::new();
    for (index, (comment, tree)) in parts.iter().enumerate() {
        if index > 0 {
            text.push_str("---\n");
        }
        for line in comment.lines() {
            text.push_str("# ");
            text.push_str(line);
            text.push('\n');
        }
        text.push_str(&tree.yaml());
    }
    text
}

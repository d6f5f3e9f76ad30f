//! The shipped configuration, with addresses changed in the parsed document: what is tested is what
//! is shipped.
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::artifacts::root;
use crate::{Error, Result};

const LISTENER: &str = "/static_resources/listeners/0/address/socket_address";
const OPERATIONS: &str = "/static_resources/listeners/1/address/socket_address";
const CLUSTERS: &str = "/static_resources/clusters";
const HTTP_FILTERS: &str =
    "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
const ENDPOINT: &str =
    "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address";

/// Envoy's configuration, about to be run.
#[derive(Clone, Debug)]
pub struct Config {
    document: Value,
}

impl Config {
    /// `envoy/envoy.yaml`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn shipped() -> Result<Self> {
        let path = root().join("envoy/envoy.yaml");
        let text =
            fs::read_to_string(&path).map_err(Error::io(format!("read {}", path.display())))?;
        let document = serde_saphyr::from_str(&text)
            .map_err(|error| Error::Form(format!("{}: {error}", path.display())))?;
        Ok(Self { document })
    }

    /// The parsed document, for what has no method here.
    pub fn document(&mut self) -> &mut Value {
        &mut self.document
    }

    /// The listener's HTTP filters, in order.
    ///
    /// # Errors
    /// The document has another form.
    pub fn http_filters(&mut self) -> Result<&mut Vec<Value>> {
        array(&mut self.document, HTTP_FILTERS)
    }

    /// Sends the cluster `name` to a port of 127.0.0.1. A name that the shipped configuration does
    /// not have becomes one more cluster, made like `idp`.
    ///
    /// # Errors
    /// The document has another form.
    pub fn cluster(&mut self, name: &str, port: u16) -> Result<()> {
        let clusters = array(&mut self.document, CLUSTERS)?;
        let index = |name| clusters.iter().position(|cluster| cluster["name"] == name);
        let cluster = if let Some(known) = index(name) {
            &mut clusters[known]
        } else {
            let pattern = index("idp").ok_or_else(|| Error::Form("no cluster `idp`".to_owned()))?;
            let mut another = clusters[pattern].clone();
            another["name"] = json!(name);
            another["load_assignment"]["cluster_name"] = json!(name);
            clusters.push(another);
            let last = clusters.len() - 1;
            &mut clusters[last]
        };
        *at(cluster, ENDPOINT)? = local(port);
        Ok(())
    }

    /// Takes the filter's configuration from this file.
    ///
    /// # Errors
    /// The document has another form.
    pub fn filter_from(&mut self, file: &Path) -> Result<()> {
        let filters = self.http_filters()?;
        let filter = filters.iter_mut().find(|filter| filter["name"] == "portcullis");
        let filter = filter.ok_or_else(|| Error::Form("no filter `portcullis`".to_owned()))?;
        *at(filter, "/config_discovery/config_source/path_config_source/path")? = json!(file);
        Ok(())
    }

    pub(super) fn listen(&mut self, port: u16) -> Result<()> {
        *at(&mut self.document, LISTENER)? = local(port);
        // the kernel chooses: the admin interface tells
        *at(&mut self.document, OPERATIONS)? = local(0);
        Ok(())
    }

    pub(super) fn admin(&mut self, port: u16) -> Result<()> {
        *at(&mut self.document, "/admin/address/socket_address")? = local(port);
        self.cluster("admin", port)
    }

    pub(super) fn write(&self, file: &Path) -> Result<()> {
        fs::write(file, format!("{:#}", self.document))
            .map_err(Error::io(format!("write {}", file.display())))
    }
}

fn local(port: u16) -> Value {
    json!({ "address": "127.0.0.1", "port_value": port })
}

fn at<'v>(value: &'v mut Value, pointer: &str) -> Result<&'v mut Value> {
    value.pointer_mut(pointer).ok_or_else(|| Error::Form(format!("envoy.yaml has no {pointer}")))
}

fn array<'v>(value: &'v mut Value, pointer: &str) -> Result<&'v mut Vec<Value>> {
    let form = || Error::Form(format!("envoy.yaml: {pointer} is not a list"));
    at(value, pointer)?.as_array_mut().ok_or_else(form)
}

//! The clusters that keys come through: there, and sure of whom they talk to.

use portcullis_engine::policy::{KeySource, Provider};
use serde_json::Value;

use super::super::Inspection;
use super::survey::{At, Survey};
use super::{KEYS_CLUSTER, KEYS_UNVALIDATED};

pub(super) fn look(inspection: &mut Inspection<'_>, survey: &Survey<'_>) {
    // a file of listeners or of the filter alone has none
    if survey.clusters.is_empty() {
        return;
    }
    for provider in inspection.providers() {
        let (KeySource::Uri(endpoint) | KeySource::Discovery(endpoint)) = &provider.keys else {
            continue;
        };
        let named =
            survey.clusters.iter().find(|cluster| cluster.value["name"] == *endpoint.cluster);
        match named {
            Some(cluster) if &*endpoint.scheme == "https" => {
                validates(inspection, provider, cluster);
            }
            None if !survey.has_cds => {
                let message = format!(
                    "the keys of `{}` come through `{}`, and there is no such cluster",
                    provider.name, endpoint.cluster
                );
                let help = "add the cluster, or mend its name";
                let place = match &provider.keys {
                    KeySource::Discovery(_) => "jwks.discovery.cluster",
                    _ => "jwks.cluster",
                };
                inspection.add(
                    &KEYS_CLUSTER,
                    &format!("providers.{}.{place}", provider.name),
                    message,
                    help,
                );
            }
            Some(_) | None => {}
        }
    }
}

/// RFC 9110 4.3.4: the certificate is verified, and it is that of the host.
fn validates(inspection: &mut Inspection<'_>, provider: &Provider, cluster: &At<'_>) {
    let tls = cluster.field("transport_socket").and_then(|socket| socket.field("typed_config"));
    let tls = tls.filter(|config| config.type_url().ends_with("UpstreamTlsContext"));
    let name = &provider.name;
    let Some(tls) = tls else {
        let message = format!(
            "the keys of `{name}` are meant to come over https, and this cluster speaks no TLS"
        );
        let help =
            "give it a `transport_socket` with an `UpstreamTlsContext` that has a `trusted_ca`";
        inspection.add_at(&KEYS_UNVALIDATED, cluster.mark(".name"), message, help);
        return;
    };
    let common = &tls.value["common_tls_context"];
    let has = |value: &Value, field: &str| value.get(field).is_some_and(|value| !value.is_null());
    let contexts = [
        &common["validation_context"],
        &common["combined_validation_context"]["default_validation_context"],
    ];
    let from_elsewhere = has(common, "validation_context_sds_secret_config")
        || has(common, "validation_context_certificate_provider_instance")
        || has(&common["combined_validation_context"], "validation_context_sds_secret_config");
    let trusted = ["trusted_ca", "system_root_certs", "ca_certificate_provider_instance"];
    let pinned = ["verify_certificate_hash", "verify_certificate_spki"];
    let any = |fields: &[&str]| {
        contexts.iter().any(|context| fields.iter().any(|field| has(context, field)))
    };
    let ignored =
        contexts.iter().any(|context| context["trust_chain_verification"] == "ACCEPT_UNTRUSTED");
    if ignored || !from_elsewhere && !any(&trusted) && !any(&pinned) {
        let message = format!(
            "the keys of `{name}` come from whoever answers: no certificate is verified here"
        );
        let help = "add a `validation_context` with a `trusted_ca`";
        inspection.add_at(&KEYS_UNVALIDATED, tls.mark(".common_tls_context"), message, help);
        return;
    }
    let of_host = any(&["match_typed_subject_alt_names", "match_subject_alt_names"])
        || any(&pinned)
        || tls.value["auto_sni_san_validation"] == Value::Bool(true)
        || from_elsewhere;
    if !of_host {
        let message = format!(
            "the keys of `{name}` come from anybody with a certificate of that authority: its name is not compared"
        );
        let help =
            "add `match_typed_subject_alt_names` with the host, or `auto_sni_san_validation: true`";
        inspection.add_at(&KEYS_UNVALIDATED, tls.mark(".common_tls_context"), message, help);
    }
}

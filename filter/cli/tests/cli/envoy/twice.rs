//! The filter twice in one virtual machine: whose data is whose depends on whether the two are the
//! same.

use std::fmt::Write as _;

/// Two of our filters in one virtual machine: with these policies, and the code from these files.
pub(super) fn two_of_ours(policies: [&str; 2], codes: [&str; 2]) -> String {
    let mut text = "                http_filters:\n".to_owned();
    for (policy, code) in policies.into_iter().zip(codes) {
        let _ = writeln!(
            text,
            "                  - {{ name: portcullis, typed_config: {{ \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm, config: {{ root_id: portcullis, configuration: {{ \"@type\": type.googleapis.com/google.protobuf.StringValue, value: \"{policy}\" }}, vm_config: {{ vm_id: shared, code: {{ local: {{ filename: {code} }} }} }} }} }} }}",
        );
    }
    text
}

//! The decision as filter state, for Envoy's access log: one host call stores a protobuf `Struct`
//! that Envoy's log format reads field by field. It contains no credential, and its size is
//! bounded.

use portcullis_engine::authorizer::DecisionTrace;
use portcullis_engine::policy::Policy;
use portcullis_engine::reason::Reason;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use proxy_wasm::hostcalls;

use crate::host::{protobuf_field, protobuf_head};

/// The property's name; Envoy's filter state calls it `wasm.portcullis`.
const NAME: &str = "portcullis";
const STRUCT: &str = "type.googleapis.com/google.protobuf.Struct";

/// Declares the property's type, once for each root context. A host without types keeps bytes.
pub(crate) fn declare() {
    /// `WasmType.Protobuf`
    const PROTOBUF: u64 = 3;
    let mut arguments = Vec::new();
    protobuf_field(&mut arguments, 1, NAME.as_bytes());
    encode_key(3, WireType::Varint, &mut arguments);
    encode_varint(PROTOBUF, &mut arguments);
    protobuf_field(&mut arguments, 4, STRUCT.as_bytes());
    let _ = hostcalls::call_foreign_function("declare_property", Some(&arguments));
}

/// Stores a decision. `reason` says why the request was refused, or would have been without shadow
/// mode.
pub(crate) fn write(policy: &Policy, trace: &DecisionTrace, reason: Option<Reason>, passed: bool) {
    let row = trace.row_name(policy);
    let fields = [
        ("decision", Some(if passed { "allow" } else { "refuse" })),
        ("reason", reason.map(Reason::id)),
        ("level", reason.map(|reason| reason.terms().level.id())),
        ("service", trace.service_name(policy)),
        ("row", row.as_deref()),
        ("provider", trace.provider_name(policy)),
        ("subject", trace.authn.caller.as_ref().map(|caller| &*caller.subject)),
        ("policy", Some(policy.hash())),
    ];
    let mut message = Vec::with_capacity(320);
    for (name, value) in fields {
        if let Some(value) = value {
            field(&mut message, name, value);
        }
    }
    // Envoy does not log a stream of ours that has ended
    let _ = hostcalls::set_property(vec![NAME], Some(&message));
}

/// Writes an entry of a `Struct`'s map, `Entry { key, value: Value { string_value } }`, without
/// building the tree first.
fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    let size = |length: usize| encoded_len_varint(length as u64) + length;
    let value_size = 1 + size(value.len());
    protobuf_head(out, 1, 1 + size(name.len()) + 1 + size(value_size));
    protobuf_field(out, 1, name.as_bytes());
    protobuf_head(out, 2, value_size);
    protobuf_field(out, 3, value.as_bytes());
}

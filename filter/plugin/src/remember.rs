//! What a decision leaves behind for the access log: one host call puts it into the stream's filter state, as a protobuf
//! `Struct` that Envoy's log format reads field by field. Nothing in it is a credential, and all of it is bounded.

use portcullis_engine::authorizer::DecisionTrace;
use portcullis_engine::reason::Reason;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use proxy_wasm::hostcalls;

use crate::root::Gateway;

/// The property's name; Envoy's filter state calls it `wasm.portcullis`.
const NAME: &str = "portcullis";
const STRUCT: &str = "type.googleapis.com/google.protobuf.Struct";

/// Says once for each root context what the property is. A host that has no types keeps bytes, which is no harm.
pub(crate) fn declare() {
    /// `WasmType.Protobuf`
    const PROTOBUF: u64 = 3;
    let mut arguments = Vec::new();
    text(&mut arguments, 1, NAME);
    encode_key(3, WireType::Varint, &mut arguments);
    encode_varint(PROTOBUF, &mut arguments);
    text(&mut arguments, 4, STRUCT);
    let _ = hostcalls::call_foreign_function("declare_property", Some(&arguments));
}

/// Leaves a decision behind. `reason`: why it was refused, or would have been.
pub(crate) fn remember(gateway: &Gateway, trace: &DecisionTrace, reason: Option<Reason>, passed: bool) {
    let policy = &*gateway.policy;
    let mut fields = Vec::with_capacity(320);
    field(&mut fields, "decision", if passed { "allow" } else { "refuse" });
    if let Some(reason) = reason {
        field(&mut fields, "reason", reason.id());
        field(&mut fields, "level", reason.terms().level.id());
    }
    if let Some(service) = trace.service.and_then(|id| policy.service(id)) {
        field(&mut fields, "service", service.name());
    }
    if let Some((_, row)) = trace.row.and_then(|id| policy.row(id)) {
        let mut name = String::with_capacity(64);
        name.extend([&*row.method, " ", row.template.as_str()]);
        field(&mut fields, "row", &name);
    }
    if let Some(provider) = trace.provider.and_then(|id| policy.provider(id)) {
        field(&mut fields, "provider", &provider.name);
    }
    if let Some(caller) = &trace.caller {
        field(&mut fields, "subject", &caller.subject);
    }
    field(&mut fields, "policy", policy.hash());
    // a stream that has gone is not logged by us
    let _ = hostcalls::set_property(vec![NAME], Some(&fields));
}

/// An entry of a `Struct`'s map: `Entry { key, value: Value { string_value } }`, without building the tree first.
fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    let value_size = 1 + size(value) + value.len();
    let entry_size = 1 + size(name) + name.len() + 1 + encoded_len_varint(value_size as u64) + value_size;
    head(out, 1, entry_size);
    text(out, 1, name);
    head(out, 2, value_size);
    text(out, 3, value);
}

fn text(out: &mut Vec<u8>, number: u32, value: &str) {
    head(out, number, value.len());
    out.extend_from_slice(value.as_bytes());
}

fn head(out: &mut Vec<u8>, number: u32, length: usize) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
}

/// Bytes of the text's length.
fn size(text: &str) -> usize {
    encoded_len_varint(text.len() as u64)
}

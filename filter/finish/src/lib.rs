//! Makes the module that ships of the one that cargo links.
//!
//! - The Proxy-Wasm SDK exports every callback that there is, and Envoy calls each one that is
//!   exported, for every request: those that Portcullis has nothing to do in cost more than its own
//!   host calls (tests/bench/README.md). They are taken out of the export section.
//! - The module is trained: it decides the requests of `workload`, in an interpreter and a host of
//!   its own, and counts what its functions do. By that they are numbered anew, and V8 is told
//!   which way their branches usually go. Both change where the code lies, never what it does: a
//!   hint that is wrong costs time.
//!
//! | module | what it does |
//! |---|---|
//! | `strip` | drops unused callbacks, and the code that only they reach |
//! | `workload` | policies and requests to train with |
//! | `host` | as much of a host as these need |
//! | `train` | runs the module on them |
//! | `profile` | a module that counts, and what it counted |
//! | [`Sandbox`] | counts what a request takes, for tests |
//! | `layout` | numbers and hints, by that |

mod host;
mod layout;
mod profile;
mod steps;
mod strip;
mod train;
mod workload;

use thiserror::Error;
use wasm_encoder::{BranchHints, Module, RawSection};
use wasmparser::{Parser, Payload};

pub use self::steps::Sandbox;

/// Callbacks in which the filter does nothing. A host that finds no export does what the SDK's
/// empty ones say.
pub const UNUSED: [&str; 16] = [
    "proxy_on_downstream_connection_close",
    "proxy_on_downstream_data",
    "proxy_on_foreign_function",
    "proxy_on_grpc_close",
    "proxy_on_grpc_receive",
    "proxy_on_grpc_receive_initial_metadata",
    "proxy_on_grpc_receive_trailing_metadata",
    "proxy_on_new_connection",
    "proxy_on_queue_ready",
    "proxy_on_upstream_connection_close",
    "proxy_on_upstream_data",
    "proxy_on_response_headers",
    "proxy_on_response_body",
    "proxy_on_response_trailers",
    "proxy_on_done",
    "proxy_on_log",
];

/// What ships is no larger, in bytes: V8 compiles all of it before Envoy is ready.
pub const MAX_BYTES: usize = 1 << 20;

/// Why a module cannot ship.
#[derive(Debug, Error)]
pub enum FinishError {
    /// Not what cargo links.
    #[error("it is not a WebAssembly module: {0}")]
    Malformed(#[from] wasmparser::BinaryReaderError),
    /// It cannot be written with counters.
    #[error("it cannot be made to count its branches: {0}")]
    Uncounted(#[from] wasm_encoder::reencode::Error),
    /// It does not do as it should with the requests that it is trained with.
    #[error("its training failed: {0}; it is described in filter/finish/src/workload.rs")]
    Untrained(#[from] wasmi::Error),
    /// A callback that should be there is not: the SDK has changed.
    #[error("it exports no `{0}`: look at what the SDK exports now")]
    Missing(&'static str),
    /// It has grown.
    #[error(
        "it has {0} bytes, more than {MAX_BYTES}: look at what has grown, and at the profile `wasm` in Cargo.toml"
    )]
    TooLarge(usize),
}

/// The module without the exports that nobody should call: all that a module gets that is no
/// Portcullis.
///
/// # Errors
/// If it is no module, exports something else than expected, or is too large to ship.
pub fn finish(linked: &[u8]) -> Result<Vec<u8>, FinishError> {
    with_hints(&strip::stripped(linked)?, &BranchHints::new())
}

/// Portcullis as it ships: [`finish`], and laid out by its training. The same bytes for the same
/// module.
///
/// # Errors
/// Those of [`finish`], and if it does not decide the requests that it is trained with as it
/// should.
pub fn ship(linked: &[u8]) -> Result<Vec<u8>, FinishError> {
    let stripped = strip::stripped(linked)?;
    let (imported, functions) = profile::branches(&stripped)?;
    let counting = profile::counting(&stripped, &functions)?;
    let profile = train::profile(&counting, &functions)?;
    let (numbered, profile) = layout::numbered(&stripped, imported, &profile)?;
    let hints = layout::hints(&numbered, &profile, workload::REQUESTS)?;
    with_hints(&numbered, &hints)
}

fn with_hints(module: &[u8], hints: &BranchHints) -> Result<Vec<u8>, FinishError> {
    let mut hinted = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if matches!(payload, Payload::CodeSectionStart { .. }) && !hints.is_empty() {
            hinted.section(hints);
        }
        if let Some((id, range)) = payload.as_section() {
            let data = module.get(range).unwrap_or_default();
            hinted.section(&RawSection { id, data });
        }
    }
    let finished = hinted.finish();
    if finished.len() > MAX_BYTES {
        Err(FinishError::TooLarge(finished.len()))
    } else {
        Ok(finished)
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        CodeSection, ConstExpr, CustomSection, ExportKind, ExportSection, Function,
        FunctionSection, GlobalSection, GlobalType, TypeSection, ValType,
    };

    use super::*;

    /// A module that exports an empty function by each of these names.
    fn module(names: &[&str], padding: usize) -> Vec<u8> {
        let (mut types, mut functions, mut exports, mut code) =
            (TypeSection::new(), FunctionSection::new(), ExportSection::new(), CodeSection::new());
        types.ty().function([], []);
        functions.function(0);
        for name in names {
            exports.export(name, ExportKind::Func, 0);
        }
        let mut body = Function::new([]);
        body.instructions().end();
        code.function(&body);
        let mut module = Module::new();
        let mut globals = GlobalSection::new();
        let kind = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        globals.global(kind, &ConstExpr::i32_const(0));
        module
            .section(&types)
            .section(&functions)
            .section(&globals)
            .section(&exports)
            .section(&code);
        module.section(&CustomSection { name: "padding".into(), data: vec![0; padding].into() });
        module.finish()
    }

    fn exports(module: &[u8]) -> Vec<String> {
        let sections = Parser::new(0).parse_all(module).map(Result::unwrap);
        let exports = sections
            .filter_map(|it| if let Payload::ExportSection(it) = it { Some(it) } else { None });
        exports.flatten().map(|export| export.unwrap().name.to_owned()).collect()
    }

    /// The sections but for the exports.
    fn others(module: &[u8]) -> Vec<(u8, &[u8])> {
        let sections = Parser::new(0).parse_all(module).filter_map(|it| it.unwrap().as_section());
        sections.filter(|(id, _)| *id != 7).map(|(id, range)| (id, &module[range])).collect()
    }

    #[test]
    fn what_nobody_should_call_is_not_exported_and_all_else_is() {
        let names = [&["memory_like", "proxy_on_request_headers"][..], &UNUSED, &["proxy_on_tick"]]
            .concat();
        let linked = module(&names, 10);
        let finished = finish(&linked).unwrap();
        assert_eq!(
            exports(&finished),
            ["memory_like", "proxy_on_request_headers", "proxy_on_tick"]
        );
        assert_eq!(others(&finished), others(&linked));
    }

    #[test]
    fn a_module_that_cannot_be_trained_does_not_ship() {
        let refused = ship(&module(&UNUSED, 10)).unwrap_err();
        assert!(matches!(refused, FinishError::Untrained(_)));
        assert!(refused.to_string().contains("`_initialize`"), "{refused}");
    }

    #[test]
    fn a_module_that_cannot_ship_is_refused() {
        assert!(matches!(finish(b"no module"), Err(FinishError::Malformed(_))));
        assert!(
            matches!(finish(&module(&UNUSED[1..], 0)), Err(FinishError::Missing(name)) if name == UNUSED[0])
        );
        assert!(matches!(finish(&module(&UNUSED, MAX_BYTES)), Err(FinishError::TooLarge(_))));
    }
}

//! As much of a Proxy-Wasm host (ABI 0.2.1) and of WASI as the module needs to decide requests: a
//! policy, the headers of one request, clocks that stand still, and signatures that are good.
use std::collections::HashMap;

use prost::Message as _;
use wasmi::{Caller, Error, Extern, ExternType, ImportType, Linker, Memory, Val};

use crate::workload::SIGNING_KEY;

/// Statuses of Proxy-Wasm.
const OK: i32 = 0;
const NOT_FOUND: i32 = 1;
/// A `BufferType` of Proxy-Wasm.
const PLUGIN_CONFIGURATION: i32 = 7;
/// Of all clocks, in seconds since 1970.
pub(crate) const TIME: u64 = 1_700_000_000;

/// What the module asks for.
#[derive(Default)]
pub(crate) struct Host {
    /// The policy.
    pub(crate) configuration: Vec<u8>,
    /// The request's.
    pub(crate) headers: Vec<(String, String)>,
    /// The good signature of each key and message: the first that came with them. So the self-test
    /// of the module finds what it expects.
    signatures: HashMap<(Vec<u8>, Vec<u8>), Vec<u8>>,
    metrics: u32,
}

impl Host {
    /// Whether the signature is good.
    fn verify(&mut self, asked: VerifySignatureArguments) -> bool {
        let VerifySignatureArguments { public_key, signature, text, .. } = asked;
        *self.signatures.entry((public_key, text)).or_insert_with(|| signature.clone()) == signature
    }
}

/// What Envoy's foreign function `verify_signature` is asked.
#[derive(Clone, PartialEq, prost::Message)]
struct VerifySignatureArguments {
    #[prost(string, tag = "1")]
    hash_function: String,
    #[prost(bytes = "vec", tag = "2")]
    public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    text: Vec<u8>,
}

/// Defines one of the module's imports.
pub(crate) fn define(linker: &mut Linker<Host>, import: &ImportType<'_>) -> Result<(), Error> {
    let ExternType::Func(ty) = import.ty() else {
        return Err(Error::new(format!(
            "the module imports `{}`, which is no function",
            import.name()
        )));
    };
    let name = import.name().to_owned();
    linker.func_new(
        import.module(),
        import.name(),
        ty.clone(),
        move |mut caller, arguments, results| {
            let status = answer(&mut caller, &name, arguments)?;
            if let Some(result) = results.first_mut() {
                *result = Val::I32(status);
            }
            Ok(())
        },
    )?;
    Ok(())
}

/// What a call returns. Whoever is not listed has nothing to say but that it is done.
fn answer(caller: &mut Caller<'_, Host>, name: &str, arguments: &[Val]) -> Result<i32, Error> {
    let argument = |at: usize| arguments.get(at).and_then(Val::i32).unwrap_or(0);
    match name {
        "proxy_get_buffer_bytes" => {
            if argument(0) != PLUGIN_CONFIGURATION {
                return Ok(NOT_FOUND);
            }
            let configuration = caller.data().configuration.clone();
            give(caller, &configuration, argument(3), argument(4))?;
        }
        "proxy_get_header_map_pairs" => {
            let pairs = pairs(&caller.data().headers);
            give(caller, &pairs, argument(1), argument(2))?;
        }
        "proxy_call_foreign_function" => {
            // others have no answer
            if take(caller, argument(0), argument(1))? != b"verify_signature" {
                return Ok(OK);
            }
            let asked = take(caller, argument(2), argument(3))?;
            let asked = VerifySignatureArguments::decode(&*asked);
            let asked = asked.map_err(|error| {
                Error::new(format!("the module asks for no signature: {error}"))
            })?;
            // VerifySignatureResult { bool result = 1 }: proto3 leaves a false out
            let answer: &[u8] = if caller.data_mut().verify(asked) { &[8, 1] } else { &[] };
            give(caller, answer, argument(4), argument(5))?;
        }
        "proxy_get_property" | "proxy_get_shared_data" => return Ok(NOT_FOUND),
        "proxy_get_current_time_nanoseconds" => put(caller, argument(0), &nanoseconds())?,
        "clock_time_get" => put(caller, argument(2), &nanoseconds())?,
        "environ_sizes_get" => {
            put(caller, argument(0), &1_u32.to_le_bytes())?;
            put(caller, argument(1), &length(environment().len()))?;
        }
        "environ_get" => {
            put(caller, argument(0), &argument(1).to_le_bytes())?;
            put(caller, argument(1), environment().as_bytes())?;
        }
        "random_get" => {
            let length = usize::try_from(argument(1)).unwrap_or(0);
            put(caller, argument(0), &vec![7; length])?;
        }
        // warnings
        "proxy_get_log_level" => put(caller, argument(0), &3_u32.to_le_bytes())?,
        "proxy_define_metric" => {
            caller.data_mut().metrics += 1;
            let id = caller.data().metrics.to_le_bytes();
            put(caller, argument(3), &id)?;
        }
        _ => {}
    }
    Ok(OK)
}

fn nanoseconds() -> [u8; 8] {
    (TIME * 1_000_000_000).to_le_bytes()
}

/// One variable, as C writes it.
fn environment() -> String {
    format!("PORTCULLIS_SIGNING_KEY={SIGNING_KEY}\0")
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

/// A header map as Proxy-Wasm writes it: the number of headers, all lengths, and all texts, each
/// with a zero behind it.
fn pairs(headers: &[(String, String)]) -> Vec<u8> {
    let mut pairs = length(headers.len()).to_vec();
    for (name, value) in headers {
        pairs.extend(length(name.len()));
        pairs.extend(length(value.len()));
    }
    for (name, value) in headers {
        for text in [name, value] {
            pairs.extend(text.as_bytes());
            pairs.push(0);
        }
    }
    pairs
}

fn memory(caller: &Caller<'_, Host>) -> Result<Memory, Error> {
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => Ok(memory),
        _ => Err(Error::new("the module exports no memory")),
    }
}

/// An address or a length of the module.
fn unsigned(number: i32) -> usize {
    usize::try_from(number.cast_unsigned()).unwrap_or(usize::MAX)
}

fn put(caller: &mut Caller<'_, Host>, to: i32, bytes: &[u8]) -> Result<(), Error> {
    memory(caller)?.write(caller, unsigned(to), bytes)?;
    Ok(())
}

fn take(caller: &Caller<'_, Host>, from: i32, length: i32) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; unsigned(length)];
    memory(caller)?.read(caller, unsigned(from), &mut bytes)?;
    Ok(bytes)
}

/// Puts the bytes into memory that the module allocates for them, and tells it where.
fn give(caller: &mut Caller<'_, Host>, bytes: &[u8], place: i32, size: i32) -> Result<(), Error> {
    let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
    let Some(Extern::Func(allocate)) = caller.get_export("proxy_on_memory_allocate") else {
        return Err(Error::new("the module exports no allocator"));
    };
    let mut at = [Val::I32(0)];
    allocate.call(&mut *caller, &[Val::I32(length)], &mut at)?;
    let at = at.first().and_then(Val::i32).unwrap_or(0);
    put(caller, at, bytes)?;
    put(caller, place, &at.to_le_bytes())?;
    put(caller, size, &length.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_key_and_message_one_signature_is_good() {
        let mut host = Host::default();
        for (key, signature, text, good) in [
            ("k", "s", "m", true),
            ("k", "t", "m", false),
            ("k", "s", "m", true),
            ("l", "t", "m", true),
            ("k", "t", "n", true),
        ] {
            let (public_key, signature, text) = (key.into(), signature.into(), text.into());
            let asked = VerifySignatureArguments {
                hash_function: "sha256".into(),
                public_key,
                signature,
                text,
            };
            assert_eq!(host.verify(asked), good);
        }
    }

    #[test]
    fn headers_are_written_as_proxy_wasm_reads_them() {
        let headers = [("a".to_owned(), "bc".to_owned()), ("d".to_owned(), String::new())];
        let lengths = [2, 1, 2, 1, 0].map(u32::to_le_bytes).concat();
        assert_eq!(pairs(&headers), [&lengths[..], b"a\0bc\0d\0\0"].concat());
    }
}

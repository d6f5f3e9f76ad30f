//! As much of a Proxy-Wasm host (ABI 0.2.1) and of WASI as the module needs to decide requests: a policy, the headers of one
//! request, clocks that stand still, and signatures that are good.
use std::collections::HashMap;

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
    /// The good signature of each key and message: the first that came with them. So the self-test of the module finds what it
    /// expects.
    signatures: HashMap<Vec<u8>, Vec<u8>>,
    metrics: u32,
}

impl Host {
    /// `VerifySignatureResult` to `VerifySignatureArguments`.
    fn verify(&mut self, arguments: &[u8]) -> Vec<u8> {
        let [_, key, signature, message] = fields(arguments);
        let good = self.signatures.entry([key, message].concat()).or_insert_with(|| signature.to_vec());
        if good == signature { vec![8, 1] } else { Vec::new() }
    }
}

/// The four length-delimited fields of a protocol buffer message, which come in order.
fn fields(mut message: &[u8]) -> [&[u8]; 4] {
    let mut fields: [&[u8]; 4] = [&[]; 4];
    for field in &mut fields {
        let (mut length, mut shift) = (0, 0);
        message = message.get(1..).unwrap_or_default();
        while let Some((byte, rest)) = message.split_first() {
            message = rest;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if *byte < 0x80 {
                break;
            }
        }
        (*field, message) = message.split_at_checked(length).unwrap_or_default();
    }
    fields
}

/// Defines one of the module's imports.
pub(crate) fn define(linker: &mut Linker<Host>, import: &ImportType<'_>) -> Result<(), Error> {
    let ExternType::Func(ty) = import.ty() else {
        return Err(Error::new(format!("the module imports `{}`, which is no function", import.name())));
    };
    let name = import.name().to_owned();
    linker.func_new(import.module(), import.name(), ty.clone(), move |mut caller, arguments, results| {
        let status = answer(&mut caller, &name, arguments)?;
        if let Some(result) = results.first_mut() {
            *result = Val::I32(status);
        }
        Ok(())
    })?;
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
            let asked = take(caller, argument(2), argument(3))?;
            let answer = caller.data_mut().verify(&asked);
            give(caller, &answer, argument(4), argument(5))?;
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

/// A header map as Proxy-Wasm writes it: the number of headers, all lengths, and all texts, each with a zero behind it.
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

    /// A message with these four fields, none longer than a `u16` can say.
    fn message(fields: [&[u8]; 4]) -> Vec<u8> {
        let mut message = Vec::new();
        for (number, field) in (1..).zip(fields) {
            let [low, high] = u16::try_from(field.len() << 1).unwrap().to_le_bytes();
            message.extend([number << 3 | 2, low >> 1 | 0x80, high]);
            message.extend(field);
        }
        message
    }

    #[test]
    fn of_each_key_and_message_one_signature_is_good() {
        let long = [b'm'; 1000];
        let mut host = Host::default();
        let mut says = |key: &[u8], signature: &[u8], text: &[u8]| {
            host.verify(&message([b"sha256", key, signature, text])) == [8, 1]
        };
        for (key, signature, text, good) in [
            (&b"k"[..], &b"s"[..], &long[..], true),
            (b"k", b"t", &long, false),
            (b"k", b"s", &long, true),
            (b"l", b"t", &long, true),
            (b"k", b"t", b"m", true),
        ] {
            assert_eq!(says(key, signature, text), good);
        }
    }

    #[test]
    fn headers_are_written_as_proxy_wasm_reads_them() {
        let headers = [("a".to_owned(), "bc".to_owned()), ("d".to_owned(), String::new())];
        let lengths = [2, 1, 2, 1, 0].map(u32::to_le_bytes).concat();
        assert_eq!(pairs(&headers), [&lengths[..], b"a\0bc\0d\0\0"].concat());
    }
}

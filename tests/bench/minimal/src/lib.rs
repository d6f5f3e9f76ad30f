//! Filters that do the least, beside which a real one is judged. Without a configuration, nothing
//! with every request: what Envoy's WebAssembly sandbox costs by itself. With keys, what no filter
//! that verifies tokens in the sandbox can do without: it reads one header, has Envoy's
//! cryptography verify its signature, and answers what is not good. No path, no claim, no time, no
//! cache, no metric, nothing handed on: so what this costs, no filter of its kind goes below.
#![allow(missing_docs, reason = "what `main!` exports has none")]
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use prost::encoding::{WireType, encode_key, encode_varint};
use proxy_wasm::hostcalls::call_foreign_function;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { keys: Rc::default() }));
}}

/// A key: the first part of its tokens, whether they are ES256, and the part of
/// `VerifySignatureArguments` that is always the same.
struct Key {
    header: String,
    es256: bool,
    arguments: Vec<u8>,
}

struct Root {
    keys: Rc<Vec<Key>>,
}

impl Context for Root {}

impl RootContext for Root {
    /// A line a key: the header of its tokens as they carry it, `RS256` or `ES256`, and its
    /// `SubjectPublicKeyInfo` in base64.
    fn on_configure(&mut self, _: usize) -> bool {
        let text = self.get_plugin_configuration().unwrap_or_default();
        let Ok(text) = String::from_utf8(text) else { return false };
        let keys: Option<Vec<Key>> = text.lines().map(key).collect();
        keys.map(|keys| self.keys = Rc::new(keys)).is_some()
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        if self.keys.is_empty() {
            return Some(Box::new(Idle));
        }
        Some(Box::new(Verifying { keys: Rc::clone(&self.keys) }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Idle;

impl Context for Idle {}
impl HttpContext for Idle {}

struct Verifying {
    keys: Rc<Vec<Key>>,
}

impl Context for Verifying {}

impl HttpContext for Verifying {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let authorization = self.get_http_request_header("authorization");
        if authorization.as_deref().and_then(|value| verify(value, &self.keys)) == Some(true) {
            return Action::Continue;
        }
        let headers =
            vec![("www-authenticate", CHALLENGE), ("content-type", "application/problem+json")];
        self.send_http_response(401, headers, Some(BODY.as_bytes()));
        Action::Pause
    }
}

/// As long as what Portcullis answers.
const CHALLENGE: &str = r#"Bearer realm="shop""#;
const BODY: &str = r#"{"type":"urn:portcullis:token-missing","title":"The endpoint needs a token and none was sent.","status":401,"reason":"token-missing"}"#;

fn key(line: &str) -> Option<Key> {
    let mut words = line.split(' ');
    let (header, algorithm, der) = (words.next()?.to_owned(), words.next()?, words.next()?);
    let mut arguments = Vec::new();
    field(&mut arguments, 1, b"sha256");
    field(&mut arguments, 2, &STANDARD.decode(der).ok()?);
    Some(Key { header, es256: algorithm == "ES256", arguments })
}

fn verify(authorization: &str, keys: &[Key]) -> Option<bool> {
    let (message, signature) = authorization.strip_prefix("Bearer ")?.rsplit_once('.')?;
    let (header, _) = message.split_once('.')?;
    let key = keys.iter().find(|key| key.header == header)?;
    let mut signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    if key.es256 {
        let (r, s) = signature.split_at_checked(32)?;
        let parts = [integer(r), integer(s)].concat();
        // two integers of at most 35 bytes: the short form of a length
        signature = [&[0x30, u8::try_from(parts.len()).ok()?], &*parts].concat();
    }
    let mut arguments =
        Vec::with_capacity(key.arguments.len() + message.len() + signature.len() + 16);
    arguments.extend_from_slice(&key.arguments);
    field(&mut arguments, 3, &signature);
    field(&mut arguments, 4, message.as_bytes());
    let answer = call_foreign_function("verify_signature", Some(&arguments)).ok()??;
    Some(answer.starts_with(&[0x08, 0x01]))
}

/// A non-negative `INTEGER` in DER: no zeros before it, but one if it would be negative.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = bytes.get(zeros..).unwrap_or_default();
    let sign: &[u8] = if digits.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    let length = u8::try_from(sign.len() + digits.len()).unwrap_or(0);
    [&[0x02, length], sign, digits].concat()
}

/// One length-delimited field of a protocol buffer message.
fn field(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

//! The reply to a fetch, checked before anything of it is stored: status before body, then size, then what it says.

use portcullis_engine::authn::bearer::Headers;
use portcullis_engine::authn::jwks::KeySet;
use portcullis_engine::keylife::discovery::jwks_endpoint;
use portcullis_engine::keylife::freshness::fresh_for;
use portcullis_engine::policy::Endpoint;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType};

use crate::host;

/// What was asked for.
pub(crate) struct Asked<'a> {
    /// Whose keys.
    pub(crate) issuer: &'a str,
    /// Where.
    pub(crate) endpoint: &'a Endpoint,
    /// The document that says where the keys are, not the keys.
    pub(crate) discovering: bool,
    /// No larger document is taken.
    pub(crate) max_bytes: usize,
}

/// What a good reply brings.
pub(crate) enum Reply {
    /// The keys, and for how many seconds they say they are fresh.
    Keys(Vec<u8>, Option<u32>),
    /// Where the keys are.
    Place(Endpoint),
}

/// Why a reply brings nothing: for the metric, and for the log.
pub(crate) type Failure = (&'static str, String);

/// Reads the reply of the current call. A call that failed may come as no headers, or as a status that Envoy made up.
pub(crate) fn read(asked: &Asked<'_>, headers: usize, size: usize) -> Result<Reply, Failure> {
    let unreachable =
        || ("unreachable", "the provider cannot be reached, or did not answer in time".to_owned());
    if headers == 0 {
        return Err(unreachable());
    }
    let headers = hostcalls::get_map_bytes(MapType::HttpCallResponseHeaders).map_err(|_| unreachable())?;
    let headers = Headers(&headers);
    let status = headers.first(":status").unwrap_or_default();
    if status != b"200" {
        let status = String::from_utf8_lossy(status).into_owned();
        return Err(("status", format!("the provider answered with status {status}")));
    }
    if size > asked.max_bytes {
        return Err(("too-large", format!("the document has {size} bytes, more than `max_bytes`")));
    }
    let body =
        hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, size).ok().flatten().unwrap_or_default();
    if asked.discovering {
        let place = jwks_endpoint(&body, asked.issuer, asked.endpoint);
        return place.map(Reply::Place).map_err(|error| ("discovery", error.to_string()));
    }
    KeySet::parse(&body).map_err(|error| ("malformed", format!("the document cannot be used: {error}")))?;
    Ok(Reply::Keys(body, fresh_for(headers, host::now().wall)))
}

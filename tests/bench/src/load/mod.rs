//! The load generator: hyper's HTTP/1.1 client on keep-alive connections. Every answer's status is
//! checked; the first wrong one, or a broken connection, ends the run.
mod closed;
mod connection;
mod paced;

use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, StatusCode, Uri};

pub(crate) use self::closed::all;
pub(crate) use self::connection::Connection;
pub(crate) use self::paced::{Latencies, paced};

/// One request, to be sent as often as wanted.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) host: HeaderValue,
    pub(crate) method: Method,
    /// Path only: the connection knows the rest.
    pub(crate) path: Uri,
    pub(crate) authorization: Option<HeaderValue>,
    /// Further headers.
    pub(crate) headers: Option<Arc<HeaderMap>>,
    /// What must come back.
    pub(crate) expect: StatusCode,
}

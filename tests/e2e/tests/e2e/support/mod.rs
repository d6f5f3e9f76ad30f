//! What several suites name.
pub(crate) mod manager;
pub(crate) mod policy;

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use dev_idp::{clients, users};
use e2e::Answer;
use serde_json::Value;

/// An identifier that nothing has.
pub(crate) const ABSENT: &str = "00000000-0000-7000-8000-000000000000";

/// The subject of a demo user or service: the same at every provider.
pub(crate) fn subject(name: &str) -> &'static str {
    let user = users().iter().find(|user| user.name == name).map(|user| &user.sub);
    let service =
        || clients().iter().find(|client| client.id == name)?.service.as_ref().map(|it| &it.sub);
    user.or_else(service).unwrap_or_else(|| panic!("nobody is called {name}"))
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}

/// The payload of a compact JWS, unverified.
pub(crate) fn payload(jws: &str) -> Value {
    let payload = BASE64URL.decode(jws.split('.').nth(1).expect("three parts")).expect("base64url");
    serde_json::from_slice(&payload).expect("JSON")
}

/// The headers that reached an echo, by the names that a CGI-like service reads: each with its
/// values.
pub(crate) fn headers_of(echo: &Answer) -> BTreeMap<String, Vec<String>> {
    fields(&echo.body["headers"])
}

/// Header fields or trailers as an echo shows them.
pub(crate) fn fields(shown: &Value) -> BTreeMap<String, Vec<String>> {
    let mut fields = BTreeMap::<_, Vec<_>>::new();
    for field in shown.as_array().expect("an echo") {
        let name = field[0].as_str().expect("a name").replace(['_', '.'], "-");
        fields.entry(name).or_default().push(field[1].as_str().expect("a value").to_owned());
    }
    fields
}

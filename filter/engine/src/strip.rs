//! What is taken off a request on every route, public ones too, from headers and trailers: whatever the services could
//! take for the gateway's word, and whatever lets one request be two things.

/// Says another path, method or target than the request itself; some frameworks believe it (CVE-2023-27487 and its kin).
pub const DOUBLE_MEANING: &[&str] = &[
    "x-envoy-original-path",
    "x-envoy-original-host",
    "x-envoy-original-method",
    "x-original-url",
    "x-original-uri",
    "x-original-method",
    "x-original-host",
    "x-rewrite-url",
    "x-forwarded-uri",
    "x-forwarded-method",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// Tells the service that a shadowed refusal passed, and why it would have been refused.
pub const SHADOW_HEADER: &str = "x-portcullis-shadow";

/// Whether a header must go: its name equals one of `ours` or one of [`DOUBLE_MEANING`] once `_` is read as `-`, as CGI-like
/// services read both alike. Case is ignored, though Envoy has made names lower case already.
pub fn is_stripped(name: &str, ours: &[Box<str>]) -> bool {
    let known = DOUBLE_MEANING.iter().copied().chain([SHADOW_HEADER]).chain(ours.iter().map(AsRef::as_ref));
    // no name of these starts with anything but a letter; most headers differ in length already
    known.into_iter().any(|known| reads_as(name, known))
}

fn reads_as(name: &str, known: &str) -> bool {
    let same = |(a, b): (u8, u8)| a.eq_ignore_ascii_case(&b) || (a == b'_' && b == b'-');
    name.len() == known.len() && name.bytes().zip(known.bytes()).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_service_could_read_as_ours_is_stripped() {
        let ours: Vec<Box<str>> = vec!["x-auth-subject".into(), "x-auth-principal".into()];
        for (name, stripped) in [
            ("x-auth-subject", true),
            ("x_auth_subject", true),
            ("X-Auth_Subject", true),
            ("x-portcullis-shadow", true),
            ("x-http-method-override", true),
            ("x_envoy_original_path", true),
            ("x-auth-subjects", false),
            ("x-auth-subjec", false),
            ("authorization", false),
            (":path", false),
        ] {
            assert_eq!(is_stripped(name, &ours), stripped, "{name}");
        }
    }
}

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

/// The names that are stripped: [`DOUBLE_MEANING`], [`SHADOW_HEADER`], and the policy's own.
#[derive(Clone, Debug)]
pub(crate) struct Stripped {
    /// The policy's own.
    ours: Box<[Box<str>]>,
    /// All of them by their [`length`], since most headers of a request have another than any of them.
    by_length: Box<[Vec<Box<str>>]>,
}

impl Stripped {
    /// `ours` besides those that are always stripped, in lower case.
    pub(crate) fn new(ours: Vec<Box<str>>) -> Self {
        let always = DOUBLE_MEANING.iter().copied().chain([SHADOW_HEADER]);
        let mut by_length: Box<[Vec<Box<str>>]> = vec![Vec::new(); LONG + 1].into();
        for name in always.chain(ours.iter().map(|name| &**name)) {
            if let Some(names) = by_length.get_mut(length(name)) {
                names.push(name.into());
            }
        }
        Self { ours: ours.into(), by_length }
    }

    /// The policy's own.
    pub(crate) fn ours(&self) -> &[Box<str>] {
        &self.ours
    }

    /// Whether a header must go: its name equals one of these once `_` is read as `-`, as CGI-like services read both alike.
    /// Case is ignored, though Envoy has made names lower case already.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.by_length.get(length(name)).is_some_and(|names| names.iter().any(|known| reads_as(name, known)))
    }
}

/// Of names that are longer nobody has many.
const LONG: usize = 63;

/// Its length in bytes; that of all long names is the same.
fn length(name: &str) -> usize {
    name.len().min(LONG)
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
        let long = "x".repeat(300);
        let ours = ["x-auth-subject", "x-auth-principal", &long].map(Box::from);
        let names = Stripped::new(ours.to_vec());
        assert_eq!(names.ours(), ours);
        for (name, stripped) in [
            ("x-auth-subject", true),
            ("x_auth_subject", true),
            ("X-Auth_Subject", true),
            ("x-portcullis-shadow", true),
            ("x-http-method-override", true),
            ("x_envoy_original_path", true),
            (&long, true),
            (&long[1..], false),
            ("x-auth-subjects", false),
            ("x-auth-subjec", false),
            ("authorization", false),
            (":path", false),
        ] {
            assert_eq!(names.contains(name), stripped, "{name}");
        }
    }
}

//! Claims for a token that a provider's policy accepts.

use std::collections::BTreeMap;

use portcullis_engine::clock::UnixTime;
use portcullis_engine::policy::Provider;
use serde_json::{Map, Value};

use super::origin::origins;

/// The claims of a token.
pub type Claims = Map<String, Value>;

/// How long a filled-in token lives, in seconds.
const LIFE: u64 = 300;
/// Who a caller is who is not named.
const SOMEBODY: &str = "somebody";

/// `typ`, as the provider's policy accepts it; the one that asks for least.
pub(super) fn token_type(provider: &Provider) -> Option<&str> {
    let types = || provider.token_types.iter().map(Option::as_deref);
    types().find(|of| *of == Some("jwt")).or_else(|| types().next()).flatten()
}

/// Fills in what a good token of the provider says and these claims do not; returns what was filled in. `audiences`:
/// those of the service, of which one is needed.
pub fn fill(
    provider: &Provider,
    audiences: Option<&[Box<str>]>,
    claims: &mut Claims,
    now: UnixTime,
) -> Vec<String> {
    let mut filled = Vec::new();
    let mut add = |path: &[Box<str>], value: Value| {
        if at(claims, path).is_none() && put(claims, path, value) {
            filled.push(path.join("."));
        }
    };
    let name = |name: &str| [Box::from(name)];
    let both = provider.audiences.iter().find(|own| audiences.is_none_or(|of| of.contains(own)));
    let audience = both.or_else(|| provider.audiences.first()).map_or("", |audience| audience);
    add(&name("iss"), (&*provider.issuer).into());
    add(&provider.audience_claim, audience.into());
    add(&provider.subject, SOMEBODY.into());
    add(&name("iat"), now.0.into());
    add(&name("exp"), now.plus(LIFE).0.into());
    for rule in &provider.required_claims {
        add(&rule.path, rule.one_of.first().map_or("", |value| value).into());
    }
    // RFC 9068 2.2
    if token_type(provider) == Some("at+jwt") {
        add(&name("aud"), audience.into());
        for required in ["sub", "client_id", "jti"] {
            add(&name(required), "this-run".into());
        }
    }
    filled
}

/// Claims that yield these roles by the provider's rules.
///
/// # Errors
/// The role that nothing yields, or not together with the others.
pub fn of_roles(provider: &Provider, roles: &[String]) -> Result<Claims, String> {
    let origins: Vec<_> = roles.iter().map(|role| (role, origins(&provider.roles, role))).collect();
    // a fallback is read only where nothing else is
    let only_fallback =
        origins.iter().all(|(_, origins)| origins.iter().any(|origin| origin.source.fallback));
    let any_main = origins.iter().any(|(_, origins)| !origins.iter().any(|origin| origin.source.fallback));
    let fallback =
        only_fallback && !origins.iter().all(|(_, it)| it.iter().any(|origin| !origin.source.fallback));
    let mut texts: BTreeMap<&[Box<str>], Vec<Value>> = BTreeMap::new();
    for (role, origins) in &origins {
        let origin = origins.iter().find(|origin| origin.source.fallback == fallback);
        let Some(origin) = origin else {
            let why = if any_main && !origins.is_empty() { " together with the others" } else { "" };
            return Err(format!("no claim of `{}` yields the role `{role}`{why}", provider.name));
        };
        texts.entry(&origin.source.path).or_default().push(origin.text.clone().into());
    }
    let mut claims = Claims::new();
    for (path, texts) in texts {
        if !put(&mut claims, path, texts.into()) {
            return Err(format!(
                "the claim `{}` of `{}` is in the way of another",
                path.join("."),
                provider.name
            ));
        }
    }
    Ok(claims)
}

fn at<'a>(claims: &'a Claims, path: &[Box<str>]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(claims.get(&**first)?, |value, name| value.get(&**name))
}

/// Puts a value at a literal path; `false` if something else is in the way.
pub fn put(claims: &mut Claims, path: &[Box<str>], value: Value) -> bool {
    let Some((last, outer)) = path.split_last() else { return false };
    let mut inner = claims;
    for name in outer {
        let next = inner.entry(name.to_string()).or_insert_with(|| Claims::new().into());
        let Value::Object(members) = next else { return false };
        inner = members;
    }
    match inner.get_mut(&**last) {
        // lists of roles that stand in one place are one list
        Some(Value::Array(items)) => {
            let Value::Array(more) = value else { return false };
            items.extend(more);
            true
        }
        Some(_) => false,
        None => inner.insert(last.to_string(), value).is_none(),
    }
}

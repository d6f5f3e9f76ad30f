//! Reference verifier of tokens: a lenient reader that follows the policy's text. Every token that
//! the engine accepts must pass here too; the converse does not hold.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::Value;

/// A token, and what to compare it with.
pub(crate) struct ReferenceVerifier<'a> {
    /// The whole policy.
    pub(crate) policy: &'a Value,
    pub(crate) service: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) roles: &'a [String],
    pub(crate) now: u64,
    pub(crate) certificate: Option<[u8; 32]>,
}

impl ReferenceVerifier<'_> {
    /// Returns an error that names the first rule the token breaks.
    pub(crate) fn verify(&self, token: &[u8]) -> Result<(), &'static str> {
        let text = std::str::from_utf8(token).map_err(|_| "no text")?;
        let parts: Vec<_> = text.split('.').collect();
        let [header, payload, _] = parts[..] else { return Err("not three parts") };
        let read = |part: &str| {
            BASE64URL.decode(part).ok().and_then(|it| serde_json::from_slice(&it).ok())
        };
        let header: Value = read(header).ok_or("the header is no JSON")?;
        let claims: Value = read(payload).ok_or("the payload is no JSON")?;
        let provider = &self.policy["providers"][self.provider];
        says_how_it_is_signed(&header, provider)?;
        self.times(&claims, provider)?;
        self.people(&claims, provider)?;
        self.binding(&claims, provider)?;
        let complete = ["client_id", "iat", "jti"].iter().all(|name| claims.get(name).is_some());
        ok(complete || media_type(&header["typ"]) != "at+jwt", "an incomplete access token")
    }

    fn times(&self, claims: &Value, provider: &Value) -> Result<(), &'static str> {
        #[allow(clippy::cast_precision_loss)] // dates of this millennium
        let (now, leeway) = (self.now as f64, provider["leeway"].as_f64().unwrap_or(30.0));
        let expires = claims["exp"].as_f64().ok_or("no end")?;
        ok(now < expires.floor() + leeway, "it has ended")?;
        for name in ["nbf", "iat"] {
            ok(claims[name].as_f64().is_none_or(|from| from.ceil() <= now + leeway), "not yet")?;
        }
        let Some(max_age) = provider["max_age"].as_f64() else { return Ok(()) };
        ok(
            claims["iat"].as_f64().is_some_and(|issued| now < issued.ceil() + max_age + leeway),
            "too old",
        )
    }

    fn people(&self, claims: &Value, provider: &Value) -> Result<(), &'static str> {
        ok(claims["iss"] == provider["issuer"], "another issuer")?;
        let service = &self.policy["services"][self.service];
        let named = list(at(claims, &provider["audience_claim"], "aud"));
        let accepted: Vec<_> =
            list(&provider["audiences"]).into_iter().filter(|it| named.contains(it)).collect();
        ok(!accepted.is_empty(), "another audience")?;
        let narrowed = list(&service["audiences"]);
        ok(
            narrowed.is_empty() || narrowed.iter().any(|it| accepted.contains(it)),
            "another service",
        )?;
        let providers = list(&service["providers"]);
        ok(providers.is_empty() || providers.contains(&self.provider), "another provider")?;
        let subject = text(at(claims, &provider["subject"], "sub"));
        ok(!subject.is_empty() && subject == self.subject, "another subject")?;
        for rule in provider["required_claims"].as_array().into_iter().flatten() {
            let allowed = [list(&rule["equals"]), list(&rule["one_of"])].concat();
            let said = list(at(claims, &rule["path"], ""));
            ok(said.iter().any(|it| allowed.contains(it)), "a claim is missing")?;
        }
        let known = roles(claims, provider);
        ok(self.roles.iter().all(|role| known.contains(role)), "a role from nowhere")
    }

    fn binding(&self, claims: &Value, provider: &Value) -> Result<(), &'static str> {
        if claims.get("cnf").is_none() || provider["ignore_binding"] == true {
            return Ok(());
        }
        let thumbprint = BASE64URL.decode(text(&claims["cnf"]["x5t#S256"])).unwrap_or_default();
        ok(
            self.certificate.is_some_and(|certificate| *thumbprint == certificate),
            "bound to another",
        )
    }
}

fn says_how_it_is_signed(header: &Value, provider: &Value) -> Result<(), &'static str> {
    ok(list(&provider["algorithms"]).contains(&text(&header["alg"])), "another algorithm")?;
    ok(header.get("crit").is_none() && header.get("b64").is_none(), "a critical header")?;
    let types: Vec<_> = list(&provider["token_types"]).iter().map(|it| it.to_lowercase()).collect();
    let typ =
        if header.get("typ").is_none() { "absent".to_owned() } else { media_type(&header["typ"]) };
    ok(types.contains(&typ), "another type")
}

/// Every role that a claim could mean, and more.
fn roles(claims: &Value, provider: &Value) -> Vec<String> {
    let prefix = text(&provider["role_prefix"]);
    let mut roles = Vec::new();
    for source in provider["roles"].as_array().into_iter().flatten() {
        for said in list(at(claims, &source["path"], "")) {
            for name in said.split_whitespace().chain([said]) {
                let other = provider["role_names"][name].as_str().unwrap_or(name);
                let could = [format!("{prefix}{name}"), format!("{prefix}{other}")];
                let only = source["only"].as_array();
                let listed =
                    |role: &String| only.is_none_or(|only| only.iter().any(|known| known == role));
                roles.extend(could.into_iter().filter(listed));
            }
        }
    }
    roles
}

fn ok(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The texts of a list; one text is a list of one.
fn list(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// The claim at a path; `otherwise` if the policy says none.
fn at<'c>(claims: &'c Value, path: &Value, otherwise: &str) -> &'c Value {
    match path.as_array() {
        Some(path) => path.iter().fold(claims, |value, name| &value[text(name)]),
        None => &claims[otherwise],
    }
}

fn media_type(typ: &Value) -> String {
    let typ = text(typ).to_lowercase();
    typ.strip_prefix("application/").map_or(typ.clone(), str::to_owned)
}

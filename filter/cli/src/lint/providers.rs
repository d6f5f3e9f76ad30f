//! What is unusual about a provider: keys in clear text, clocks, ages, tokens that cannot be told
//! apart, bindings, scopes as roles.

use portcullis_engine::jose::signature::Algorithm;
use portcullis_engine::policy::{KeySource, Provider};

use super::{Inspection, Needs, Rule, span};
use crate::diagnostics::Severity;

pub(super) const HTTP_KEYS: Rule = Rule {
    name: "http-keys",
    severity: Severity::Warning,
    needs: Needs::Policy,
    finds: "keys that are fetched over plain http",
};
pub(super) const LEEWAY: Rule = Rule {
    name: "leeway-unusual",
    severity: Severity::Warning,
    needs: Needs::Policy,
    finds: "a leeway of none, or of more than a minute",
};
pub(super) const STALENESS: Rule = Rule {
    name: "staleness-unusual",
    severity: Severity::Warning,
    needs: Needs::Policy,
    finds: "keys that serve for more than a day without a fetch, are fetched less than once an hour, or end with one failure",
};
pub(super) const TOKEN_TYPES: Rule = Rule {
    name: "token-types-lax",
    severity: Severity::Warning,
    needs: Needs::Policy,
    finds: "nothing that tells access tokens from the provider's other tokens",
};
pub(super) const BINDING_IGNORED: Rule = Rule {
    name: "binding-ignored",
    severity: Severity::Note,
    needs: Needs::Policy,
    finds: "a provider whose tokens pass for whoever shows them, bound to another client or not",
};
pub(super) const PSS_KEYS: Rule = Rule {
    name: "pss-keys-large",
    severity: Severity::Warning,
    needs: Needs::Policy,
    finds: "RSA-PSS by keys of more than 2048 bits, and what one bad signature costs",
};
pub(super) const SCOPE_FALLBACK: Rule = Rule {
    name: "scope-fallback",
    severity: Severity::Note,
    needs: Needs::Policy,
    finds: "scopes that stand in for roles, and what that means",
};

/// Seconds.
const MINUTE: u64 = 60;
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

pub(super) fn look(inspection: &mut Inspection<'_>) {
    for provider in inspection.providers() {
        let place = format!("providers.{}", provider.name);
        http_keys(inspection, provider, &place);
        leeway(inspection, provider, &place);
        staleness(inspection, provider, &place);
        token_types(inspection, provider, &place);
        binding_ignored(inspection, provider, &place);
        pss_keys(inspection, provider, &place);
        scope_fallback(inspection, provider, &place);
    }
}

fn http_keys(inspection: &mut Inspection<'_>, provider: &Provider, place: &str) {
    let (endpoint, field) = match &provider.keys {
        KeySource::Uri(endpoint) => (endpoint, "jwks.uri"),
        KeySource::Discovery(endpoint) => (endpoint, "issuer"),
        KeySource::Inline(_) => return,
    };
    if &*endpoint.scheme == "http" {
        let message = format!(
            "the keys of `{}` come over plain http: whoever is on the way can replace them",
            provider.name
        );
        let help = "fetch them over https, or allow it with the reason why nobody is on the way";
        inspection.add(&HTTP_KEYS, &format!("{place}.{field}"), message, help);
    }
}

fn leeway(inspection: &mut Inspection<'_>, provider: &Provider, place: &str) {
    let message = match provider.leeway {
        0 => "a clock that is a second ahead would refuse honest tokens".to_owned(),
        1..=MINUTE => return,
        leeway => format!("tokens live {} longer than they say", span(leeway)),
    };
    let help = "write `1s` to `60s`, or leave it at `30s`";
    inspection.add(&LEEWAY, &format!("{place}.leeway"), message, help);
}

fn staleness(inspection: &mut Inspection<'_>, provider: &Provider, place: &str) {
    if !provider.keys.is_fetched() {
        return;
    }
    let (refresh, stale) =
        (provider.key_times.refresh.as_secs(), provider.key_times.max_stale.as_secs());
    let mut add = |field: &str, message: String, help: &str| {
        inspection.add(&STALENESS, &format!("{place}.jwks.{field}"), message, help);
    };
    if stale > DAY {
        let message =
            format!("keys that nobody could fetch for {} would still be good", span(stale));
        add(
            "max_stale",
            message,
            "write `24h` at most: a withdrawn key would stay in use for as long",
        );
    }
    if refresh > HOUR {
        let message = format!("a withdrawn key stays in use for {}", span(refresh));
        add("refresh", message, "write `1h` at most");
    }
    if stale < refresh * 2 {
        let message = format!(
            "one failed fetch would end all keys: they serve {}, and are fetched every {}",
            span(stale),
            span(refresh)
        );
        add("max_stale", message, "make it at least twice `refresh`");
    }
}

fn token_types(inspection: &mut Inspection<'_>, provider: &Provider, place: &str) {
    // a preset knows what its product's tokens are told apart by
    let written = inspection.loaded.document.providers.get(&*provider.name);
    if written.is_some_and(|written| written.preset.is_some() && written.token_types.is_none()) {
        return;
    }
    let general = |of: &Option<Box<str>>| of.as_deref().is_none_or(|of| of == "jwt");
    if provider.required_claims.is_empty() && provider.token_types.iter().any(general) {
        let message = format!(
            "nothing tells access tokens of `{}` from its other tokens: an ID token may say `JWT` too",
            provider.name
        );
        let help =
            "accept `at+jwt` alone, or name in `required_claims` what only its access tokens say";
        inspection.add(&TOKEN_TYPES, &format!("{place}.token_types"), message, help);
    }
}

fn binding_ignored(inspection: &mut Inspection<'_>, provider: &Provider, place: &str) {
    if provider.ignore_binding {
        let message = format!(
            "a token of `{}` that is bound to one client passes for every other: a stolen one is as good as its owner's",
            provider.name
        );
        let help =
            "remove it where clients connect with their certificates: `x5t#S256` is compared then";
        inspection.add(&BINDING_IGNORED, &format!("{place}.ignore_binding"), message, help);
    }
}

/// CPU time of a request with a bad RSA-PSS signature over that of a good cached one, by the key's
/// bits: the lines `bad PS256` of tests/bench/results/amplification/bench.md.
const PSS_COSTS: [(usize, u32); 3] = [(2048, 9), (3072, 19), (4096, 30)];

fn pss_keys(inspection: &mut Inspection<'_>, provider: &Provider, place: &str) {
    let bits = provider.max_pss_key_bits;
    let accepted =
        Algorithm::ALL.into_iter().any(|it| it.is_pss() && provider.algorithms.contains(it));
    let [(usual, _), ..] = PSS_COSTS;
    if !accepted || bits <= usual {
        return;
    }
    let cost =
        PSS_COSTS.iter().find(|(measured, _)| *measured >= bits).map_or(0, |(_, cost)| *cost);
    let message = format!(
        "anyone can send a bad RSA-PSS signature for a key of `{}`; with {bits} bits it costs about {cost} times \
         what a good cached request does",
        provider.name
    );
    let help = "use RS256, ES256 or PS256 by a key of 2048 bits, or allow it with the reason why such a flood cannot come";
    inspection.add(&PSS_KEYS, &format!("{place}.max_pss_key_bits"), message, help);
}

fn scope_fallback(inspection: &mut Inspection<'_>, provider: &Provider, place: &str) {
    for (index, source) in
        provider.roles.sources.iter().enumerate().filter(|(_, source)| source.fallback)
    {
        let claim = source.path.join(".");
        let message = format!(
            "where a token of `{}` has no role, `{claim}` is read instead: a user who loses the last role falls back to it",
            provider.name
        );
        let help = "scopes say what a client asked for, not what a user is: rows that a user must lose should name roles that are no scopes";
        inspection.add(&SCOPE_FALLBACK, &format!("{place}.roles[{index}]"), message, help);
    }
}

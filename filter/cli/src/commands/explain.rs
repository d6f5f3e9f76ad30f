//! `explain`: what becomes of one request, level by level, and why.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use clap::Args;
use portcullis_engine::clock::{Monotonic, UnixTime};
use portcullis_engine::explain::{Explanation, Outcome, explain};
use portcullis_engine::jose::jwks::KeySet;
use portcullis_engine::policy::{Policy, Provider, ProviderId, Service, TokenSource};
use serde_json::{Value, json};

use crate::diagnostics::exit::{Answer, CliError, ExitStatus};
use crate::diagnostics::source::Source;
use crate::diagnostics::{Finding, Format, Severity};
use crate::policy::Loaded;
use crate::simulate::caller::{Ask, Carried, Claims, Stage, fill};
use crate::{clock, diagnostics};

/// What `explain` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
The token is never shown. With --claims there is no token yet: one is made of the claims, signed with a key of this run, and
decided about by a copy of the policy in which every provider has that key; what the claims do not say is filled in.

Examples:
  portcullis explain envoy/policy.yaml GET /orders/7 --claims '{\"realm_access\": {\"roles\": [\"customer\"]}}'
  portcullis explain envoy/policy.yaml GET https://shop.example/me --token-file token.txt --jwks keys.json")]
pub struct Arguments {
    /// The policy: a file, or a folder
    policy: PathBuf,
    /// The method, as GET
    method: String,
    /// The URL; a path alone goes to the policy's one service
    url: String,
    /// A token; better named by --token-file, since arguments can be read by others
    #[arg(long, group = "who")]
    token: Option<String>,
    /// A file with a token
    #[arg(long, group = "who", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Claims in JSON, taken as verified
    #[arg(long, group = "who", value_name = "JSON")]
    claims: Option<String>,
    /// The keys of the token's provider
    #[arg(long, value_name = "FILE", conflicts_with = "claims", requires = "who")]
    jwks: Option<PathBuf>,
    /// As if it were that time: RFC 3339, a day, or seconds since 1970
    #[arg(long, value_name = "TIME", value_parser = clock::parse)]
    at: Option<UnixTime>,
    /// A header more, as `Origin: https://shop.example`
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
}

/// Reads a header here and not where arguments are: what is wrong with one is told without it,
/// since it may hold a token.
fn header(text: &str) -> Result<(String, String), CliError> {
    let colon =
        || CliError::helped("a header has no colon", "write it as `Origin: https://shop.example`");
    let (name, value) = text.split_once(':').ok_or_else(colon)?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

/// Explains.
///
/// # Errors
/// Why there is no answer.
pub fn run(arguments: &Arguments, format: Format) -> Result<Answer, CliError> {
    let loaded = Loaded::read_one(&arguments.policy)?;
    let mut ask =
        Ask::read(&arguments.method, &arguments.url, &loaded.document).map_err(CliError::run)?;
    ask.headers = arguments.headers.iter().map(|text| header(text)).collect::<Result<_, _>>()?;
    let now = arguments.at.unwrap_or_else(clock::now);
    let (mut stage, token, about) = if let Some(claims) = &arguments.claims {
        let stage = Stage::with_own_keys(&loaded.document)?;
        let (token, about) = token_of_claims(&stage, &ask, claims, now)?;
        (stage, Some(token), Some(about))
    } else {
        let mut stage = Stage::as_it_is(&loaded.policy)?;
        let token = given_token(arguments)?;
        if let (Some(file), Some(token)) = (&arguments.jwks, &token) {
            install(&mut stage, token, file)?;
        }
        (stage, token, None)
    };
    let policy = stage.policy.clone();
    let source = token.as_deref().and_then(|token| issuer(&policy, token));
    let source = source
        .and_then(|(_, provider)| policy.source(provider.source))
        .unwrap_or(&TokenSource::Bearer);
    let carried = token.as_deref().map(|token| Carried { source, token });
    let time = clock::at(now);
    let explanation = stage.decide(&ask, carried, time, |policy, request, verdict, key| {
        explain(policy, request, verdict, Some(key), time)
    });
    let exit = match explanation.outcome {
        Outcome::Allow | Outcome::AllowInShadow(_) => ExitStatus::Success,
        Outcome::Refuse(_) => ExitStatus::CheckFailed,
        Outcome::Wait { .. } => ExitStatus::Error,
    };
    Ok(Answer { text: told(&ask, &explanation, about.as_deref(), now, format), exit })
}

fn given_token(arguments: &Arguments) -> Result<Option<String>, CliError> {
    match (&arguments.token, &arguments.token_file) {
        (Some(token), _) => Ok(Some(token.trim().to_owned())),
        (None, Some(file)) => match Source::text(file) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            // without its name, which is the token if somebody has mixed the two up
            Err(error) => {
                let help =
                    "name a file, or `-` for the standard input; `--token` takes the token itself";
                Err(CliError::helped(format!("the token file cannot be read: {error}"), help))
            }
        },
        (None, None) => Ok(None),
    }
}

/// Whose token it says that it is; nothing is verified here.
fn issuer<'p>(policy: &'p Policy, token: &str) -> Option<(ProviderId, &'p Provider)> {
    let payload = BASE64URL.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    let id = policy.provider_of_issuer(claims["iss"].as_str()?)?;
    Some((id, policy.provider(id)?))
}

/// Gives the token's provider its keys. A token of nobody's is refused without any.
fn install(stage: &mut Stage, token: &str, file: &Path) -> Result<(), CliError> {
    let source = Source::read(file)?;
    let keys = KeySet::parse(source.text.as_bytes())
        .map_err(|error| CliError::run(format!("`{}`: {error}", source.name)))?;
    let policy = stage.policy.clone();
    if let Some((id, provider)) = issuer(&policy, token) {
        if !provider.keys.is_fetched() {
            let message = format!("the keys of `{}` stand in the policy itself", provider.name);
            return Err(CliError::helped(message, "leave `--jwks` out"));
        }
        stage.gate.key_store_mut().install(id, keys, Monotonic(0));
    }
    Ok(())
}

/// A token of these claims, and what must be said about it.
fn token_of_claims(
    stage: &Stage,
    ask: &Ask,
    claims: &str,
    now: UnixTime,
) -> Result<(String, Vec<String>), CliError> {
    let example = "write them as `{\"sub\": \"alice\", \"roles\": [\"customer\"]}`";
    let mut claims: Claims = serde_json::from_str(claims).map_err(|error| {
        CliError::helped(format!("the claims are no JSON object: {error}"), example)
    })?;
    let policy = &stage.policy;
    let service =
        policy.service_of_host(ask.authority.as_bytes()).and_then(|id| policy.service(id));
    let provider = provider_of_claims(policy, service, &claims)?;
    let filled = fill(provider, service.and_then(|service| service.audiences()), &mut claims, now);
    let mut about = vec![format!(
        "these claims are taken as verified: a key of this run signed them, and a copy of the policy in which `{}` has that key decided",
        provider.name
    )];
    if !filled.is_empty() {
        about.push(format!("filled in, as a good token says them: {}", filled.join(", ")));
    }
    Ok((stage.token(provider, &claims), about))
}

/// Whose claims these are: the issuer's, or those of the only provider.
fn provider_of_claims<'p>(
    policy: &'p Policy,
    service: Option<&Service>,
    claims: &Claims,
) -> Result<&'p Provider, CliError> {
    if let Some(issuer) = claims.get("iss") {
        let issuer = issuer.as_str().unwrap_or_default();
        let provider = policy.provider_of_issuer(issuer).and_then(|id| policy.provider(id));
        let nobody = || {
            format!(
                "`{issuer}` is the issuer of no provider: nobody's keys could verify such a token"
            )
        };
        return provider.ok_or_else(|| CliError::run(nobody()));
    }
    let accepted: Vec<_> = match service {
        Some(service) => service.providers().iter().filter_map(|id| policy.provider(*id)).collect(),
        None => policy.providers().iter().collect(),
    };
    match accepted.as_slice() {
        [only] => Ok(only),
        _ => Err(CliError::helped(
            "the claims name no `iss`, and there are several providers",
            "add `iss`",
        )),
    }
}

fn told(
    ask: &Ask,
    explanation: &Explanation,
    about: Option<&[String]>,
    now: UnixTime,
    format: Format,
) -> String {
    let Ask { method, authority, target, .. } = ask;
    let time = clock::rfc3339(now);
    let about = about.unwrap_or_default();
    match format {
        Format::Json => {
            let document = json!({
                "request": { "method": method, "authority": authority, "target": target },
                "at": time,
                "assumed": about,
                "explanation": explanation,
            });
            format!("{document:#}\n")
        }
        Format::Human | Format::Github => {
            let mut text = format!("{method} {target} at {authority}, {time}\n");
            for line in about {
                text.push_str(line);
                text.push('\n');
            }
            text.push('\n');
            text.push_str(&explanation.to_string());
            if let (Outcome::Wait { .. }, []) = (&explanation.outcome, about) {
                text.push_str(
                    "  help: name the provider's keys with `--jwks FILE`, or claims with `--claims JSON`\n",
                );
            }
            if format == Format::Github {
                let fine =
                    matches!(explanation.outcome, Outcome::Allow | Outcome::AllowInShadow(_));
                let severity = if fine { Severity::Note } else { Severity::Error };
                return diagnostics::findings(&[Finding::new(severity, "explain", text)], format);
            }
            text
        }
    }
}

//! Tokens as clients get them: from a token endpoint, for the demo users and services that every
//! provider here knows.
use dev_idp::{clients, users};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Result};

/// An access token from this token endpoint: by password for a demo user, by client credentials for
/// a demo service.
///
/// # Errors
/// The endpoint gives none, or nobody is called `name`.
pub async fn login(client: &reqwest::Client, endpoint: &str, name: &str) -> Result<String> {
    fetch(client, endpoint, &grant(name)?).await
}

fn grant(name: &str) -> Result<Vec<(&str, &str)>> {
    if let Some(user) = users().iter().find(|user| user.name == name) {
        let grant = vec![("grant_type", "password"), ("client_id", "shop-web")];
        return Ok([grant, vec![("username", name), ("password", &user.password)]].concat());
    }
    let service =
        clients().iter().find(|client| client.id == name).and_then(|it| it.service.as_ref());
    let nobody = || Error::Form(format!("no demo user or service is called `{name}`"));
    let secret = &service.ok_or_else(nobody)?.secret;
    Ok(vec![("grant_type", "client_credentials"), ("client_id", name), ("client_secret", secret)])
}

/// Every token that a client gets at a login with `OpenID` Connect.
#[derive(Clone, Debug, Deserialize)]
pub struct Login {
    /// For the service.
    pub access_token: String,
    /// For the client, about the user.
    pub id_token: String,
    /// For the token endpoint.
    pub refresh_token: String,
}

/// All tokens of a demo user from this token endpoint, by password.
///
/// # Errors
/// As [`login`]; or one of them is not given.
pub(crate) async fn openid(client: &reqwest::Client, endpoint: &str, name: &str) -> Result<Login> {
    let form = [grant(name)?, vec![("scope", "openid")]].concat();
    let answer = ask(client, endpoint, &form).await?;
    let form = |_| Error::Form(format!("{endpoint} gave not all tokens: {answer}"));
    Login::deserialize(&answer).map_err(form)
}

/// Sends `form` to a token endpoint and gives the access token.
pub(crate) async fn fetch(
    client: &reqwest::Client,
    endpoint: &str,
    form: &(impl Serialize + ?Sized),
) -> Result<String> {
    let answer = ask(client, endpoint, form).await?;
    let token = answer["access_token"].as_str();
    token
        .map(str::to_owned)
        .ok_or_else(|| Error::Form(format!("{endpoint} gave no token: {answer}")))
}

async fn ask(
    client: &reqwest::Client,
    endpoint: &str,
    form: &(impl Serialize + ?Sized),
) -> Result<Value> {
    Ok(client.post(endpoint).form(form).send().await?.json().await?)
}

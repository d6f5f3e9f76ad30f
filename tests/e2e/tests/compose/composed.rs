//! The composed stack, as its environment tells.
#![allow(clippy::unused_self, reason = "who has a `Composed` knows that the stack is up")]
use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use harness::artifacts::root;
use harness::process::eventually;
use harness::tokens;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::PATIENCE;

/// A stack that is up.
pub(crate) struct Composed {
    gateway: String,
    provider: String,
    client: Client,
}

impl Composed {
    pub(crate) fn running() -> Self {
        let port =
            |name| env::var(name).unwrap_or_else(|_| panic!("run `cargo xtask test compose`"));
        Self {
            gateway: format!("http://127.0.0.1:{}", port("GATEWAY_PORT")),
            provider: format!("http://127.0.0.1:{}", port("KEYCLOAK_PORT")),
            client: harness::http::client(false).unwrap(),
        }
    }

    pub(crate) fn run<T>(&self, test: impl AsyncFnOnce(&Self) -> T) -> T {
        e2e::run(test(self))
    }

    /// `docker compose` with these arguments, which succeeds: what it says.
    pub(crate) fn does(&self, arguments: &[&str]) -> String {
        let output = compose(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
        text(&output)
    }

    /// As [`Composed::does`], but it fails.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let output = compose(arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", text(&output));
        text(&output)
    }

    /// `docker compose` with another `.env`: whether it succeeds, and what it says.
    pub(crate) fn with_secrets(&self, file: &Path, arguments: &[&str]) -> (bool, String) {
        let output =
            docker(&["compose"]).args(arguments).env("COMPOSE_ENV_FILES", file).output().unwrap();
        (output.status.success(), text(&output))
    }

    /// The variables of the `.env` in use.
    pub(crate) fn secrets(&self) -> String {
        fs::read_to_string(env::var("COMPOSE_ENV_FILES").unwrap()).unwrap()
    }

    /// Commands of the documents, in this folder, with the stack's ports: what they say.
    pub(crate) fn shell(&self, script: &str, folder: &Path) -> String {
        let here = script.replace("http://127.0.0.1:8080", &self.gateway);
        let here = here.replace("http://127.0.0.1:8180", &self.provider);
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &here])
            .current_dir(folder)
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{here}: {}", text(&output));
        text(&output)
    }

    /// What the engine knows of a service's container.
    pub(crate) fn inspect(&self, service: &str) -> Value {
        let id = self.does(&["--profile", "*", "ps", "--all", "--quiet", service]);
        let output = docker(&["inspect", id.trim()]).output().unwrap();
        let all: Value = serde_json::from_slice(&output.stdout).unwrap();
        all[0].clone()
    }

    /// `kill -9` of a service's process, past the engine: nobody asked for its end.
    pub(crate) fn kills(&self, service: &str) {
        let pid = self.inspect(service)["State"]["Pid"].to_string();
        assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    }

    pub(crate) async fn token(&self, who: &str) -> String {
        let endpoint = format!("{}/realms/shop/protocol/openid-connect/token", self.provider);
        tokens::login(&self.client, &endpoint, who)
            .await
            .unwrap_or_else(|error| panic!("{who}: {error}"))
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> (u16, Value) {
        self.ask(Method::GET, path, token, None).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
        self.ask(Method::POST, path, token, Some(body)).await.unwrap()
    }

    /// A `GET` is refused, for this reason.
    pub(crate) async fn refused(&self, path: &str, token: Option<&str>, status: u16, reason: &str) {
        let answer = self.get(path, token).await;
        assert_eq!(
            (answer.0, &answer.1["reason"]),
            (status, &json!(reason)),
            "{path}: {}",
            answer.1
        );
    }

    /// A `GET` comes to be answered with `status`.
    pub(crate) async fn becomes(&self, status: u16, path: &str, token: &str) {
        let answered = async || {
            let answer = self.ask(Method::GET, path, Some(token), None).await;
            answer.is_ok_and(|answer| answer.0 == status).then_some(())
        };
        eventually(&format!("{status} for {path}"), PATIENCE, answered).await.unwrap();
    }

    /// Keycloak signs with a new key, and the first ones are withdrawn.
    pub(crate) async fn rotate(&self) {
        let key = json!({
            "name": "rotated", "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider",
            "config": { "priority": ["200"], "algorithm": ["RS256"], "keySize": ["2048"] },
        });
        let token = self.admin_token().await;
        let components = format!("{}/admin/realms/shop/components", self.provider);
        let made =
            self.client.post(&components).bearer_auth(&token).json(&key).send().await.unwrap();
        assert_eq!(made.status(), 201);
        let first = self
            .client
            .get(format!("{components}?name=rsa"))
            .bearer_auth(&token)
            .send()
            .await
            .unwrap();
        let first: Value = first.json().await.unwrap();
        let id =
            first[0]["id"].as_str().unwrap_or_else(|| panic!("no key provider `rsa`: {first}"));
        let gone = self
            .client
            .delete(format!("{components}/{id}"))
            .bearer_auth(&token)
            .send()
            .await
            .unwrap();
        assert_eq!(gone.status(), 204);
    }

    async fn admin_token(&self) -> String {
        let secrets = self.secrets();
        let password =
            secrets.lines().find_map(|line| line.strip_prefix("KEYCLOAK_ADMIN_PASSWORD=")).unwrap();
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "admin"),
            ("password", password),
        ];
        let endpoint = format!("{}/realms/master/protocol/openid-connect/token", self.provider);
        let answer = self.client.post(endpoint).form(&form).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> reqwest::Result<(u16, Value)> {
        let request = self.client.request(method, format!("{}{path}", self.gateway));
        let request = token.into_iter().fold(request, RequestBuilder::bearer_auth);
        let request = body.into_iter().fold(request, RequestBuilder::json);
        let answer = request.send().await?;
        let (status, text) = (answer.status().as_u16(), answer.text().await?);
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }
}

fn compose(arguments: &[&str]) -> Output {
    docker(&["compose"]).args(arguments).output().unwrap()
}

fn docker(arguments: &[&str]) -> Command {
    let mut docker = Command::new("docker");
    docker.args(arguments).current_dir(root());
    docker
}

fn text(output: &Output) -> String {
    [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat()
}

//! A real Keycloak with the realm that docker-compose.yml imports too:
//! `envoy/keycloak/realm-shop.json`.
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::artifacts::root;
use crate::folder::Folder;
use crate::ports::Port;
use crate::process::{Launch, Process};
use crate::{Error, Result, http, keys, tokens, tools};

/// A Java program that makes a database, on a busy machine with two cores.
const START: Duration = Duration::from_mins(3);
const REALM: &str = "shop";

/// A running Keycloak, with a database of its own.
#[derive(Debug)]
pub struct Keycloak {
    folder: Folder,
    port: Port,
    launch: Launch,
    process: Process,
    client: reqwest::Client,
    admin_password: String,
}

impl Keycloak {
    /// Starts one and waits until the realm is there.
    ///
    /// # Errors
    /// Keycloak or its Java runtime cannot be had, or it does not become ready.
    pub async fn start(name: &str) -> Result<Self> {
        Self::start_on(Port::free()?, Folder::empty(name)?).await
    }

    /// As [`Keycloak::start`], on this port and in this folder.
    ///
    /// # Errors
    /// As [`Keycloak::start`].
    pub async fn start_on(port: Port, folder: Folder) -> Result<Self> {
        furnish(folder.path())?;
        let admin_password = keys::secret();
        let launch = Launch::new("keycloak", "/bin/sh")
            .arg(tools::keycloak()?.join("bin/kc.sh"))
            .arg(format!("-Dkc.home.dir={}", folder.path().display()))
            .args([
                "start",
                "--optimized",
                "--import-realm",
                "--cache=local",
                "--http-enabled=true",
            ])
            .args(["--http-host=127.0.0.1", &format!("--http-port={}", port.number())])
            .arg(format!("--hostname={}", port.url()))
            // what was answered is on disk, whatever comes: H2 would write it half a second later
            .arg("--db-url-properties=;WRITE_DELAY=0")
            .env("JAVA", folder.join("java"))
            .env("JAVA_OPTS_KC_HEAP", "-Xms64m -Xmx512m")
            .env("JAVA_OPTS_APPEND", "-XX:TieredStopAtLevel=1")
            .env("KC_BOOTSTRAP_ADMIN_USERNAME", "admin")
            .env("KC_BOOTSTRAP_ADMIN_PASSWORD", &admin_password);
        let process = launch.start(&folder.join("keycloak.log"))?;
        let client = http::client(false)?;
        let mut keycloak = Self { folder, port, launch, process, client, admin_password };
        keycloak.ready().await?;
        Ok(keycloak)
    }

    /// The realm's issuer.
    pub fn issuer(&self) -> String {
        format!("{}/realms/{REALM}", self.port.url())
    }

    /// Where the realm's keys are.
    pub fn jwks_uri(&self) -> String {
        self.issuer() + "/protocol/openid-connect/certs"
    }

    /// Where tokens are given.
    pub fn token_endpoint(&self) -> String {
        self.issuer() + "/protocol/openid-connect/token"
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The process: its log, its id.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The process, to end it.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// An access token of a demo user (password grant, RS256) or of a demo service (client
    /// credentials, ES256).
    ///
    /// # Errors
    /// Keycloak refuses, or nobody is called `name`.
    pub async fn token(&self, name: &str) -> Result<String> {
        tokens::login(&self.client, &self.token_endpoint(), name).await
    }

    /// Every token that a demo user's client gets: the access token, and those that are for
    /// somebody else.
    ///
    /// # Errors
    /// Keycloak refuses, or nobody is called `name`.
    pub async fn tokens(&self, name: &str) -> Result<tokens::Login> {
        tokens::openid(&self.client, &self.token_endpoint(), name).await
    }

    /// Makes a new RS256 key, which signs from now on; the old ones stay published.
    ///
    /// # Errors
    /// The admin interface refuses.
    pub async fn rotate(&self) -> Result<()> {
        let key = json!({
            "name": "rotated", "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider",
            "config": { "priority": ["200"], "algorithm": ["RS256"], "keySize": ["2048"] },
        });
        self.admin(Method::POST, "/components", Some(&key)).await.map(drop)
    }

    /// Withdraws the RS256 keys that the realm was imported with.
    ///
    /// # Errors
    /// The admin interface refuses.
    pub async fn withdraw_first_keys(&self) -> Result<()> {
        let components = self.admin(Method::GET, "/components?name=rsa", None).await?;
        let form = || Error::Form(format!("no key provider `rsa` in {components}"));
        let id = components[0]["id"].as_str().ok_or_else(form)?;
        self.admin(Method::DELETE, &format!("/components/{id}"), None).await.map(drop)
    }

    /// Ends it, if it still runs, and starts it again: same port, same database.
    ///
    /// # Errors
    /// As [`Keycloak::start`].
    pub async fn restart(&mut self) -> Result<()> {
        self.process.stop(Duration::from_secs(20));
        self.process = self.launch.start(&self.folder.join("keycloak.log"))?;
        self.ready().await
    }

    async fn admin(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let endpoint = format!("{}/realms/master/protocol/openid-connect/token", self.port.url());
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "admin"),
            ("password", &self.admin_password),
        ];
        let token = tokens::fetch(&self.client, &endpoint, &form).await?;
        let url = format!("{}/admin/realms/{REALM}{path}", self.port.url());
        let request = self.client.request(method, url).bearer_auth(token);
        let request = if let Some(body) = body { request.json(body) } else { request };
        let text = request.send().await?.error_for_status()?.text().await?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn ready(&mut self) -> Result<()> {
        let realm = self.client.get(self.jwks_uri());
        let there = async || {
            let answer = realm.try_clone()?.send().await.ok()?;
            answer.status().is_success().then_some(())
        };
        self.process.ready(START, async || there().await.is_some()).await
    }
}

/// A home for one Keycloak: the distribution's files, with a database and a realm to import of its
/// own.
fn furnish(home: &Path) -> Result<()> {
    let distribution = tools::keycloak()?;
    let java = tools::java_home()?.join("bin/java");
    let furnish = || {
        for shared in ["conf", "lib", "providers", "themes"] {
            symlink(distribution.join(shared), home.join(shared))?;
        }
        fs::create_dir_all(home.join("data/import"))?;
        fs::copy(
            root().join("envoy/keycloak/realm-shop.json"),
            home.join("data/import/realm-shop.json"),
        )?;
        // kc.sh starts Java as a child of its own, which must end with it, too
        let wrapper =
            format!("#!/bin/sh\nexec {} '{}' \"$@\"\n", Launch::ENDS_WITH_PARENT, java.display());
        fs::write(home.join("java"), wrapper)?;
        fs::set_permissions(home.join("java"), fs::Permissions::from_mode(0o755))
    };
    furnish().map_err(Error::io(format!("furnish {}", home.display())))
}

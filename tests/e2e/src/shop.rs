//! A running shop: the stack, the provider whose tokens it trusts, and the eyes with which a test
//! sees what was done.
use std::collections::BTreeMap;

use harness::keycloak::Keycloak;
use harness::keys;
use harness::stack::{Builder, Stack};
use portcullis_principal::SigningKey;
use reqwest::{Client, Method};
use serde_json::Value;

use crate::{Answer, Ask, Tokens, lines, product};

/// A stack, and what the suites ask of it.
#[derive(Debug)]
pub struct Shop {
    /// The stack.
    pub stack: Stack,
    /// The Keycloak that it trusts, if it does.
    pub keycloak: Option<Keycloak>,
    /// What the gateway signs the hand-off with.
    pub gateway_key: SigningKey,
    client: Client,
    client_h2: Client,
}

impl Shop {
    /// A shop that trusts a development provider.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub async fn start(name: &str) -> harness::Result<Self> {
        Self::of(Stack::named(name)).await
    }

    /// A shop that trusts a real Keycloak.
    ///
    /// # Errors
    /// As [`Keycloak::start`] and [`Builder::start`].
    pub async fn with_keycloak(name: &str) -> harness::Result<Self> {
        let keycloak = Keycloak::start(&format!("{name}-provider")).await?;
        Self::trusting(keycloak, Stack::named(name)).await
    }

    /// A shop that trusts this Keycloak and is made otherwise.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub async fn trusting(keycloak: Keycloak, builder: Builder) -> harness::Result<Self> {
        let shop = Self::of(builder.trusting(&keycloak)).await?;
        Ok(Self { keycloak: Some(keycloak), ..shop })
    }

    /// A shop that is made otherwise.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub async fn of(builder: Builder) -> harness::Result<Self> {
        let seed = keys::secret();
        let gateway_key = SigningKey::from_seed_base64url(&seed).expect("a seed");
        let stack = builder.signing_key(&seed).start().await?;
        let (client, client_h2) = (harness::http::client(false)?, harness::http::client(true)?);
        Ok(Self { stack, keycloak: None, gateway_key, client, client_h2 })
    }

    /// `GET`.
    pub fn get(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    /// `POST`.
    pub fn post(&self, path: &str) -> Ask<'_> {
        self.ask(Method::POST, path)
    }

    /// `PUT`.
    pub fn put(&self, path: &str) -> Ask<'_> {
        self.ask(Method::PUT, path)
    }

    /// `DELETE`.
    pub fn delete(&self, path: &str) -> Ask<'_> {
        self.ask(Method::DELETE, path)
    }

    /// A request with any method.
    pub fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        Ask::new(self, method, path)
    }

    /// Sends bytes as they are, for what no client would send. They should ask to close the
    /// connection.
    pub async fn raw(&self, request: impl AsRef<[u8]>) -> Answer {
        let asked =
            String::from_utf8_lossy(request.as_ref()).lines().next().unwrap_or_default().to_owned();
        let reply = self.stack.raw(request).await;
        Answer::of_raw(asked.clone(), &reply.unwrap_or_else(|error| panic!("{asked}: {error}")))
    }

    /// An honest token of `who`, new; of `who@partner` from the provider that the stack trusts
    /// under that name.
    pub async fn token(&self, who: &str) -> String {
        let (name, provider): (_, &dyn Tokens) = match (who.split_once('@'), &self.keycloak) {
            (Some((name, partner)), _) => (name, self.stack.idp_named(partner)),
            (None, Some(keycloak)) => (who, keycloak),
            (None, None) => (who, self.stack.idp()),
        };
        provider.token(name).await.unwrap_or_else(|error| panic!("a token of {who}: {error}"))
    }

    /// The issuer of the tokens that [`Shop::token`] gives for a plain name.
    pub fn issuer(&self) -> String {
        match &self.keycloak {
            Some(keycloak) => keycloak.issuer(),
            None => self.stack.idp().addresses().issuer.clone(),
        }
    }

    /// A new product of `seller`: its id.
    pub async fn product_of(&self, seller: &str) -> String {
        self.post("/products")
            .sent_as(seller)
            .json(product("Tea", 250))
            .answers(201)
            .await
            .id()
            .to_owned()
    }

    /// A new order of `customer`, of one piece of a new product of Sam's: its id.
    pub async fn order_of(&self, customer: &str) -> String {
        let product = self.product_of("sam").await;
        self.post("/orders")
            .sent_as(customer)
            .json(lines(&product, 1))
            .answers(201)
            .await
            .id()
            .to_owned()
    }

    /// Runs `what`, and asserts that no request reached the service meanwhile.
    pub async fn unreached<T>(&self, what: impl Future<Output = T>) -> T {
        let before = self.requests_passed().await;
        let done = what.await;
        let passed = self.requests_passed().await - before;
        assert_eq!(passed, 0, "{passed} requests reached the service");
        done
    }

    /// How many requests the gateway has sent to the service.
    pub async fn requests_passed(&self) -> u64 {
        self.stack.requests_passed().await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// All orders and products, to compare them before and after a refusal.
    pub async fn contents(&self) -> BTreeMap<String, Value> {
        let mut contents = BTreeMap::new();
        for list in ["/orders", "/products"] {
            let mut next = Some(format!("{list}?limit=100"));
            while let Some(path) = next {
                let page = self.get(&path).sent_as("ada").answers(200).await;
                next = page
                    .header("link")
                    .and_then(|link| Some(link.strip_prefix('<')?.split_once('>')?.0.to_owned()));
                contents.extend(
                    page.items()
                        .iter()
                        .map(|item| (format!("{list}/{}", item["id"]), item.clone())),
                );
            }
        }
        contents
    }

    pub(crate) fn client(&self, h2: bool) -> &Client {
        if h2 { &self.client_h2 } else { &self.client }
    }
}

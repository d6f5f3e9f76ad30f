//! One request for each answer of the chain: tried before it is shown, so what is printed is true.
use harness::stack::Stack;
use harness::{Error, Result, http, tokens};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// An order that nobody placed.
const ABSENT: &str = "/orders/00000000-0000-7000-8000-000000000000";

/// A request, and what becomes of it.
struct Example {
    status: StatusCode,
    says: &'static str,
    /// Whose token; `None`: none.
    user: Option<&'static str>,
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Example {
    fn new(status: StatusCode, says: &'static str, method: Method, path: &str) -> Self {
        Self { status, says, user: None, method, path: path.to_owned(), body: None }
    }

    fn by(mut self, user: &'static str) -> Self {
        self.user = Some(user);
        self
    }

    fn with(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Sends it, and gives the answer's body.
    async fn try_out(&self, stack: &Stack, token_endpoint: &str) -> Result<Value> {
        let request = stack.request(self.method.clone(), &self.path);
        let request = match self.user {
            Some(user) => request
                .bearer_auth(tokens::login(&http::client(false)?, token_endpoint, user).await?),
            None => request,
        };
        let request = if let Some(body) = &self.body { request.json(body) } else { request };
        let answer = request.send().await?;
        let (status, body) = (answer.status(), answer.text().await?);
        if status == self.status {
            return Ok(serde_json::from_str(&body).unwrap_or(Value::Null));
        }
        Err(Error::Form(format!("{}: expected {}, got {status}: {body}", self.says, self.status)))
    }

    /// The line to paste. `token` is the shell function of [`token_function`].
    fn curl(&self, stack: &Stack) -> String {
        let bearer = self.user.map(|user| format!("-H \"Authorization: Bearer $(token {user})\" "));
        let body = self
            .body
            .as_ref()
            .map(|body| format!("-H 'Content-Type: application/json' -d '{body}' "));
        let [bearer, body] = [bearer, body].map(Option::unwrap_or_default);
        let (status, says, url) = (self.status.as_u16(), self.says, stack.url(&self.path));
        format!("# {status}: {says}\ncurl -i {bearer}{body}{url}\n")
    }
}

/// Tries every answer of the chain, and gives the lines to paste.
pub(super) async fn tried(stack: &Stack, token_endpoint: &str) -> Result<String> {
    let tea = json!({ "name": "Tea", "price": { "cents": 499, "currency": "EUR" }, "stock": 1000 });
    let offer = Example::new(StatusCode::CREATED, "sam offers tea", Method::POST, "/products");
    let product = offer.by("sam").with(tea).try_out(stack, token_endpoint).await?;
    let order = json!({ "lines": [{ "product_id": product["id"], "quantity": 1 }] });

    let place =
        |status, says| Example::new(status, says, Method::POST, "/orders").with(order.clone());
    let placed = place(StatusCode::CREATED, "alice, a customer, places an order").by("alice");
    let hers = placed.try_out(stack, token_endpoint).await?;
    let hers = format!("/orders/{}", hers["id"].as_str().unwrap_or_default());
    let see = |status, says, path: &str| Example::new(status, says, Method::GET, path);
    let examples = [
        placed,
        see(StatusCode::OK, "alice sees her order", &hers).by("alice"),
        see(StatusCode::UNAUTHORIZED, "nobody knows who asks", &hers),
        place(StatusCode::FORBIDDEN, "sam, a seller, has not the role to place orders").by("sam"),
        see(StatusCode::FORBIDDEN, "bob is a customer too, but it is not his order", &hers)
            .by("bob"),
        see(StatusCode::NOT_FOUND, "there is no such order", ABSENT).by("alice"),
    ];
    let mut shown = token_function(token_endpoint);
    for example in &examples {
        example.try_out(stack, token_endpoint).await?;
        shown += "\n";
        shown += &example.curl(stack);
    }
    Ok(shown)
}

/// A shell function that gets a demo user's token, with nothing but curl and sed.
fn token_function(endpoint: &str) -> String {
    format!(
        "# a token of a demo user, in your shell\n\
         token() {{ curl -s {endpoint} -d grant_type=password -d client_id=shop-web -d \"username=$1\" \
         -d \"password=$1-demo\" | sed 's/.*\"access_token\":\"\\([^\"]*\\).*/\\1/'; }}\n"
    )
}

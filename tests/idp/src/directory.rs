//! Who this provider knows: the committed list `users.json`, with passwords that are meant to be
//! read.
use std::sync::LazyLock;

use serde::Deserialize;

/// A person who logs in with a password, through the public client `shop-web`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct User {
    /// The login name.
    pub name: String,
    /// The demo password.
    pub password: String,
    /// The subject of the user's tokens: the same at every start, and at every provider of this
    /// kind.
    pub sub: String,
    /// The roles in the user's tokens.
    pub roles: Vec<String>,
}

/// An OAuth client.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Client {
    /// The client id.
    pub id: String,
    /// The scopes that it may ask for, and that it gets if it asks for none.
    pub scopes: Vec<String>,
    /// Present if the client is confidential and acts for itself; absent if it is public and acts
    /// for users.
    pub service: Option<Service>,
}

/// What a confidential client is when it acts for itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Service {
    /// The demo client secret.
    pub secret: String,
    /// The subject of its tokens.
    pub sub: String,
    /// The roles in its tokens.
    pub roles: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Directory {
    users: Vec<User>,
    clients: Vec<Client>,
}

static DIRECTORY: LazyLock<Directory> = LazyLock::new(|| {
    serde_json::from_str(include_str!("users.json")).expect("users.json is checked by a test")
});

/// The people, with their demo passwords.
pub fn users() -> &'static [User] {
    &DIRECTORY.users
}

/// The clients, with their demo secrets.
pub fn clients() -> &'static [Client] {
    &DIRECTORY.clients
}

/// Whom a token is about, and through which client it was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    pub(crate) username: &'static str,
    pub(crate) sub: &'static str,
    pub(crate) roles: &'static [String],
    pub(crate) client: &'static Client,
}

impl Account {
    /// The account of that name: a user's, through the client for users, or a service's own.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let user = || {
            Some(Self::of_user(users().iter().find(|user| user.name == name)?, public_client()?))
        };
        user().or_else(|| client(name).and_then(Self::of_service))
    }

    pub(crate) fn of_user(user: &'static User, client: &'static Client) -> Self {
        Self { username: &user.name, sub: &user.sub, roles: &user.roles, client }
    }

    /// `None` for a public client: it has nothing that it could prove itself with.
    pub(crate) fn of_service(client: &'static Client) -> Option<Self> {
        let service = client.service.as_ref()?;
        Some(Self { username: &client.id, sub: &service.sub, roles: &service.roles, client })
    }
}

pub(crate) fn client(id: &str) -> Option<&'static Client> {
    clients().iter().find(|client| client.id == id)
}

fn public_client() -> Option<&'static Client> {
    clients().iter().find(|client| client.service.is_none())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_committed_list_has_everyone_that_the_demo_speaks_of() {
        let roles = |name: &str| Account::named(name).map(|account| account.roles.join(" "));
        for (name, expected) in [
            ("alice", "customer"),
            ("bob", "customer"),
            ("sam", "seller"),
            ("sofia", "seller"),
            ("ada", "admin"),
            ("nora", ""),
            ("reporting", "reporting"),
        ] {
            assert_eq!(roles(name).as_deref(), Some(expected), "{name}");
        }
        assert_eq!(roles("shop-web"), None, "a public client is nobody");
    }

    #[test]
    fn no_two_accounts_share_a_subject() {
        let services = clients().iter().filter_map(|client| client.service.as_ref());
        let subjects: Vec<_> = users()
            .iter()
            .map(|user| &user.sub)
            .chain(services.map(|service| &service.sub))
            .collect();
        assert_eq!(subjects.iter().collect::<HashSet<_>>().len(), subjects.len());
    }
}

//! A request, as a person writes it: `GET https://shop.example/orders/7`.

use portcullis_engine::policy::{Document, TokenSource};

use super::Carried;

/// A request to decide about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The method, as it is.
    pub method: String,
    /// The host, and the port if there is one.
    pub authority: String,
    /// Path and query, byte for byte.
    pub target: String,
    /// More headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Ask {
    /// Reads method and URL. A URL that is only a path goes to the host of the policy's one service.
    ///
    /// # Errors
    /// What is missing.
    pub fn read(method: &str, url: &str, document: &Document) -> Result<Self, String> {
        let (authority, target) = match url.split_once("://") {
            Some((_, rest)) => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let (authority, target) = rest.split_at(end);
                let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
                (authority.to_owned(), target)
            }
            None => (
                only_host(document).ok_or("the policy has several services: write the URL with its host")?,
                url.to_owned(),
            ),
        };
        Ok(Self { method: method.to_owned(), authority, target, headers: Vec::new() })
    }

    /// A request to no service.
    pub(super) fn nowhere() -> Self {
        Self {
            method: "GET".to_owned(),
            authority: String::new(),
            target: "/".to_owned(),
            headers: Vec::new(),
        }
    }

    /// As the filter sees it, with the token in its place.
    pub(super) fn headers(&self, carried: Option<Carried<'_>>) -> Vec<(String, Vec<u8>)> {
        let Self { method, authority, target, headers } = self;
        let pseudo = [(":method", method), (":path", target), (":authority", authority)];
        let mut all: Vec<_> =
            pseudo.into_iter().map(|(name, value)| (name.to_owned(), value.clone().into_bytes())).collect();
        all.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())));
        all.extend(carried.map(|Carried { source, token }| {
            let value = match source {
                TokenSource::Bearer => format!("Bearer {token}"),
                TokenSource::Header { prefix, .. } => format!("{prefix}{token}"),
                TokenSource::Cookie { name, .. } => format!("{name}={token}"),
            };
            (source.header().to_owned(), value.into_bytes())
        }));
        all
    }
}

/// A host of the only service.
fn only_host(document: &Document) -> Option<String> {
    let mut services = document.services.values();
    let service = services.next().filter(|_| services.next().is_none())?;
    let pattern = service.hosts.first()?;
    Some(match pattern.strip_prefix('*') {
        Some("") => "localhost".to_owned(),
        Some(suffix) => format!("any{suffix}"),
        None => pattern.clone(),
    })
}

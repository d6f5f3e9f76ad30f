//! The service's side: an assertion in, a [`Principal`] out, or why not.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ed25519_dalek::Signature;

use crate::assertion::{ALGORITHM, Claims, Header, MAX_LIFETIME_SECONDS, TYPE, strict};
use crate::jwks::{JwksError, PublicKeys};
use crate::principal::{Principal, PrincipalId};
use crate::row;

/// How far the clocks of gateway and service may be apart, in seconds.
pub const LEEWAY_SECONDS: u64 = 5;
/// The header that carries the assertion unless the policy names another.
pub const DEFAULT_HEADER: &str = "x-auth-principal";

/// Verifies the gateway's assertions for one service. Cheap to clone: the clones share the keys.
#[derive(Clone, Debug)]
pub struct AssertionVerifier {
    issuer: Arc<str>,
    audience: Arc<str>,
    header: Arc<str>,
    keys: Arc<Keys>,
}

#[derive(Debug)]
enum Keys {
    Inline(PublicKeys),
    File { path: PathBuf, read: RwLock<KeyFile> },
}

/// A file of keys as it was last seen.
#[derive(Debug)]
struct KeyFile {
    /// `None` where it cannot be looked at.
    stamp: Option<Stamp>,
    keys: Arc<PublicKeys>,
}

/// What tells that a file has changed, or is another one under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    written: SystemTime,
    length: u64,
    /// Which file, and when anything about it changed: clocks of file systems are coarse, and a
    /// time of writing can be set.
    #[cfg(unix)]
    inode: (u64, i64, i64),
}

/// Why a verifier cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The JWKS file cannot be read.
    #[error("the gateway's JWKS `{path}` cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The JWKS has no key to verify with, or cannot be understood.
    #[error("the gateway's JWKS cannot be used: {0}")]
    Keys(String),
    /// Issuer or audience would fit anything, or cannot stand in a challenge.
    #[error("the {0} must be visible ASCII characters without `\"` and `\\`, and at least one")]
    Name(&'static str),
}

/// Why an assertion is no principal. For the log: a client learns only that there was none, or a
/// bad one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// There is none.
    #[error("no assertion was sent")]
    Missing,
    /// Two parties could each read another one.
    #[error("more than one assertion was sent")]
    Several,
    /// Not a compact JWS, or its JSON is not what an assertion's is: a member missing, twice, or of
    /// another type.
    #[error("the assertion is malformed")]
    Malformed,
    /// Header `typ`.
    #[error("the JWT is of another type")]
    WrongType,
    /// Header `alg`.
    #[error("the assertion is signed with another algorithm")]
    WrongAlgorithm,
    /// Header `kid`.
    #[error("the assertion's key is not one of the gateway's")]
    KeyUnknown,
    /// Not made with the gateway's key, or changed since.
    #[error("the assertion's signature does not verify")]
    SignatureInvalid,
    /// Claim `iss`.
    #[error("the assertion is another gateway's")]
    WrongIssuer,
    /// Claim `aud`.
    #[error("the assertion is for another service")]
    WrongAudience,
    /// Claim `exp`.
    #[error("the assertion has ended")]
    Expired,
    /// Claim `iat`.
    #[error("the assertion was issued in the future")]
    IssuedInFuture,
    /// From `iat` to `exp`.
    #[error("the assertion lasts longer than an assertion may")]
    LifetimeTooLong,
    /// Claim `htm`.
    #[error("the assertion is for another method")]
    WrongMethod,
    /// Claim `row`.
    #[error("the assertion is for another endpoint")]
    WrongRow,
}

/// The endpoint that the service itself found for the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint<'a> {
    /// The request's method, as sent: `HEAD`, also where the handler of `GET` answers it.
    pub method: &'a str,
    /// The path template of the matched route, as axum's `MatchedPath` has it.
    pub route: &'a str,
}

impl AssertionVerifier {
    /// Verifies with the keys of this JWKS. `issuer` is the gateway, `audience` this service; both
    /// are compared exactly.
    ///
    /// # Errors
    /// If the JWKS has no usable key, or a name is empty.
    pub fn from_jwks(jwks: &str, issuer: &str, audience: &str) -> Result<Self, SetupError> {
        Self::new(Keys::Inline(PublicKeys::parse(jwks)?), issuer, audience)
    }

    /// Verifies with the keys of this file, which is read again when it changes: keys rotate
    /// without a restart. A file that cannot be used any more is logged, and the last good keys
    /// stay.
    ///
    /// # Errors
    /// If the file cannot be read or used now, or a name is empty.
    pub fn from_jwks_file(path: &Path, issuer: &str, audience: &str) -> Result<Self, SetupError> {
        let read = RwLock::new(KeyFile::read(path)?);
        Self::new(Keys::File { path: path.to_owned(), read }, issuer, audience)
    }

    fn new(keys: Keys, issuer: &str, audience: &str) -> Result<Self, SetupError> {
        for (what, name) in [("gateway's issuer", issuer), ("service's audience", audience)] {
            if name.is_empty()
                || !name.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '\\')
            {
                return Err(SetupError::Name(what));
            }
        }
        Ok(Self {
            issuer: issuer.into(),
            audience: audience.into(),
            header: DEFAULT_HEADER.into(),
            keys: Arc::new(keys),
        })
    }

    /// Looks for the assertion in another header than [`DEFAULT_HEADER`], as the policy's
    /// `identity.assertion.header` says.
    #[must_use]
    pub fn with_header(self, name: &str) -> Self {
        Self { header: name.to_ascii_lowercase().into(), ..self }
    }

    /// The header that carries the assertion, in lower case.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// The service whose assertions these are: also the realm of its challenges.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The principal of a request to `endpoint`, `now` being seconds since 1970.
    ///
    /// # Errors
    /// If the assertion is not the gateway's, not for this service and endpoint, or not for this
    /// time.
    pub fn verify(
        &self,
        assertion: &str,
        endpoint: Endpoint<'_>,
        now: u64,
    ) -> Result<Principal, AssertionError> {
        let claims = self.authentic(assertion)?;
        if claims.iss != *self.issuer {
            return Err(AssertionError::WrongIssuer);
        }
        if claims.aud != *self.audience {
            return Err(AssertionError::WrongAudience);
        }
        if claims.iat > now.saturating_add(LEEWAY_SECONDS) {
            return Err(AssertionError::IssuedInFuture);
        }
        if now >= claims.exp.saturating_add(LEEWAY_SECONDS) {
            return Err(AssertionError::Expired);
        }
        if claims.exp.checked_sub(claims.iat).is_none_or(|seconds| seconds > MAX_LIFETIME_SECONDS) {
            return Err(AssertionError::LifetimeTooLong);
        }
        if claims.htm != endpoint.method {
            return Err(AssertionError::WrongMethod);
        }
        if !row::covers(&claims.row, endpoint.route) {
            return Err(AssertionError::WrongRow);
        }
        if claims.sub.is_empty() || claims.sub_iss.is_empty() {
            return Err(AssertionError::Malformed);
        }
        Ok(Principal::verified(
            PrincipalId::new(claims.sub_iss, claims.sub),
            claims.roles,
            claims.sub_jti,
        ))
    }

    /// The claims of an assertion that one of the gateway's keys signed. They are not looked at
    /// before.
    fn authentic(&self, assertion: &str) -> Result<Claims, AssertionError> {
        let (signed, signature) = assertion.rsplit_once('.').ok_or(AssertionError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(AssertionError::Malformed)?;
        let decode = |part: &str| BASE64URL.decode(part).map_err(|_| AssertionError::Malformed);

        let header = decode(header)?;
        let header: Header<'_> = strict(&header).map_err(|_| AssertionError::Malformed)?;
        if header.typ != TYPE {
            return Err(AssertionError::WrongType);
        }
        if header.alg != ALGORITHM {
            return Err(AssertionError::WrongAlgorithm);
        }
        let signature = Signature::from_slice(&decode(signature)?)
            .map_err(|_| AssertionError::SignatureInvalid)?;
        self.with_keys(|keys| {
            let key = keys.get(header.kid).ok_or(AssertionError::KeyUnknown)?;
            key.verify_strict(signed.as_bytes(), &signature)
                .map_err(|_| AssertionError::SignatureInvalid)
        })?;
        strict(&decode(claims)?).map_err(|_| AssertionError::Malformed)
    }

    fn with_keys<T>(&self, use_them: impl FnOnce(&PublicKeys) -> T) -> T {
        match &*self.keys {
            Keys::Inline(keys) => use_them(keys),
            Keys::File { path, read } => use_them(&current(path, read)),
        }
    }
}

/// The keys of a file as it is now, or the last good ones.
fn current(path: &Path, read: &RwLock<KeyFile>) -> Arc<PublicKeys> {
    let now = stamp(path);
    // a panic elsewhere cannot leave half a value behind: it is replaced whole
    let last = read.read().unwrap_or_else(PoisonError::into_inner);
    if now == last.stamp {
        return Arc::clone(&last.keys);
    }
    drop(last);
    let mut last = read.write().unwrap_or_else(PoisonError::into_inner);
    match KeyFile::read(path) {
        Ok(new) => *last = new,
        Err(error) => {
            log::warn!(
                "the gateway's JWKS has changed and cannot be used, the last keys stay: {error}"
            );
            last.stamp = now;
        }
    }
    Arc::clone(&last.keys)
}

impl KeyFile {
    fn read(path: &Path) -> Result<Self, SetupError> {
        // the stamp first: a change between the two is seen the next time
        let stamp = stamp(path);
        let json = fs::read_to_string(path)
            .map_err(|source| SetupError::Unreadable { path: path.to_owned(), source })?;
        Ok(Self { stamp, keys: Arc::new(PublicKeys::parse(&json)?) })
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some(Stamp {
        written: metadata.modified().ok()?,
        length: metadata.len(),
        #[cfg(unix)]
        inode: {
            use std::os::unix::fs::MetadataExt as _;
            (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
        },
    })
}

impl From<JwksError> for SetupError {
    fn from(error: JwksError) -> Self {
        Self::Keys(error.to_string())
    }
}

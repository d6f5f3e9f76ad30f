//! The one list of why a request ends. The id of a reason is the same in the log line, the metric,
//! the problem document, the documentation's table and the test's name. Imports nothing.

macro_rules! reasons {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $id:literal, )+) => {
        /// Why a request ends.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $( $(#[doc = $doc])+ $variant, )+ }

        impl Reason {
            /// Every reason there is, in the order of the documentation.
            pub const ALL: &'static [Self] = &[ $(Self::$variant,)+ ];

            /// The stable kebab-case id.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)+ }
            }

            /// When it is given: the text of the documentation's table.
            pub const fn when(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)+ }
            }
        }
    };
}

reasons! {
    /// The request target could be read differently by two parties, or its path is longer than
    /// 4,096 bytes: it is refused, never rewritten.
    PathAmbiguous = "path-ambiguous",
    /// More than one credential was sent, one in a form that is not a credential, more than 512
    /// cookies, or more than 64 parameters of `Authorization`.
    CredentialsAmbiguous = "credentials-ambiguous",

    /// The endpoint needs a token and none was sent.
    TokenMissing = "token-missing",
    /// The token is larger than the limit.
    TokenTooLarge = "token-too-large",
    /// The token is not three base64url parts in compact form.
    TokenMalformed = "token-malformed",
    /// The header is not the strict JSON object that it must be.
    HeaderMalformed = "header-malformed",
    /// The payload is not the strict JSON object that it must be, or a registered claim has the
    /// wrong type.
    ClaimsMalformed = "claims-malformed",
    /// The header's `typ` is not one that the provider's policy lists.
    TypeNotAccepted = "type-not-accepted",
    /// The header's `alg` is not one that the provider's policy lists.
    AlgorithmNotAccepted = "algorithm-not-accepted",
    /// The header has `crit` or `b64`: an extension that must be understood is not.
    CriticalHeader = "critical-header",
    /// The token's `iss` is no provider of this policy.
    IssuerUnknown = "issuer-unknown",
    /// The provider is known, but this service does not accept it, or not from where the token
    /// came.
    IssuerNotAccepted = "issuer-not-accepted",
    /// The provider has no key with the token's `kid`, and a fetch that began after the request
    /// arrived did not bring it.
    KeyUnknown = "key-unknown",
    /// The token has no `kid`, and not exactly one key fits.
    KeyAmbiguous = "key-ambiguous",
    /// The key's type, curve, `use`, `key_ops` or `alg` does not agree with the token's header, or
    /// it is larger than `max_pss_key_bits`.
    KeyUnsuitable = "key-unsuitable",
    /// The signature does not verify.
    SignatureInvalid = "signature-invalid",
    /// The token has ended: `now >= exp + leeway`.
    TokenExpired = "token-expired",
    /// The token has not begun: `now < nbf - leeway`.
    TokenNotYetValid = "token-not-yet-valid",
    /// The token says that it was issued in the future: `iat > now + leeway`.
    TokenIssuedInFuture = "token-issued-in-future",
    /// The token is older than the provider's `max_age`.
    TokenTooOld = "token-too-old",
    /// `aud` holds none of the provider's audiences, or none of the service's.
    AudienceMismatch = "audience-mismatch",
    /// The subject claim is absent, not a string, too long, or holds what cannot be printed.
    SubjectInvalid = "subject-invalid",
    /// A claim that the provider's policy requires is absent or has another value.
    ClaimMismatch = "claim-mismatch",
    /// The token is bound (`cnf`) to something that this connection does not prove.
    BindingMismatch = "binding-mismatch",

    /// The token came in a cookie with an unsafe method, and its `Origin` is not one that the
    /// policy lists.
    OriginNotAllowed = "origin-not-allowed",
    /// The token is good and the endpoint has no row: default deny.
    RouteUndeclared = "route-undeclared",
    /// Envoy's own route would send the request to a cluster that the service does not name.
    RouteElsewhere = "route-elsewhere",
    /// The token is good and its roles do not meet the row's requirement.
    RoleMissing = "role-missing",

    /// The provider's keys could not be fetched yet, or the wait for them ended.
    KeysUnavailable = "keys-unavailable",
    /// The last good keys are older than `max_stale`.
    KeysStale = "keys-stale",
    /// The token's `kid` is unknown, and no fetch may look for it yet: look-ups are limited to one
    /// per interval.
    KeyNotYetFetched = "key-not-yet-fetched",
    /// Too many requests, or too many bytes of their bodies, wait for keys already.
    QueueFull = "queue-full",
    /// The hand-off could not be made: a fault of ours, never a pass.
    HandoffFailed = "handoff-failed",
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}

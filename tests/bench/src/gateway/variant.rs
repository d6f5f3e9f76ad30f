//! What stands between the client and the service.
use clap::ValueEnum;
use serde::Serialize;

/// What stands between the client and the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// Envoy without a filter: what every figure is above.
    Bare,
    /// Envoy that refuses everything by itself, without a filter: what refusals are above.
    Refusing,
    /// `jwt_authn` and `rbac`.
    Native,
    /// `jwt_authn` with its JWT cache, and `rbac`.
    NativeCached,
    /// A WebAssembly filter that does nothing.
    Noop,
    /// A WebAssembly filter that has Envoy verify the signature, and answers what is not good.
    Least,
    /// Portcullis with plain identity headers only.
    Headers,
    /// Portcullis as shipped: with the signed assertion too.
    Assertion,
}

impl Variant {
    /// In the order of the report.
    pub const ALL: [Self; 8] = [
        Self::Bare,
        Self::Refusing,
        Self::Native,
        Self::NativeCached,
        Self::Noop,
        Self::Least,
        Self::Headers,
        Self::Assertion,
    ];

    /// As the report calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare proxy",
            Self::Refusing => "bare refusal",
            Self::Native => "jwt_authn + rbac",
            Self::NativeCached => "jwt_authn cached + rbac",
            Self::Noop => "no-op Wasm filter",
            Self::Least => "least Wasm filter",
            Self::Headers => "Portcullis, headers",
            Self::Assertion => "Portcullis, assertion",
        }
    }

    /// As `bench.json` calls it.
    pub(crate) fn key(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether it is what the others are above.
    pub(crate) fn is_base(self) -> bool {
        matches!(self, Self::Bare | Self::Refusing)
    }

    /// Whether it checks anything.
    pub(crate) fn checks(self) -> bool {
        !self.is_base() && !matches!(self, Self::Noop | Self::Least)
    }
}

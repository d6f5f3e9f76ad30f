//! Signatures, through jsonwebtoken's `CryptoProvider`: natively RustCrypto, in Envoy the host's
//! cryptography where its self-test passes. A proof that a signature was verified comes from here
//! and nowhere else.

use std::cell::OnceCell;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier};

pub use crate::jose::rust_crypto::{RUST_CRYPTO, rust_crypto_verifier};

use crate::jose::jwks::Key;
use crate::jose::vectors;

/// That a signature was verified. Claims become [`VerifiedClaims`](super::claims::VerifiedClaims)
/// only with one.
#[derive(Debug)]
pub(crate) struct Proof(());

/// The verifiers of one key, each made at its first use: making one costs more than using it.
#[derive(Default)]
pub(crate) struct Verifiers([OnceCell<Option<Box<dyn JwtVerifier>>>; Algorithm::ALL.len()]);

impl Verifiers {
    /// Verifies a signature by `key`, which must fit the algorithm. Whatever goes wrong is no
    /// proof.
    #[allow(clippy::ptr_arg)] // what jsonwebtoken's verifiers take
    pub(crate) fn verify(
        &self,
        crypto: &CryptoProvider,
        key: &Key,
        algorithm: Algorithm,
        signed: &[u8],
        signature: &Vec<u8>,
    ) -> Option<Proof> {
        if !key.fits(algorithm) || signature.len() != key.signature_bytes() {
            return None;
        }
        let make = || (crypto.verifier_factory)(&algorithm.into(), key.decoding()).ok();
        let verifier = self.0.get(algorithm as usize)?.get_or_init(make).as_ref()?;
        verifier.verify(signed, signature).ok().map(|()| Proof(()))
    }
}

impl std::fmt::Debug for Verifiers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifiers").finish_non_exhaustive()
    }
}

/// What a host must prove before it is trusted with an algorithm: `good` passes, `bad` fails.
#[derive(Debug)]
pub struct SelfTest {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// Whose signatures these are.
    pub key: DecodingKey,
    /// What was signed.
    pub message: &'static [u8],
    /// A signature, as JWS has it.
    pub good: &'static [u8],
    /// The same with one bit changed.
    pub bad: Vec<u8>,
}

/// A test for each algorithm that hosts know: RSA PKCS#1 v1.5 and ECDSA.
pub fn self_tests() -> Vec<SelfTest> {
    let rsa = || DecodingKey::from_rsa_raw_components(vectors::MODULUS, &[1, 0, 1]);
    [
        (Algorithm::RS256, rsa(), vectors::RS256),
        (Algorithm::RS384, rsa(), vectors::RS384),
        (Algorithm::RS512, rsa(), vectors::RS512),
        (Algorithm::ES256, DecodingKey::from_ec_der(vectors::P256), vectors::ES256),
        (Algorithm::ES384, DecodingKey::from_ec_der(vectors::P384), vectors::ES384),
    ]
    .map(|(algorithm, key, good)| {
        let mut bad = good.to_vec();
        if let Some(last) = bad.last_mut() {
            *last ^= 1;
        }
        SelfTest { algorithm, key, message: vectors::MESSAGE, good, bad }
    })
    .into()
}

/// A JWS signature algorithm that a policy can name (RFC 7518 3.1, RFC 8037 3.1). Only asymmetric
/// algorithms have a variant: no policy and no token can ask for `none` or HS*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // the names are those of RFC 7518
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Algorithm {
    /// Every algorithm, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// The `alg` value (RFC 7515 4.1.1: case-sensitive).
    pub const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// Whether it is RSA-PSS (RFC 7518 3.5), which no host verifies for a filter.
    pub const fn is_pss(self) -> bool {
        matches!(self, Self::PS256 | Self::PS384 | Self::PS512)
    }

    /// The algorithm of that name, compared exactly.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }
}

/// A set of algorithms: what a provider accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AlgorithmSet(u16);

impl AlgorithmSet {
    /// The same set with `algorithm` in it.
    #[must_use]
    pub const fn with(self, algorithm: Algorithm) -> Self {
        Self(self.0 | 1 << algorithm as u16)
    }

    /// Whether `algorithm` is in the set.
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & (1 << algorithm as u16) != 0
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::RS256 => Self::RS256,
            Algorithm::RS384 => Self::RS384,
            Algorithm::RS512 => Self::RS512,
            Algorithm::PS256 => Self::PS256,
            Algorithm::PS384 => Self::PS384,
            Algorithm::PS512 => Self::PS512,
            Algorithm::ES256 => Self::ES256,
            Algorithm::ES384 => Self::ES384,
            Algorithm::EdDSA => Self::EdDSA,
        }
    }
}

impl TryFrom<jsonwebtoken::Algorithm> for Algorithm {
    type Error = ();

    /// The symmetric ones have no counterpart.
    fn try_from(algorithm: jsonwebtoken::Algorithm) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|ours| jsonwebtoken::Algorithm::from(*ours) == algorithm)
            .ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rustcrypto_passes_the_self_test_that_a_host_must_pass() {
        let tests = self_tests();
        let algorithms: Vec<_> = tests.iter().map(|test| test.algorithm).collect();
        let [rs256, rs384, rs512] = [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512];
        assert_eq!(algorithms, [rs256, rs384, rs512, Algorithm::ES256, Algorithm::ES384]);
        for test in tests {
            let verifier =
                (RUST_CRYPTO.verifier_factory)(&test.algorithm.into(), &test.key).unwrap();
            assert!(
                verifier.verify(test.message, &test.good.to_vec()).is_ok(),
                "{:?}",
                test.algorithm
            );
            assert!(verifier.verify(test.message, &test.bad).is_err(), "{:?}", test.algorithm);
        }
    }

    #[test]
    fn keys_and_signatures_are_written_in_der_as_openssl_writes_them() {
        use crate::jose::rust_crypto as der;
        let by_curve = |raw: &[u8]| match raw.len() {
            64 => p256::ecdsa::Signature::from_slice(raw).unwrap().to_der().as_bytes().to_vec(),
            _ => p384::ecdsa::Signature::from_slice(raw).unwrap().to_der().as_bytes().to_vec(),
        };
        let rsa = der::rsa_public_key(vectors::MODULUS, &[1, 0, 1]).unwrap();
        assert_eq!((rsa.len(), &rsa[..4]), (294, &[0x30, 0x82, 0x01, 0x22][..]));
        for (point, length) in [(vectors::P256, 91), (vectors::P384, 120)] {
            let der = der::ec_public_key(point).unwrap();
            assert_eq!(der.len(), length);
            assert!(der.ends_with(point));
            assert_eq!(der::ec_public_key(&point[1..]), None);
        }
        for raw in [vectors::ES256, vectors::ES384] {
            let der = der::ecdsa_signature(raw).unwrap();
            assert_eq!(der, by_curve(raw), "as the curves' own library writes it");
            for (r, s) in [(0, 0x7f), (0, 0x80), (0x7f, 0x01), (0xfe, 0xff)] {
                // short and long numbers, with and without a sign
                let half = raw.len() / 2;
                let raw: Vec<u8> =
                    [r, s].iter().flat_map(|first| [&[*first], &raw[1..half]].concat()).collect();
                assert_eq!(der::ecdsa_signature(&raw).unwrap(), by_curve(&raw));
            }
            let (r, s) = raw.split_at(raw.len() / 2);
            let zero = vec![0; r.len()];
            for bad in [[&zero, s], [r, &zero]] {
                assert_eq!(der::ecdsa_signature(&bad.concat()), None);
            }
            assert_eq!(der::ecdsa_signature(&raw[1..]), None);
        }
    }
}

//! Signatures verified by the host: about thirty times cheaper than the same work inside the
//! sandbox (RSA PKCS#1 v1.5 and ECDSA). RustCrypto verifies what the host cannot.
//!
//! The host is trusted with an algorithm only after a self-test: it must accept a good signature
//! and reject a bad one. A host that lacks the function, fails the self-test or stops to answer
//! never lets a request pass: RustCrypto decides instead.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};

use jsonwebtoken::crypto::JwtVerifier;
use jsonwebtoken::errors::Result;
use jsonwebtoken::signature::{Error as SignatureError, Verifier};
use jsonwebtoken::{DecodingKey, DecodingKeyKind};

use crate::jose::rust_crypto;
use crate::jose::rust_crypto::rust_crypto_verifier;
use crate::jose::signature::{Algorithm, SelfTest, self_tests};

/// One call of the host's function. Key and signature are in DER.
#[derive(Clone, Copy, Debug)]
pub struct HostCall<'a> {
    /// `sha256`, `sha384` or `sha512`.
    pub hash: &'static str,
    /// `SubjectPublicKeyInfo` (RFC 5280 4.1.2.7).
    pub key: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
    /// The signed bytes.
    pub message: &'a [u8],
}

/// The host's cryptography, and how far it is trusted.
#[derive(Debug)]
pub struct HostCrypto {
    /// Returns `None` if the host gave no answer.
    call: fn(HostCall<'_>) -> Option<bool>,
    /// Algorithms that passed the self-test, one bit each.
    trusted: AtomicU32,
    /// Calls that failed after the self-test had passed.
    failures: AtomicU32,
}

impl HostCrypto {
    /// A host that is trusted with nothing yet.
    pub const fn new(call: fn(HostCall<'_>) -> Option<bool>) -> Self {
        Self { call, trusted: AtomicU32::new(0), failures: AtomicU32::new(0) }
    }

    /// Tests the host, and trusts it with the algorithms that pass. Returns how many of how many
    /// passed.
    pub fn self_test(&self) -> (usize, usize) {
        let tests = self_tests();
        let passed = tests.iter().filter(|test| self.passes(test));
        let (count, bits) =
            passed.fold((0, 0), |(n, bits), test| (n + 1, bits | bit(test.algorithm)));
        self.trusted.store(bits, Ordering::Relaxed);
        (count, tests.len())
    }

    fn passes(&self, test: &SelfTest) -> bool {
        let key = HostKey::new(test.algorithm, &test.key);
        let answer = |signature: &[u8]| key.as_ref()?.verify(self.call, test.message, signature);
        answer(test.good) == Some(true) && answer(&test.bad) == Some(false)
    }

    /// Whether the host verifies signatures of this algorithm.
    pub fn is_trusted(&self, algorithm: Algorithm) -> bool {
        self.trusted.load(Ordering::Relaxed) & bit(algorithm) != 0
    }

    /// Number of failed calls since the last call of this function.
    pub fn take_failures(&self) -> u32 {
        self.failures.swap(0, Ordering::Relaxed)
    }

    /// The algorithms that the host verifies, and those that RustCrypto verifies, for the log.
    pub fn summary(&self) -> String {
        let (host, own): (Vec<_>, Vec<_>) =
            Algorithm::ALL.into_iter().partition(|it| self.is_trusted(*it));
        let names = |list: Vec<Algorithm>| {
            let names: Vec<_> = list.into_iter().map(Algorithm::name).collect();
            if names.is_empty() { "nothing".to_owned() } else { names.join(" ") }
        };
        format!("the host verifies {}, RustCrypto verifies {}", names(host), names(own))
    }

    /// A verifier that asks the host where it is trusted, as jsonwebtoken's `verifier_factory`
    /// makes them.
    ///
    /// # Errors
    /// RustCrypto cannot verify by this algorithm and key.
    #[allow(clippy::trivially_copy_pass_by_ref)] // as jsonwebtoken calls it
    pub fn verifier(
        &'static self,
        algorithm: &jsonwebtoken::Algorithm,
        key: &DecodingKey,
    ) -> Result<Box<dyn JwtVerifier>> {
        let fallback = rust_crypto_verifier(algorithm, key)?;
        let trusted = Algorithm::try_from(*algorithm).ok().filter(|it| self.is_trusted(*it));
        match trusted.and_then(|algorithm| HostKey::new(algorithm, key)) {
            Some(key) => Ok(Box::new(HostVerifier { host: self, key, fallback })),
            None => Ok(fallback),
        }
    }
}

const fn bit(algorithm: Algorithm) -> u32 {
    1 << algorithm as u32
}

/// Asks the host, and RustCrypto where the host gives no answer.
struct HostVerifier {
    host: &'static HostCrypto,
    key: HostKey,
    fallback: Box<dyn JwtVerifier>,
}

impl Verifier<Vec<u8>> for HostVerifier {
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), SignatureError> {
        match self.key.verify(self.host.call, message, signature) {
            Some(true) => Ok(()),
            Some(false) => Err(SignatureError::new()),
            None => {
                self.host.failures.fetch_add(1, Ordering::Relaxed);
                self.fallback.verify(message, signature)
            }
        }
    }
}

impl JwtVerifier for HostVerifier {
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        self.fallback.algorithm()
    }
}

/// A key as the host takes it.
struct HostKey {
    hash: &'static str,
    der: Vec<u8>,
    /// JWS carries ECDSA signatures as r||s (RFC 7518 3.4); the host takes DER.
    is_ecdsa: bool,
}

impl HostKey {
    /// Returns `None` for what no host verifies: PSS and `EdDSA`.
    fn new(algorithm: Algorithm, key: &DecodingKey) -> Option<Self> {
        let hash = match algorithm {
            Algorithm::RS256 | Algorithm::ES256 => "sha256",
            Algorithm::RS384 | Algorithm::ES384 => "sha384",
            Algorithm::RS512 => "sha512",
            _ => return None,
        };
        let (der, is_ecdsa) = match key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                (rust_crypto::rsa_public_key(n, e)?, false)
            }
            DecodingKeyKind::SecretOrDer(point) => (rust_crypto::ec_public_key(point)?, true),
        };
        Some(Self { hash, der, is_ecdsa })
    }

    /// The host's answer, or `None` if it gave none. What is no signature is refused without a
    /// call.
    fn verify(
        &self,
        call: fn(HostCall<'_>) -> Option<bool>,
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        let signature = if self.is_ecdsa {
            let Some(der) = rust_crypto::ecdsa_signature(signature) else { return Some(false) };
            Cow::from(der)
        } else {
            Cow::from(signature)
        };
        call(HostCall { hash: self.hash, key: &self.der, signature: &signature, message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host that knows the self-test's signatures.
    fn knows(call: HostCall<'_>) -> bool {
        let is_good = |test: SelfTest| {
            let key = HostKey::new(test.algorithm, &test.key).unwrap();
            let signature = if key.is_ecdsa {
                rust_crypto::ecdsa_signature(test.good).unwrap()
            } else {
                test.good.to_vec()
            };
            (key.hash, &key.der[..], &signature[..], test.message)
                == (call.hash, call.key, call.signature, call.message)
        };
        self_tests().into_iter().any(is_good)
    }

    fn tested(call: fn(HostCall<'_>) -> Option<bool>) -> &'static HostCrypto {
        let host = Box::leak(Box::new(HostCrypto::new(call)));
        host.self_test();
        host
    }

    #[test]
    fn a_host_is_trusted_with_the_algorithms_of_which_it_knows_good_from_bad() {
        type Call = fn(HostCall<'_>) -> Option<bool>;
        let hosts: [(Call, usize); 5] = [
            (|call| Some(knows(call)), 5),
            (|_| None, 0),
            (|_| Some(true), 0),
            (|_| Some(false), 0),
            (|call| (call.hash == "sha256").then(|| knows(call)), 2),
        ];
        for (call, trusted) in hosts {
            assert_eq!(HostCrypto::new(call).self_test(), (trusted, 5));
            let host = tested(call);
            assert_eq!(
                Algorithm::ALL.into_iter().filter(|it| host.is_trusted(*it)).count(),
                trusted
            );
            for test in self_tests() {
                let verifier = host.verifier(&test.algorithm.into(), &test.key).unwrap();
                assert!(verifier.verify(test.message, &test.good.to_vec()).is_ok());
                assert!(verifier.verify(test.message, &test.bad).is_err());
            }
            assert_eq!(host.take_failures(), 0);
        }
    }

    #[test]
    fn rustcrypto_decides_where_a_trusted_host_stops_to_answer() {
        let host = tested(|call| Some(knows(call)));
        let silent = Box::leak(Box::new(HostCrypto::new(|_| None)));
        silent.trusted.store(host.trusted.load(Ordering::Relaxed), Ordering::Relaxed);
        for test in self_tests() {
            let verifier = silent.verifier(&test.algorithm.into(), &test.key).unwrap();
            assert!(verifier.verify(test.message, &test.good.to_vec()).is_ok());
            assert!(verifier.verify(test.message, &test.bad).is_err());
            assert_eq!(silent.take_failures(), 2);
        }
    }
}

//! Signatures verified by the host: a [`CryptoProvider`] for jsonwebtoken that asks Envoy's foreign function
//! `verify_signature` (RSA PKCS#1 v1.5 and ECDSA), about thirty times cheaper than the same work inside the sandbox, and
//! RustCrypto for what the host cannot do.
//!
//! The host is trusted for an algorithm only after a self-test at start-up: a known good signature must pass and a
//! known bad one must fail. A host that lacks the function, lies in the test or fails later never leads to a pass:
//! RustCrypto decides instead.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error as SignatureError, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use portcullis_engine::authn::rust_crypto;
use portcullis_engine::authn::signature;
use portcullis_engine::authn::signature::{SelfTest, rust_crypto_verifier, self_tests};

#[cfg(not(feature = "trap"))]
use crate::host::verify_signature;
#[cfg(feature = "trap")]
use crate::trap::verify_signature;

/// The gateway verifies and never signs with jsonwebtoken: what only signers and private keys need is left out of the module.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: verifier,
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(ErrorKind::InvalidKeyFormat.into()),
        rsa_pub_components_from_public_key: |_| Err(ErrorKind::InvalidKeyFormat.into()),
        ec_pub_components_from_private_key: |_, _| Err(ErrorKind::InvalidKeyFormat.into()),
        ed_pub_components_from_private_key: |_, _| Err(ErrorKind::InvalidKeyFormat.into()),
        compute_digest: |_, _| Err(ErrorKind::InvalidKeyFormat.into()),
    },
};

/// Algorithms that the host has proved; one bit each. Written once, by the self-test of this VM.
static HOST: AtomicU32 = AtomicU32::new(0);
/// Calls to the host that failed after its self-test had passed.
static HOST_FAILURES: AtomicU32 = AtomicU32::new(0);

/// Makes the provider the default of this VM and tests the host.
pub(crate) fn install() {
    // a second root context in the same VM finds it installed already
    if PROVIDER.install_default().is_ok() {
        let tests = self_tests();
        let proved: Vec<_> = tests.iter().filter(|test| proves(test)).collect();
        HOST.store(proved.iter().fold(0, |bits, test| bits | bit(test.algorithm)), Ordering::Relaxed);
        if proved.len() < tests.len() {
            log::warn!(
                "the host did not prove `verify_signature` for every algorithm that it should know: {} of {} passed; \
                 RustCrypto verifies the others, at a higher cost",
                proved.len(),
                tests.len()
            );
        }
    }
}

/// Verifies with the host where it has proved that it can.
pub(crate) fn provider() -> &'static CryptoProvider {
    &PROVIDER
}

/// Whether the host verifies signatures of this algorithm.
pub(crate) fn is_hosts(algorithm: signature::Algorithm) -> bool {
    HOST.load(Ordering::Relaxed) & bit(algorithm) != 0
}

/// Who verifies what, for the log.
pub(crate) fn division() -> String {
    let (host, own): (Vec<_>, Vec<_>) = signature::Algorithm::ALL.into_iter().partition(|it| is_hosts(*it));
    let names = |list: Vec<signature::Algorithm>| {
        let names: Vec<_> = list.into_iter().map(signature::Algorithm::name).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(" ") }
    };
    format!("the host verifies {}, RustCrypto verifies {}", names(host), names(own))
}

/// How many calls to the host failed since the last question.
pub(crate) fn take_host_failures() -> u32 {
    HOST_FAILURES.swap(0, Ordering::Relaxed)
}

const fn bit(algorithm: signature::Algorithm) -> u32 {
    1 << algorithm as u32
}

fn proves(test: &SelfTest) -> bool {
    let Some(call) = HostCall::of(test.algorithm.into(), &test.key) else { return false };
    call.verify(test.message, test.good) == Some(true) && call.verify(test.message, &test.bad) == Some(false)
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as jsonwebtoken calls it
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let own = rust_crypto_verifier(algorithm, key)?;
    let trusted = signature::Algorithm::try_from(*algorithm)
        .is_ok_and(|algorithm| HOST.load(Ordering::Relaxed) & bit(algorithm) != 0);
    match trusted.then(|| HostCall::of(*algorithm, key)).flatten() {
        Some(call) => Ok(Box::new(HostVerifier { call, own })),
        None => Ok(own),
    }
}

/// Asks the host, and RustCrypto where the host gives no answer.
struct HostVerifier {
    call: HostCall,
    own: Box<dyn JwtVerifier>,
}

impl Verifier<Vec<u8>> for HostVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), SignatureError> {
        match self.call.verify(message, signature) {
            Some(true) => Ok(()),
            Some(false) => Err(SignatureError::new()),
            None => {
                HOST_FAILURES.fetch_add(1, Ordering::Relaxed);
                self.own.verify(message, signature)
            }
        }
    }
}

impl JwtVerifier for HostVerifier {
    fn algorithm(&self) -> Algorithm {
        self.own.algorithm()
    }
}

/// What the host must be told besides message and signature.
struct HostCall {
    hash: &'static str,
    /// DER `SubjectPublicKeyInfo` (RFC 5280 4.1.2.7).
    key: Vec<u8>,
    /// JWS carries ECDSA signatures as r||s (RFC 7518 3.4); the host wants DER.
    ecdsa: bool,
}

impl HostCall {
    /// `None` for what the host cannot verify: PSS and `EdDSA`.
    fn of(algorithm: Algorithm, key: &DecodingKey) -> Option<Self> {
        let hash = match algorithm {
            Algorithm::RS256 | Algorithm::ES256 => "sha256",
            Algorithm::RS384 | Algorithm::ES384 => "sha384",
            Algorithm::RS512 => "sha512",
            _ => return None,
        };
        let (key, ecdsa) = match key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => (rust_crypto::rsa_public_key(n, e)?, false),
            DecodingKeyKind::SecretOrDer(point) => (rust_crypto::ec_public_key(point)?, true),
        };
        Some(Self { hash, key, ecdsa })
    }

    /// The host's answer, or `None` if it gave none.
    fn verify(&self, message: &[u8], signature: &[u8]) -> Option<bool> {
        let signature = if self.ecdsa {
            // no signature at all: nothing to ask
            let Some(der) = rust_crypto::ecdsa_signature(signature) else { return Some(false) };
            Cow::from(der)
        } else {
            Cow::from(signature)
        };
        let mut arguments = Vec::with_capacity(message.len() + self.key.len() + signature.len() + 40);
        field(&mut arguments, 1, self.hash.as_bytes());
        field(&mut arguments, 2, &self.key);
        field(&mut arguments, 3, &signature);
        field(&mut arguments, 4, message);
        let answer = verify_signature(&arguments)?;
        // VerifySignatureResult { bool result = 1; string error = 2 }: proto3 leaves a false out
        Some(answer.starts_with(&[0x08, 0x01]))
    }
}

/// One length-delimited field of a protocol buffer message.
fn field(out: &mut Vec<u8>, number: u8, value: &[u8]) {
    out.push(number << 3 | 2);
    let mut length = value.len();
    while length >= 0x80 {
        out.push(low_bits(length) | 0x80);
        length >>= 7;
    }
    out.push(low_bits(length));
    out.extend_from_slice(value);
}

/// The lowest seven bits.
fn low_bits(number: usize) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or(0)
}

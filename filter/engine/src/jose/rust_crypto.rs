//! RustCrypto behind jsonwebtoken's seam, for where there is no host. jsonwebtoken has verifiers of
//! its own, but takes no RSA key above 4096 bits, so that tokens by one would look forged; it reads
//! an RSA key anew for every token; and it brings the verifiers of symmetric algorithms along,
//! which nothing here may ask for.

use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error as SignatureError, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use p256::elliptic_curve::pkcs8::der::asn1::UintRef;
use p256::elliptic_curve::pkcs8::der::{Encode as _, SliceWriter};
use p256::elliptic_curve::pkcs8::{EncodePublicKey as _, der};
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPublicKey};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::jose::jwks::MAX_RSA_BITS;

/// RustCrypto, for where there is no host.
pub static RUST_CRYPTO: &CryptoProvider = &CryptoProvider {
    signer_factory: DEFAULT_PROVIDER.signer_factory,
    verifier_factory: rust_crypto_verifier,
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: DEFAULT_PROVIDER
            .key_utils
            .rsa_pub_components_from_private_key,
        rsa_pub_components_from_public_key: DEFAULT_PROVIDER
            .key_utils
            .rsa_pub_components_from_public_key,
        ec_pub_components_from_private_key: DEFAULT_PROVIDER
            .key_utils
            .ec_pub_components_from_private_key,
        ed_pub_components_from_private_key: DEFAULT_PROVIDER
            .key_utils
            .ed_pub_components_from_private_key,
        compute_digest: DEFAULT_PROVIDER.key_utils.compute_digest,
    },
};

/// The verifier of a key, without the rest of the provider.
///
/// # Errors
/// The key is not one of the algorithm's.
#[allow(clippy::trivially_copy_pass_by_ref)] // as jsonwebtoken calls it
pub fn rust_crypto_verifier(
    algorithm: &Algorithm,
    key: &DecodingKey,
) -> Result<Box<dyn JwtVerifier>> {
    let key = match (algorithm, key.kind()) {
        (
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512,
            DecodingKeyKind::RsaModulusExponent { n, e },
        ) => {
            let (n, e) = (BigUint::from_bytes_be(n), BigUint::from_bytes_be(e));
            PublicKey::Rsa(
                RsaPublicKey::new_with_max_size(n, e, MAX_RSA_BITS).map_err(|_| unfit())?,
            )
        }
        (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => {
            PublicKey::P256(p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| unfit())?)
        }
        (Algorithm::ES384, DecodingKeyKind::SecretOrDer(point)) => {
            PublicKey::P384(p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| unfit())?)
        }
        (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) => {
            let point = ed25519_dalek::VerifyingKey::try_from(point.as_slice());
            PublicKey::Ed25519(point.map_err(|_| unfit())?)
        }
        _ => return Err(unfit()),
    };
    Ok(Box::new(Own { key, algorithm: *algorithm }))
}

fn unfit() -> jsonwebtoken::errors::Error {
    ErrorKind::InvalidKeyFormat.into()
}

/// A key, read once.
struct Own {
    key: PublicKey,
    algorithm: Algorithm,
}

enum PublicKey {
    Rsa(RsaPublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl Verifier<Vec<u8>> for Own {
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), SignatureError> {
        match &self.key {
            PublicKey::Rsa(key) => rsa(key, self.algorithm, message, signature),
            PublicKey::P256(key) => {
                key.verify(message, &p256::ecdsa::Signature::from_slice(signature)?)
            }
            PublicKey::P384(key) => {
                key.verify(message, &p384::ecdsa::Signature::from_slice(signature)?)
            }
            PublicKey::Ed25519(key) => {
                key.verify(message, &ed25519_dalek::Signature::from_slice(signature)?)
            }
        }
    }
}

impl JwtVerifier for Own {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// RFC 7518 3.3 and 3.5: with PSS the salt is as long as the hash, and the mask is made with the
/// same hash. A signature is below the modulus (RFC 8017 5.2.2): `s + n` would verify as `s` does,
/// and be a second token with the same content.
fn rsa(
    key: &RsaPublicKey,
    algorithm: Algorithm,
    message: &[u8],
    signature: &[u8],
) -> std::result::Result<(), SignatureError> {
    if BigUint::from_bytes_be(signature) >= *key.n() {
        return Err(SignatureError::new());
    }
    let verified = match algorithm {
        Algorithm::RS256 => {
            key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message), signature)
        }
        Algorithm::RS384 => {
            key.verify(Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(message), signature)
        }
        Algorithm::RS512 => {
            key.verify(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(message), signature)
        }
        Algorithm::PS256 => key.verify(Pss::new::<Sha256>(), &Sha256::digest(message), signature),
        Algorithm::PS384 => key.verify(Pss::new::<Sha384>(), &Sha384::digest(message), signature),
        Algorithm::PS512 => key.verify(Pss::new::<Sha512>(), &Sha512::digest(message), signature),
        _ => return Err(SignatureError::new()),
    };
    verified.map_err(|_| SignatureError::new())
}

/// `SubjectPublicKeyInfo` (RFC 5280 4.1.2.7) of an RSA key, given by its big-endian modulus and
/// exponent.
pub fn rsa_public_key(n: &[u8], e: &[u8]) -> Option<Vec<u8>> {
    let (n, e) = (BigUint::from_bytes_be(n), BigUint::from_bytes_be(e));
    let key = rsa::RsaPublicKey::new_with_max_size(n, e, MAX_RSA_BITS).ok()?;
    Some(key.to_public_key_der().ok()?.into_vec())
}

/// `SubjectPublicKeyInfo` of a point on P-256 or P-384 (SEC 1 2.3.3, uncompressed).
pub fn ec_public_key(point: &[u8]) -> Option<Vec<u8>> {
    let der = match point.len() {
        65 => p256::PublicKey::from_sec1_bytes(point).ok()?.to_public_key_der(),
        97 => p384::PublicKey::from_sec1_bytes(point).ok()?.to_public_key_der(),
        _ => return None,
    };
    Some(der.ok()?.into_vec())
}

/// `ECDSA-Sig-Value` (RFC 3279 2.2.3) of a JWS signature, which is r||s (RFC 7518 3.4). `None` if
/// it is none of P-256 or P-384, or if r or s is zero; that both are smaller than the group's order
/// is for the verifier to see (FIPS 186-5 6.4.2).
pub fn ecdsa_signature(raw: &[u8]) -> Option<Vec<u8>> {
    if !matches!(raw.len(), 64 | 96) {
        return None;
    }
    let (r, s) = raw.split_at(raw.len() / 2);
    let is_zero = |number: &[u8]| number.iter().all(|byte| *byte == 0);
    if is_zero(r) || is_zero(s) { None } else { ecdsa_sig_value(r, s).ok() }
}

fn ecdsa_sig_value(r: &[u8], s: &[u8]) -> der::Result<Vec<u8>> {
    let (r, s) = (UintRef::new(r)?, UintRef::new(s)?);
    let numbers = (r.encoded_len()? + s.encoded_len()?)?;
    // two numbers of at most 48 bytes and a sign, three heads of two bytes
    let mut buffer = [0; 2 + 2 * (2 + 1 + 48)];
    let mut writer = SliceWriter::new(&mut buffer);
    writer.sequence(numbers, |writer| {
        r.encode(writer)?;
        s.encode(writer)
    })?;
    Ok(writer.finish()?.to_vec())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

    use super::*;

    const MESSAGE: &[u8] = b"an RSA key above 4096 bits";
    /// A key of 4608 bits, and what OpenSSL signed with it.
    const MODULUS: &str = "nJYWmhk7QvVu0455qnmyRWSxut_hmfY4_ae7b-5HVi5CxF9YcJcY5AuT1r1VsKUl6vUTTCjv8T0Rfn1GHnqqEki6ZC384SvRmmy4uiSFMSPxGpEor6VSQD_vVhJMzLaOjvprXDEwk8zkmhhOtpeM6NsTiKs2qRu5juEzNmKm_TOuWAx4uDAU5UA-tWHlTB57-BW8lSQX3Yyfifv8UYidyCVAdcQJUFUhgxW2NT6S8fs1NWBxKmkZeWL7uRjX41mHjeKk0tVVj8orwgRNnTO4bLBp5Tu0KP_V3Gt6Nwh38y4IT5RWNAP6fVM4D-azumRIc8MuMjaW5JlHLmTI6L1xz_rTL4vOGSboCO1jm1p_e5VFsJI7KEyer_9oL1Ak-xJcKFLB2JZfsg5P5vWQywA8hFG26ekG58r3cqDmVK6VuwDReVCbu7whL-h5iJ0HSe3OTpmS27_Ex0i17faX577DOxzP4bQYsJ1vwu0DTykPnIs9lGC55d3OrHVIh0XCafj8G93VlVWluxnabslA5J-x1W35xIUuziukCaxecziuPvFZH0C_gErf3l6WzaVjnSiyka-e4VtDav0mVX8_z8ET3k0Rjvq57KEvyplkoV_8DAtY2uufMVO72a01juZBbPITFCJIvipqWOo0uOB-ojOCgFgN5nCP8xT3cTfKhwqXRQyq0pX-HuKaSc_8lGqAEkv_Bp8unYu9BjRaovkSbxXgAe1wOyXDVyF-z75qyfltxc17kZH6jUMAUTdQbTQFoBxn";
    const SIGNATURES: [(Algorithm, &str); 4] = [
        (
            Algorithm::RS256,
            "Hst0mAozMeHi6ueIHtc88DeZ11tkijWj4zTROv8_ubcNqz_iXJhySH2XCcENQpNYy_KwEXFgRv7uvQ57pjoaU68KmvkK878Qd4lBIJxLhHrf-H5x6bW15c7WMQxG9khZniw5ANJ7_8HqrJGGU3netE3ICrSvfTJxC9_Z9_0CL4ojVN42DKtUbydMenOCFAXJRa4IG4hF7zL6qdIt6eNDh4b53XQoNNfRfhtytJgALcbuthDK3qEqzAWRjIkaXFqDFhcgeCpSova2-mEvVGmKozUWuFrXRRsIwgCiVciUomev3WgsHZ7JA37j-ApJu9-BAiq0v85P3DRHaB89FtsieRAS7fu-PdIxx_xzDCrTgzVYg9gBxNtp4xp4diw7XN5ZqCwEQUmcp0E9GW__vBtyHdyg1XFFMqM6vBmQy5oHP_LNT0rU_EWLTl73LSm7cu1XgrGc84_DLB-FdqiZiuQJKEHzw9VX4Kfl6E9ILrgBftKLsfmDjrbYE4pikrVFBtyB9s6rQ3BjdIbCHMeAsK7VpUTSJ6SBoMgpCVpoLvjzJTP9q0O3owL92mmj1D3ff0d2qnCIfm5yYqG5A0QF2WYF0Kv6QN-XehmL7qVxU0YSPHENT37vybgGjcPhu40HPiaMM272bb7J-KxgBx-TaozOyJJNi6avHoHMXBBDfCN454MF3dO785kVx9hVHAmuyF4NuOV3bZ0QbWhCb88v9-r_Cd7ggGiRBaNpd5MNotYDt6OexvYALGvdbcurp9ZgCYcp",
        ),
        (
            Algorithm::PS256,
            "VmCDpQtU5ZYSWCfagEfjqxQEUIv9b_332ytuURLdUMZOU5TY8_5UhePy3vsoUxLgONt1dTAL5PSQvVq3kkdmQwpEEigbaSM7lIb8_GvFHWDoIts0bXtzu10AR0ZGUS3O7-RNSfmf-O1ccWoWEoesuennltu2e8R65CCQ2EHtAMLtFwXJD9HJYayVWZwuUL53isrSrcbb7165sTWRcl3C9XRIYn3TcPySNQvnmwyi9uXgAPZE9xD-1PiWw8HTL9hUTFIqRajeuJrU1fyOUMGk-UJrZHiFfvhTEFk17K_TD163FNspbx5MT-wlV8liXHrmLGU6WZHpY8-CppW5cjmlVfopm0BOngWVaJRyAXutt8SkoKXIAX-ppkutPBsa5sNFY_C3BGOgj7rWbl0EP2crSMg3WE4KO-cRWJeC5zgXxW2hlhvHUMQRy2C2O_Fe8h15C_cZHufHWw0GhAkj7ljDTwle84AqLkEuGE2xvig-YJ2yKPN25GZJuuHfAh5eyKIcMOH9dXU3rGO2Ua9ST8mxqZN0aA87JHMa_87SdnxkcMip053TM6Oa0btG6XD33jrl1-cR5Yi8z1s6PZfAQOLE1jZVvijqQvHjNHPvOmJN2XsZfzQ12VmxtduQQoPIC052qkKGRrJzBkygC9GaOfbiGlFhPDxqH6x0IkQIoMywSnP9siJlgvM999z0Yr7HFrKivtwdbXr07s-c5U-_Gbr9L0VPqfIl78VrYfAS8RG0EUGiKkWYfKTm7xo7O_vF0e1_",
        ),
        (
            Algorithm::PS384,
            "i3uuUlTCbE4JM0czHRueCT5u0nde-gZXbtSLyoGdaFcM_SkOV9z9knnCk6LgFM0Rqdvqw8pj-PzMJVy3UMAHTxr6dpYwNY7iLJmNh_03fdlQ2nizNZY5E9_ZsNw71lVlSOP7PaeHABH1YLfdA_4nG5QZx4gRT896e1KRFVhpr29YLAX2SYwOGSv8kBgvzZ5ngNdN4T4kS8lJ8AHLYJ59yJ_pLKjSmqf4Ehc762UmDpGWBOCF-fylPYPiXhsDKWm_haMf56hjdbm3D20akNdfFULnVFmUiPU_0B7Sj-kd74It2cd2tQQjmvrNMAZkij73F1pgl8n-lxXH5nGAZzd6g9HPYaORJlmUZdu-175mp_SRap1-iV2phDtK7dXLIApgPgJSXzXhu2nV0JaiU-Ov67SDMTFVSyYXpCeg2MTh9cixGaPelmNxXM2W3wMFveE2xoDPkdaU4JDebQxTwRjEizvrMcbuX530Xt6lDLbuQgLRhvcOfseUZcDW4hSQegnz92nVX2Bu0mj7AnY3kWl_wWqpCR84dJICDkoPyY_XPAZEyJOe8R_MvyMYFO0BRklWJSAAFQwfLbxZWQB6LEmH2-VX1u-67gkUITnWJLPuEdqbytLvjTbqXx0llruZrKO9J1DWs-XAq-oik6j6Y6UagPoHLZlLuqd70nPlCJkq6UfScPHUPriQUqrJ5ftcSxENH7E9Vq4eD-m6dmUUiXdvskDqMzKPGEDBuSFcYbLaQOlOT4ZFt5ucrpma-lWei7di",
        ),
        (
            Algorithm::PS512,
            "XKG5IaVQMu-rfjWpiyxqrJBkairEEZrNbTdTI9WCMZvhdZENTLegMpteG2ypVXqUjS41lfmQFd114Xz6EWMi1YI-93WOEjtrPQP9s-NxXZ2kRG9zPsQMekSyVFI3fnvt5bawQYk7kiXidp17AqMEQRa-2xHDDk0hcFwc8D5rGEfwXyl5G1x3U61lRTi92kfVNl9xdIXFpHUBxlszmlAHBE-WPHTu3ZH17VS19xhtvNAHCr9c2lpqBUDFWUsDabfp28n0OS-3tPCi2tcnJ94yR3rCSInZr-e6MX9oU9aSp4TAXlsLls6gge6bQjHM1yqKmXzWuyQJ-4B5TdQE9c-NYTBchZtkbuw2ViJe4BnZ39-58Bz8W_DZKbgE95bNTs-wJWePoZx0Du80YKKv6-soCF50O9sB_ee5a2lKylO-yBqRaDxTW6e1YWE3KDJkHrWM3prHqYD8TNSVgtzIgyYRtweMQeZdXDF3BL_FVA4QPhlKYqeJzkPyRe6iapth-vkdL1x1v-yj93CT921L9xcjT0Dhhoxy40YMQDdSFWkQUsUASXPUDikmG1sPwPXGaI8ThoollUgS80ZPRf81VBBtb4dMkPjlvBdi7ru6R5fVSwau5N2Db5eTZ9dnq4trc3Ag-4gh_EtIEMcORgedi4rOgFh4REXWzhhGbofyJ38dAPc-ajqM_2zqVz4LRmN700XsCVkdK9Tr98Ctfr-6iIngUjokBgqtdfn8j-Ro6B0ysNRaKsUsFzTOLT6Wd6cPWEal",
        ),
    ];

    #[test]
    fn a_signature_that_is_not_below_the_modulus_is_refused() {
        let bytes = |text| BASE64URL.decode(text).unwrap();
        let modulus = bytes(MODULUS);
        let key = DecodingKey::from_rsa_raw_components(&modulus, &[1, 0, 1]);
        let shifted = |signature| {
            let sum = BigUint::from_bytes_be(&bytes(signature)) + BigUint::from_bytes_be(&modulus);
            sum.to_bytes_be()
        };
        let shifted = SIGNATURES.map(|(algorithm, signature)| (algorithm, shifted(signature)));
        let as_long: Vec<_> =
            shifted.iter().filter(|(_, sum)| sum.len() == modulus.len()).collect();
        assert_eq!(as_long.len(), 3, "as long as a signature is");
        for (algorithm, shifted) in as_long {
            let verifier = rust_crypto_verifier(algorithm, &key).unwrap();
            assert!(verifier.verify(MESSAGE, shifted).is_err(), "{algorithm:?}");
        }
    }

    #[test]
    fn rsa_keys_above_4096_bits_verify_as_smaller_ones_do() {
        let bytes = |text| BASE64URL.decode(text).unwrap();
        let key = DecodingKey::from_rsa_raw_components(&bytes(MODULUS), &[1, 0, 1]);
        for (algorithm, signature) in SIGNATURES {
            for (other, _) in SIGNATURES {
                let verifier = rust_crypto_verifier(&other, &key).unwrap();
                let passes = verifier.verify(MESSAGE, &bytes(signature)).is_ok();
                assert_eq!(passes, algorithm == other, "{algorithm:?} read as {other:?}");
                assert!(verifier.verify(b"another message", &bytes(signature)).is_err());
            }
        }
    }
}

//! Keys and signatures in DER, as hosts want them.

use p256::elliptic_curve::pkcs8::EncodePublicKey as _;
use rsa::BigUint;

use super::jwks::MAX_RSA_BITS;

/// `SubjectPublicKeyInfo` (RFC 5280 4.1.2.7) of an RSA key, given by its big-endian modulus and exponent.
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

/// `ECDSA-Sig-Value` (RFC 3279 2.2.3) of a JWS signature, which is r||s (RFC 7518 3.4). `None` if r or s is zero or not
/// smaller than the group's order.
pub fn ecdsa_signature(raw: &[u8]) -> Option<Vec<u8>> {
    match raw.len() {
        64 => Some(p256::ecdsa::Signature::from_slice(raw).ok()?.to_der().as_bytes().to_vec()),
        96 => Some(p384::ecdsa::Signature::from_slice(raw).ok()?.to_der().as_bytes().to_vec()),
        _ => None,
    }
}

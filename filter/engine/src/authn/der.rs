//! Keys and signatures in DER, as hosts want them.

use p256::elliptic_curve::pkcs8::EncodePublicKey as _;
use p256::elliptic_curve::pkcs8::der::{self, Encode as _, SliceWriter, asn1::UintRef};
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

/// `ECDSA-Sig-Value` (RFC 3279 2.2.3) of a JWS signature, which is r||s (RFC 7518 3.4). `None` if it is none of P-256 or P-384,
/// or if r or s is zero; that both are smaller than the group's order is for the verifier to see (FIPS 186-5 6.4.2).
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

//! base64url without padding (RFC 4648 5, RFC 7515 2), as tokens and keys have it: sixteen characters at a time where the
//! processor, or the sandbox, can.

use base64_simd::URL_SAFE_NO_PAD;

/// The bytes of a text. One text only stands for them: neither padding nor stray bits nor white space.
pub(crate) fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode_to_vec(text.as_ref()).ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

    use super::*;

    #[test]
    fn base64url_is_read_as_another_library_reads_it_whatever_byte_stands_where() {
        for length in 0..70 {
            for at in 0..=length {
                for byte in 0..=u8::MAX {
                    let mut text = vec![b'A'; length];
                    text.splice(at..(at + 1).min(length), [byte]);
                    assert_eq!(decode(&text), BASE64URL.decode(&text).ok(), "{byte:#x} at {at} of {length}");
                }
            }
        }
    }
}

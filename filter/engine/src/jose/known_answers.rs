//! The examples of the standards, byte for byte: what they say is signed verifies here, and what
//! they sign by other means is not even looked at.
use crate::jose::jwks::{JwksError, KeySet};
use crate::jose::signature::Algorithm;
use crate::jose::signature::{RUST_CRYPTO, Verifiers};
use crate::jose::token::HeaderCache;

/// A key and a token of a standard.
struct Example {
    rule: &'static str,
    key: &'static str,
    header: &'static str,
    payload: &'static str,
    signature: &'static str,
}

/// RFC 7515 appendix A, RFC 7519 3.1.
const JOE: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
/// RFC 7520 4.
const BILBO: &str = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4";
/// RFC 7520 3.3, the public side.
const BILBO_RSA: &str = r#"{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}"#;

const EXAMPLES: [Example; 5] = [
    Example {
        rule: "RFC 7515 A.2 (RS256)",
        key: r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
        header: "eyJhbGciOiJSUzI1NiJ9",
        payload: JOE,
        signature: "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    },
    Example {
        rule: "RFC 7515 A.3 (ES256)",
        key: r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        header: "eyJhbGciOiJFUzI1NiJ9",
        payload: JOE,
        signature: "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    },
    Example {
        rule: "RFC 8037 A.4, A.5 (Ed25519)",
        key: r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        header: "eyJhbGciOiJFZERTQSJ9",
        payload: "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        signature: "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    },
    Example {
        rule: "RFC 7520 4.1 (RS256)",
        key: BILBO_RSA,
        header: "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        payload: BILBO,
        signature: "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
    },
    Example {
        rule: "RFC 7520 4.2 (PS384)",
        key: BILBO_RSA,
        header: "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        payload: BILBO,
        signature: "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
    },
];

impl Example {
    fn token(&self) -> String {
        [self.header, self.payload, self.signature].join(".")
    }

    /// Whether the example's key verifies a token, by the algorithm that the token names.
    fn verifies(&self, token: &str) -> bool {
        let set = KeySet::parse(format!(r#"{{"keys":[{}]}}"#, self.key).as_bytes()).unwrap();
        let (token, header) = HeaderCache::default().split(token.as_bytes()).unwrap();
        let algorithm = header.algorithm().unwrap();
        let key = &set.keys()[0];
        assert!(header.kid().is_none_or(|kid| key.kid() == Some(kid)), "{}", self.rule);
        let signature = token.signature().unwrap();
        Verifiers::default()
            .verify(RUST_CRYPTO, key, algorithm, token.signed(), &signature)
            .is_some()
    }
}

#[test]
fn what_the_standards_sign_verifies() {
    for example in &EXAMPLES {
        assert!(example.verifies(&example.token()), "{}", example.rule);
    }
}

#[test]
fn the_signature_of_an_example_is_of_nothing_else() {
    for (example, other) in EXAMPLES.iter().zip(EXAMPLES.iter().cycle().skip(1)) {
        let Example { rule, header, payload, signature, .. } = *example;
        let longer = format!("AAAA{payload}");
        assert!(
            !example.verifies(&[header, &longer, signature].join(".")),
            "{rule}: another payload"
        );
        let mut bits = signature.to_owned();
        let first = if bits.starts_with('A') { "B" } else { "A" };
        bits.replace_range(..1, first);
        assert!(
            !example.verifies(&[header, payload, &bits].join(".")),
            "{rule}: another signature"
        );
        assert!(
            !example.verifies(&[header, payload, other.signature].join(".")),
            "{rule}: {}",
            other.rule
        );
    }
}

/// RFC 7515 A.1, A.4 and A.5: the algorithms have no name here, so no policy and no token can ask
/// for them.
#[test]
fn the_examples_with_hmac_p521_and_none_name_no_algorithm_that_there_is() {
    for (header, name) in [
        ("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "HS256"),
        ("eyJhbGciOiJFUzUxMiJ9", "ES512"),
        ("eyJhbGciOiJub25lIn0", "none"),
    ] {
        let token = format!("{header}.{JOE}.");
        let (_, header) = HeaderCache::default().split(token.as_bytes()).unwrap();
        assert_eq!((header.algorithm(), Algorithm::from_name(name)), (None, None));
    }
    let p521 = r#"{"keys":[{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}]}"#;
    assert_eq!(KeySet::parse(p521.as_bytes()).err(), Some(JwksError::Empty));
}

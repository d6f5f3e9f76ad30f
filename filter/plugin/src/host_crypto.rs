//! Signatures verified by Envoy's foreign function `verify_signature`, behind jsonwebtoken's
//! interface.

use jsonwebtoken::crypto::{CryptoProvider, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use portcullis_engine::jose::host_crypto::{HostCall, HostCrypto};

#[cfg(feature = "fault-injection")]
use crate::fault_injection::verify_signature;
use crate::host::protobuf_field;
#[cfg(not(feature = "fault-injection"))]
use crate::host::verify_signature;

/// The host of this VM.
pub(crate) static HOST: HostCrypto = HostCrypto::new(call);

/// Verifies and never signs: what only signers and private keys need is left out of the module.
pub(crate) static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: |algorithm, key| HOST.verifier(algorithm, key),
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(ErrorKind::InvalidKeyFormat.into()),
        rsa_pub_components_from_public_key: |_| Err(ErrorKind::InvalidKeyFormat.into()),
        ec_pub_components_from_private_key: |_, _| Err(ErrorKind::InvalidKeyFormat.into()),
        ed_pub_components_from_private_key: |_, _| Err(ErrorKind::InvalidKeyFormat.into()),
        compute_digest: |_, _| Err(ErrorKind::InvalidKeyFormat.into()),
    },
};

/// Makes the provider the default of this VM, and tests the host: once, also if the VM has several
/// root contexts.
pub(crate) fn install() {
    if PROVIDER.install_default().is_err() {
        return;
    }
    let (passed, count) = HOST.self_test();
    if passed < count {
        log::warn!(
            "`verify_signature` of the host passed the self-test of {passed} of {count} algorithms; RustCrypto \
             verifies the others, at a higher cost"
        );
    }
}

fn call(HostCall { hash, key, signature, message }: HostCall<'_>) -> Option<bool> {
    let mut arguments = Vec::with_capacity(message.len() + key.len() + signature.len() + 40);
    for (number, value) in (1..).zip([hash.as_bytes(), key, signature, message]) {
        protobuf_field(&mut arguments, number, value);
    }
    // VerifySignatureResult { bool result = 1; string error = 2 }: proto3 leaves a false out
    Some(verify_signature(&arguments)?.starts_with(&[0x08, 0x01]))
}

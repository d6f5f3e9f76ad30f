//! Keys change while the provider runs.
use dev_idp::{Algorithm, DevIdp};

use crate::support::{get, provider, verified};

fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

async fn published(idp: &DevIdp) -> Vec<String> {
    let jwks = get(&idp.jwks_uri()).await;
    jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_rotated_key_signs_at_once_and_the_old_one_verifies_until_it_is_withdrawn() {
    let idp = provider().await;
    for alg in [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
        let old = idp.token("alice").alg(alg).sign();
        let new_kid = idp.rotate(alg);
        let new = idp.token("alice").alg(alg).sign();
        assert_eq!(kid(&new), new_kid);
        assert_ne!(kid(&old), new_kid);
        for token in [&old, &new] {
            assert!(verified(&idp.jwks_uri(), token).await.is_some(), "{alg:?}");
        }

        idp.withdraw(&kid(&old));
        assert!(!published(&idp).await.contains(&kid(&old)));
        assert!(verified(&idp.jwks_uri(), &old).await.is_none(), "{alg:?}");
        assert!(verified(&idp.jwks_uri(), &new).await.is_some(), "{alg:?}");
        assert_eq!(
            kid(&idp.token("alice").key(kid(&old)).sign()),
            kid(&old),
            "and can be signed with still"
        );
    }
}

#[tokio::test]
async fn all_old_keys_are_withdrawn_together() {
    let idp = provider().await;
    let old: Vec<_> = idp.keys().into_iter().map(|key| key.kid).collect();
    idp.rotate(Algorithm::ES256);
    idp.rotate(Algorithm::EdDSA);
    assert_eq!(idp.withdraw_old(), [old[1].clone(), old[3].clone()]);
    assert_eq!(published(&idp).await.len(), 4);
    assert!(idp.withdraw_old().is_empty());
}

#[tokio::test]
async fn another_key_under_the_same_id_ends_the_tokens_of_the_first() {
    let idp = provider().await;
    let old = idp.token("alice").alg(Algorithm::ES256).sign();
    let same = idp.rotate_under_same_kid(Algorithm::ES256);
    let new = idp.token("alice").alg(Algorithm::ES256).sign();
    assert_eq!((kid(&old), kid(&new)), (same.clone(), same.clone()));
    assert_eq!(published(&idp).await.iter().filter(|kid| **kid == same).count(), 1);
    assert!(verified(&idp.jwks_uri(), &old).await.is_none());
    assert!(verified(&idp.jwks_uri(), &new).await.is_some());
}

#[tokio::test]
#[should_panic(expected = "no key `nope`")]
async fn a_key_that_there_is_not_cannot_be_withdrawn() {
    provider().await.withdraw("nope");
}

#[tokio::test]
#[should_panic(expected = "no key signs HS256")]
async fn there_is_no_symmetric_key_to_rotate() {
    provider().await.rotate(Algorithm::HS256);
}

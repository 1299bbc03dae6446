//! A provider verifies what was signed; keys for the tests of the sinks that sign.

use std::{process::Command, sync::LazyLock};

use ring::signature::{
    ECDSA_P256_SHA256_FIXED, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use serde_json::json;

use super::*;

/// A new key for APNs, as Apple's file has it.
pub(crate) fn p8() -> String {
    let random = SystemRandom::new();
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let base64 = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n")
}

/// A key for FCM, made once a run: it takes a while.
pub(crate) fn rsa() -> String {
    static KEY: LazyLock<String> = LazyLock::new(|| {
        let arguments = "genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048";
        let openssl = Command::new("openssl")
            .args(arguments.split(' '))
            .output()
            .expect("the package openssl");
        String::from_utf8(openssl.stdout).unwrap()
    });
    KEY.clone()
}

/// The claims of a token, if its signature is right.
pub(crate) fn verified(key: &Key, token: &str) -> (Value, Value) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = BASE64.decode(signature).unwrap();
    match key {
        Key::Es256(key) => {
            let public = key.public_key().as_ref().to_vec();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
                .verify(signed.as_bytes(), &signature)
                .unwrap();
        }
        Key::Rs256(key) => {
            let public = key.public().as_ref().to_vec();
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
                .verify(signed.as_bytes(), &signature)
                .unwrap();
        }
    }
    let part = |part: &str| serde_json::from_slice(&BASE64.decode(part).unwrap()).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    (part(header), part(claims))
}

#[test]
fn a_provider_can_verify_a_token() {
    let claims = json!({"iss": "TEAM", "iat": 1_435_276_800});
    for (key, algorithm) in [
        (Key::es256(&p8()).unwrap(), "ES256"),
        (Key::rs256(&rsa()).unwrap(), "RS256"),
    ] {
        let token = key.sign(Some("KEY"), &claims).unwrap();
        let (header, read) = verified(&key, &token);
        assert_eq!(
            header,
            json!({"alg": algorithm, "typ": "JWT", "kid": "KEY"})
        );
        assert_eq!(read, claims);
        assert!(!token.contains(['=', '+', '/']), "{token}");
    }
}

#[test]
fn what_is_no_key_is_said_without_repeating_it() {
    for wrong in [
        "",
        "hunter2",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ] {
        for fault in [Key::es256(wrong).err(), Key::rs256(wrong).err()] {
            assert!(!fault.unwrap().contains("hunter2"));
        }
    }
    assert!(Key::es256(&rsa()).is_err());
    assert!(Key::rs256(&p8()).is_err());
}

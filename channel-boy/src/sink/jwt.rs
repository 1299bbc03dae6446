//! JSON Web Tokens that prove who we are to a provider (RFC 7519): signed with a private key,
//! and never read here.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::{
    rand::SystemRandom,
    rsa::KeyPair as RsaKeyPair,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde_json::Value;

/// A private key. Its `Debug` shows nothing of it.
pub(super) enum Key {
    /// ECDSA with P-256 and SHA-256.
    Es256(Box<EcdsaKeyPair>),
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256(Box<RsaKeyPair>),
}

impl Key {
    /// Takes an ECDSA P-256 key, PKCS#8 in PEM: Apple's .p8 file.
    ///
    /// # Errors
    /// Words that repeat nothing of it.
    pub(super) fn es256(pem: &str) -> Result<Self, &'static str> {
        let der = der(pem)?;
        let der = der.secret_pkcs8_der();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &SystemRandom::new());
        let key = key.map_err(|_| "names a key that is none of ECDSA P-256")?;
        Ok(Self::Es256(Box::new(key)))
    }

    /// Takes an RSA key of 2048 bits or more, PKCS#8 in PEM.
    ///
    /// # Errors
    /// Words that repeat nothing of it.
    pub(super) fn rs256(pem: &str) -> Result<Self, &'static str> {
        let key = RsaKeyPair::from_pkcs8(der(pem)?.secret_pkcs8_der());
        let key = key.map_err(|_| "names a key that is none of RSA with 2048 bits or more")?;
        Ok(Self::Rs256(Box::new(key)))
    }

    /// A token with these claims; `id` names the key to the provider.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(super) fn sign(&self, id: Option<&str>, claims: &Value) -> Result<String, &'static str> {
        let algorithm = match self {
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
        };
        let mut header = serde_json::json!({"alg": algorithm, "typ": "JWT"});
        if let Some(id) = id {
            header["kid"] = id.into();
        }
        let part = |value: &Value| BASE64.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.signature(signed.as_bytes());
        let signature = signature.map_err(|_| "sign a token: no random numbers")?;
        Ok(format!("{signed}.{}", BASE64.encode(signature)))
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, ring::error::Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(key) => Ok(key.sign(&random, message)?.as_ref().to_vec()),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }
}

fn der(pem: &str) -> Result<PrivatePkcs8KeyDer<'static>, &'static str> {
    PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| "names no private key in PEM form (PKCS#8, BEGIN PRIVATE KEY)")
}

#[cfg(test)]
pub(crate) mod tests;

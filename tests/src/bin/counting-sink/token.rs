//! The signed tokens of the push services (RFC 7519), checked with the senders' public keys.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::Value;

/// The length of a point of P-256 at the end of its SubjectPublicKeyInfo.
const POINT: usize = 65;

/// The public half of a sender's key.
pub(crate) struct Verifier {
    algorithm: &'static str,
    key: UnparsedPublicKey<Vec<u8>>,
}

impl Verifier {
    /// ES256, from a SubjectPublicKeyInfo in DER.
    pub(crate) fn es256(file: &Path) -> Result<Self> {
        let info = read(file)?;
        let point = info.last_chunk::<POINT>().context("no point of P-256")?;
        Ok(Self::new("ES256", &ECDSA_P256_SHA256_FIXED, point.to_vec()))
    }

    /// RS256, from an RSAPublicKey in DER.
    pub(crate) fn rs256(file: &Path) -> Result<Self> {
        Ok(Self::new("RS256", &RSA_PKCS1_2048_8192_SHA256, read(file)?))
    }

    fn new(
        algorithm: &'static str,
        verification: &'static dyn VerificationAlgorithm,
        key: Vec<u8>,
    ) -> Self {
        Self {
            algorithm,
            key: UnparsedPublicKey::new(verification, key),
        }
    }

    /// The header and the claims of a token that is signed with the key and not older than an
    /// hour.
    pub(crate) fn check(&self, token: &str) -> Result<(Value, Value)> {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            bail!("a token has three parts");
        };
        let signed = &token[..header.len() + 1 + claims.len()];
        let signature = URL_SAFE_NO_PAD.decode(signature)?;
        if self.key.verify(signed.as_bytes(), &signature).is_err() {
            bail!("the signature is wrong");
        }
        let json = |part: &str| -> Result<Value> {
            Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?)
        };
        let (header, claims) = (json(header)?, json(claims)?);
        ensure!(header["alg"] == self.algorithm, "the header says {header}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let issued = claims["iat"].as_u64().context("iat is missing")?;
        ensure!(issued <= now + 60, "it was issued in the future");
        ensure!(now < issued + 3600, "it is older than an hour");
        Ok((header, claims))
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("read {}", file.display()))
}

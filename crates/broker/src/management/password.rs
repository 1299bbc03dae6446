//! Whether a password is the one that a user has, without ever being told that one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256, Sha512};

/// What the broker keeps of a password: base64 of four bytes of salt and a digest of salt and
/// password. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    pub(super) hash: String,
    pub(super) algorithm: String,
}

impl PasswordHash {
    /// Whether it is of this password; `false` also when the algorithm is not known here, so
    /// that the password is set anew then.
    #[must_use]
    pub fn is_of(&self, password: &str) -> bool {
        let Ok(bytes) = STANDARD.decode(&self.hash) else {
            return false;
        };
        let Some((salt, digest)) = bytes.split_at_checked(4) else {
            return false;
        };
        let salted = [salt, password.as_bytes()].concat();
        match self.algorithm.as_str() {
            "rabbit_password_hashing_sha256" => Sha256::digest(salted)[..] == *digest,
            "rabbit_password_hashing_sha512" => Sha512::digest(salted)[..] == *digest,
            _ => false,
        }
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "a hash by {}", self.algorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::PasswordHash;

    #[test]
    fn the_brokers_own_hash_is_recognised() {
        // The worked example of RabbitMQ's documentation: salt 908D C60A, password test12.
        let hash = |algorithm: &str| PasswordHash {
            hash: "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR".to_owned(),
            algorithm: algorithm.to_owned(),
        };
        let sha256 = hash("rabbit_password_hashing_sha256");
        assert!(sha256.is_of("test12") && !sha256.is_of("test13"));
        assert!(!hash("rabbit_password_hashing_md5").is_of("test12"));
    }
}

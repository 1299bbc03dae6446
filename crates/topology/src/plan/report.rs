//! A plan as a file: JSON with a version, and the fingerprint of what it was made from.

use sha2::{Digest, Sha256};

use super::Plan;
use crate::{Scope, State};

/// What a saved plan calls itself.
pub const PLAN_FORMAT: &str = "aldebaran-declare-plan";

/// The version of a plan's JSON; another one is written when a script could stumble over it.
pub const PLAN_VERSION: u32 = 1;

impl Plan {
    /// Itself as JSON, for people and scripts.
    pub fn to_json(&self) -> String {
        // A plan has neither maps with other keys than texts nor anything that fails to serialise.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Reads what [`Plan::to_json`] wrote.
    ///
    /// # Errors
    /// Why this is no plan, in words that follow "the plan cannot be used: ".
    pub fn from_json(text: &str) -> Result<Self, String> {
        #[derive(serde::Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let head: Head = serde_json::from_str(text)
            .map_err(|error| format!("it is no saved plan of `declare plan -o` ({error})"))?;
        if head.format != PLAN_FORMAT {
            return Err(format!(
                "its format is {:?}, not {PLAN_FORMAT:?}",
                head.format
            ));
        }
        if head.version != PLAN_VERSION {
            return Err(format!(
                "its version is {}, and this program reads version {PLAN_VERSION}",
                head.version
            ));
        }
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}

/// SHA-256 of every live object that is wanted or in the scope, and of those that are not there.
pub(super) fn fingerprint(wanted: &State, live: &State, scope: &Scope) -> String {
    let mut hash = Sha256::new();
    let ours = live
        .objects
        .iter()
        .filter(|(key, _)| wanted.objects.contains_key(key) || scope.owns(key));
    for (_, one) in ours {
        hash.update(serde_json::to_string(&one.object).unwrap_or_default());
        hash.update("\n");
    }
    let hex = hash.finalize();
    hex.iter().map(|byte| format!("{byte:02x}")).collect()
}

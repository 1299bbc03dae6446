//! The token that proves to Apple who we are: signed anew when it is old, and not before. Apple
//! takes one for an hour and refuses those who change it within 20 minutes.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::json;

use crate::sink::jwt::Key;

/// A token is renewed at this age, and not before the second even if Apple calls it expired.
const OLD: Duration = Duration::from_secs(40 * 60);
const YOUNGEST: Duration = Duration::from_secs(20 * 60);

/// Signs tokens.
pub(super) struct Tokens {
    key: Key,
    key_id: String,
    team: String,
    last: Mutex<Option<(String, SystemTime)>>,
}

impl Tokens {
    pub(super) fn new(key: Key, key_id: &str, team: &str) -> Self {
        Self {
            key,
            key_id: key_id.to_owned(),
            team: team.to_owned(),
            last: Mutex::default(),
        }
    }

    /// The token to use at `now`.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(super) fn current(&self, now: SystemTime) -> Result<String, &'static str> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, issued)) = &*last
            // A clock that was set back makes it old too.
            && now.duration_since(*issued).is_ok_and(|age| age < OLD)
        {
            return Ok(token.clone());
        }
        let issued_s = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let claims = json!({"iss": self.team, "iat": issued_s});
        let token = self.key.sign(Some(&self.key_id), &claims)?;
        *last = Some((token.clone(), now));
        Ok(token)
    }

    /// Apple calls the current one expired: the next one is new, if Apple would take it.
    pub(super) fn expired(&self, now: SystemTime) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_young = last
            .as_ref()
            .is_some_and(|(_, issued)| now.duration_since(*issued).is_ok_and(|age| age < YOUNGEST));
        if !is_young {
            *last = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::jwt::tests::{p8, verified};

    #[test]
    fn a_token_lives_forty_minutes() {
        let tokens = Tokens::new(Key::es256(&p8()).unwrap(), "KEY", "TEAM");
        let start = UNIX_EPOCH + Duration::from_secs(1_435_276_800);
        let at = |minutes: u64| {
            tokens
                .current(start + Duration::from_secs(minutes * 60))
                .unwrap()
        };
        let first = at(0);
        assert_eq!(first, at(39));
        let second = at(40);
        assert_ne!(first, second);
        assert_eq!(second, at(79));
        assert_ne!(second, at(0), "a clock that was set back");
        let (header, claims) = verified(&tokens.key, &second);
        assert_eq!(header["kid"], "KEY");
        assert_eq!(
            claims,
            json!({"iss": "TEAM", "iat": 1_435_276_800 + 40 * 60})
        );
    }

    #[test]
    fn an_expired_token_is_renewed_if_it_is_not_too_young() {
        let tokens = Tokens::new(Key::es256(&p8()).unwrap(), "KEY", "TEAM");
        let start = UNIX_EPOCH + Duration::from_secs(1_435_276_800);
        let at = |minutes: u64| start + Duration::from_secs(minutes * 60);
        let first = tokens.current(at(0)).unwrap();
        tokens.expired(at(19));
        assert_eq!(tokens.current(at(19)).unwrap(), first);
        tokens.expired(at(20));
        assert_ne!(tokens.current(at(20)).unwrap(), first);
    }
}

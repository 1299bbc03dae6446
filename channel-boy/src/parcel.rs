//! What goes to one recipient in one attempt: one alert, or several in a digest.

use std::{collections::BTreeMap, fmt};

use ledger::{Claim, Doubt, Ticket};
use trade::Alert;
use uuid::Uuid;

use crate::{
    desk::Desk,
    sink::{Letter, Raised},
};

/// What makes a digest's id out of its alerts'.
const NAMESPACE: Uuid = Uuid::from_u128(0x8f1c_7d2e_5b7a_4b0e_9a51_6c1f_0d3e_a7b4);

/// One entry of a parcel.
pub(crate) struct Content {
    pub(crate) ticket: Ticket,
    pub(crate) alert: String,
    payload: Vec<u8>,
    /// Attempts made before.
    pub(crate) attempts: u32,
    created_ms: i64,
    pub(crate) first_try_ms: Option<i64>,
}

/// Entries for one recipient, never none.
pub(crate) struct Parcel {
    pub(crate) recipient: String,
    /// Its id, if it is a digest.
    pub(crate) digest: Option<String>,
    /// The ledger says `sending` already.
    pub(crate) is_begun: bool,
    pub(crate) first: Content,
    pub(crate) more: Vec<Content>,
}

/// A parcel's alerts, read.
pub(crate) struct Read {
    id: Uuid,
    first: Raised,
    more: Vec<Raised>,
    created_ms: i64,
    first_try_ms: i64,
}

impl Parcel {
    /// One alert by itself.
    pub(crate) fn single(claim: Claim) -> Self {
        Self {
            recipient: claim.recipient.clone(),
            digest: None,
            is_begun: false,
            first: claim.into(),
            more: Vec::new(),
        }
    }

    /// Claims of one recipient in one digest, with the id that they were in doubt by or a new
    /// one; nothing when there are none.
    pub(crate) fn digest(claims: Vec<Claim>) -> Option<Self> {
        let mut alerts: Vec<&str> = claims.iter().map(|claim| claim.alert.as_str()).collect();
        alerts.sort_unstable();
        let known = claims.first().and_then(|claim| claim.digest.clone());
        let is_digest = known.is_some() || claims.len() > 1;
        let new = || Uuid::new_v5(&NAMESPACE, alerts.join("\n").as_bytes()).to_string();
        let digest = is_digest.then(|| known.unwrap_or_else(new));
        let mut claims = claims.into_iter();
        let first = claims.next()?;
        Some(Self {
            recipient: first.recipient.clone(),
            digest,
            is_begun: false,
            first: first.into(),
            more: claims.map(Content::from).collect(),
        })
    }

    /// Doubts, put together as they were sent.
    pub(crate) fn of_doubts(doubts: Vec<Doubt>) -> Vec<Self> {
        let mut digests: BTreeMap<(String, String), Self> = BTreeMap::new();
        let mut parcels = Vec::new();
        for doubt in doubts {
            let (recipient, digest) = (doubt.recipient.clone(), doubt.digest.clone());
            let key = digest.clone().map(|digest| (recipient.clone(), digest));
            let content = Content::from(doubt);
            if let Some(parcel) = key.as_ref().and_then(|key| digests.get_mut(key)) {
                parcel.more.push(content);
                continue;
            }
            let parcel = Self {
                recipient,
                digest,
                is_begun: true,
                first: content,
                more: Vec::new(),
            };
            match key {
                Some(key) => drop(digests.insert(key, parcel)),
                None => parcels.push(parcel),
            }
        }
        parcels.extend(digests.into_values());
        parcels
    }

    /// Its entries.
    pub(crate) fn contents(&self) -> impl Iterator<Item = &Content> {
        std::iter::once(&self.first).chain(&self.more)
    }

    pub(crate) fn tickets(&self) -> Vec<Ticket> {
        self.contents().map(|content| content.ticket).collect()
    }

    /// Reads its alerts.
    ///
    /// # Errors
    /// What is wrong with one.
    pub(crate) fn read(&self, begun_ms: i64) -> Result<Read, String> {
        let mut read = self.contents().map(Content::read);
        let first = read.next().ok_or("it is empty")??;
        let digest = self.digest.as_deref().map(Uuid::parse_str);
        Ok(Read {
            id: digest.and_then(Result::ok).unwrap_or(first.alert.alert_id),
            first,
            more: read.collect::<Result<_, _>>()?,
            created_ms: self.contents().map(|c| c.created_ms).max().unwrap_or(0),
            first_try_ms: self.first_try_ms().unwrap_or(begun_ms),
        })
    }

    /// When the first attempt at any of it began.
    pub(crate) fn first_try_ms(&self) -> Option<i64> {
        self.contents().filter_map(|c| c.first_try_ms).min()
    }

    /// The most attempts that one of its entries has had.
    pub(crate) fn attempts(&self) -> u32 {
        self.contents().map(|c| c.attempts).max().unwrap_or(0)
    }
}

/// For the log: the alert, or the digest and how many it names.
impl fmt::Display for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.digest {
            None => f.write_str(&self.first.alert),
            Some(digest) => write!(f, "{digest} (digest of {})", self.more.len() + 1),
        }
    }
}

impl Read {
    pub(crate) fn letter<'a>(&'a self, desk: &'a Desk, parcel: &'a Parcel) -> Letter<'a> {
        Letter {
            channel: &desk.channel.name,
            recipient: &parcel.recipient,
            id: self.id,
            alert: &self.first.alert,
            payload: &self.first.payload,
            more: &self.more,
            created_ms: self.created_ms,
            first_try_ms: self.first_try_ms,
        }
    }
}

impl Content {
    fn read(&self) -> Result<Raised, String> {
        let alert = Alert::from_json(&self.payload);
        Ok(Raised {
            alert: alert.map_err(|error| format!("failed to {error}"))?,
            payload: self.payload.clone(),
        })
    }
}

impl From<Claim> for Content {
    fn from(claim: Claim) -> Self {
        Self {
            ticket: claim.ticket,
            alert: claim.alert,
            payload: claim.payload,
            attempts: claim.attempts,
            created_ms: claim.created_ms,
            first_try_ms: claim.first_try_ms,
        }
    }
}

impl From<Doubt> for Content {
    fn from(doubt: Doubt) -> Self {
        Self {
            ticket: doubt.ticket,
            alert: doubt.alert,
            payload: doubt.payload,
            attempts: doubt.attempts,
            created_ms: doubt.created_ms,
            first_try_ms: Some(doubt.first_try_ms),
        }
    }
}

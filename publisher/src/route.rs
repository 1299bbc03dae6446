//! Where messages go, and what they look like.

use std::time::{SystemTime, UNIX_EPOCH};

use broker::{Header, Message};
use program::{Fault, TopologyArgs};
use topology::names;
use trade::pack::Limits;
use trade::{NDJSON, TIME_HEADER};

use crate::options::{DestinationOptions, To};

/// The way into Aldebaran.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) exchange: String,
    /// Each shard has its routing key; the front door has none, and one shard.
    pub(crate) shards: Option<u32>,
    pub(crate) limits: Limits,
}

impl Route {
    pub(crate) fn resolve(
        destination: &DestinationOptions,
        topology: &TopologyArgs,
    ) -> Result<Self, Fault> {
        let (exchange, shards, batch) = match destination.to {
            To::FrontDoor => (names::TRADE_DATA.to_owned(), None, 1),
            To::Shards => {
                let shards = topology.load()?.shards();
                let shards = shards.map_err(|error| Fault::Usage(format!("cannot {error}")))?;
                let batch = Limits::TO_SHARDS.trades;
                (names::shards_exchange(shards), Some(shards), batch)
            }
        };
        Ok(Self {
            exchange,
            shards,
            limits: Limits {
                trades: destination.batch.map_or(batch, |trades| trades as usize),
                bytes: destination.batch_bytes as usize,
                linger_us: u64::try_from(destination.linger.as_micros()).unwrap_or(u64::MAX),
            },
        })
    }

    /// What to do when the exchange is not there.
    pub(crate) fn remedy(&self) -> String {
        let apply = "`declare apply` creates it";
        match self.shards {
            None => apply.to_owned(),
            Some(shards) => format!(
                "{apply}; if the topology was applied with another number of shards than \
                 {shards}, name it with --set shards=N"
            ),
        }
    }

    /// The message of packed trades.
    pub(crate) fn message(&self, shard: u32, body: Vec<u8>) -> Message {
        Message {
            exchange: self.exchange.clone(),
            routing_key: match self.shards {
                Some(_) => shard.to_string(),
                None => String::new(),
            },
            body: body.into(),
            content_type: Some(NDJSON),
            message_id: None,
            headers: vec![(TIME_HEADER, Header::Int(epoch_us()))],
        }
    }
}

/// The time of day, in microseconds since the epoch.
pub(crate) fn epoch_us() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|passed| i64::try_from(passed.as_micros()).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::options::DEFAULT_LINGER;

    #[test]
    fn the_linger_of_the_command_line_is_the_one_of_the_shards() {
        let linger = humantime::parse_duration(DEFAULT_LINGER).unwrap();
        let wanted = Duration::from_micros(Limits::TO_SHARDS.linger_us);
        assert_eq!(linger, wanted);
    }
}

//! Many declarations in flight at once.
//!
//! A declaration costs a round trip, and the broker works on one channel's in turn: so several
//! channels have many in flight each. An error closes its channel, and with it all that was in
//! flight there; declaring is safe to repeat, so those are declared again one by one, each on a
//! channel that works, and each gets its own answer.

use broker::{Channel, Connection, Endpoint, Error};
use futures::future::{join_all, try_join_all};
use topology::{Entry, Object};

use crate::object;
use crate::session::Session;

/// Channels that work at the same time.
const CHANNELS: usize = 4;

/// Declarations in flight on each.
const IN_FLIGHT: usize = 128;

/// A batch that is carried out at once; after each there is a chance to stop.
pub(crate) const AT_ONCE: usize = CHANNELS * IN_FLIGHT;

/// A connection for batches, and one for what has to be repeated.
pub(crate) struct Batches<'a> {
    endpoint: &'a Endpoint,
    connection: Connection,
    pub(crate) session: Session<'a>,
}

impl<'a> Batches<'a> {
    /// Connects.
    pub(crate) async fn open(endpoint: &'a Endpoint) -> Result<Self, Error> {
        Ok(Self {
            endpoint,
            connection: broker::connect(endpoint, "declare").await?,
            session: Session::open(endpoint).await?,
        })
    }

    /// Declares all, at most [`AT_ONCE`], and gives the broker's answers in the same order.
    ///
    /// # Errors
    /// When the broker is lost. Then nobody knows which of these were declared.
    pub(crate) async fn declare(
        &mut self,
        entries: &[&Entry],
    ) -> Result<Vec<Result<(), Error>>, Error> {
        if !self.connection.is_up() {
            // An unknown type of exchange closes the connection.
            self.connection = broker::connect(self.endpoint, "declare").await?;
        }
        let share = entries.len().div_ceil(CHANNELS).max(1);
        let shares = entries
            .chunks(share)
            .map(|share| on_one_channel(&self.connection, share));
        let mut answers = try_join_all(shares).await.unwrap_or_default().concat();
        // Without a channel nothing was declared.
        answers.resize_with(entries.len(), || Err(Error::Lost("no channel".to_owned())));
        for (entry, answer) in entries.iter().zip(&mut answers) {
            if answer.is_ok() {
                continue;
            }
            let again = self
                .session
                .call(async |channel| declare(channel, entry).await)
                .await;
            *answer = match again {
                Err(error @ Error::Lost(_)) if !crate::able::is_about_a_feature(&error) => {
                    return Err(error);
                }
                other => other,
            };
        }
        Ok(answers)
    }

    /// Says good-bye.
    pub(crate) async fn close(self) {
        self.connection.close().await;
        self.session.close().await;
    }
}

async fn on_one_channel(
    connection: &Connection,
    entries: &[&Entry],
) -> Result<Vec<Result<(), Error>>, Error> {
    let channel = connection.channel().await?;
    let answers = join_all(entries.iter().map(|entry| declare(&channel, entry))).await;
    channel.close().await;
    Ok(answers)
}

async fn declare(channel: &Channel, entry: &Entry) -> Result<(), Error> {
    match &entry.wanted {
        Some(Object::Exchange(one)) => channel.declare_exchange(&object::exchange(one)).await,
        Some(Object::Queue(one)) => channel.declare_queue(&object::queue(one)).await,
        Some(Object::Binding(one)) => channel.bind(&object::binding(one)).await,
        _ => Ok(()),
    }
}

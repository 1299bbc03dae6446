//! The keeper of one shard's progress token.

use std::sync::Arc;

use broker::{Delivered, Error, Lane, Link, Message, publish_until_taken};
use futures::StreamExt;
use futures::future::BoxFuture;

use crate::counters::Counters;
use crate::token::Token;

/// Enough for the token, the next one, and a few that others put in by mistake.
const PREFETCH: u16 = 16;

/// A place in the line for a shard's token, and the token when it comes.
pub(crate) struct Keeper<L: Link> {
    queue: String,
    tag: String,
    channel: L::Channel,
    deliveries: <L::Channel as Lane>::Deliveries,
    publisher: Arc<L::Publisher>,
    counters: Arc<Counters>,
    /// The newest delivery that is not acknowledged.
    newest: Option<u64>,
    /// The next token on its way: published, confirmed, and the old one acknowledged.
    writing: Option<BoxFuture<'static, Result<(), Error>>>,
    written: Vec<u8>,
}

impl<L: Link> Keeper<L> {
    /// Joins the line at its end.
    pub(crate) async fn join(
        queue: &str,
        tag: &str,
        connection: &L,
        publisher: Arc<L::Publisher>,
        counters: Arc<Counters>,
    ) -> Result<Self, Error> {
        let channel = connection.channel().await?;
        let deliveries = channel.consume(queue, tag, PREFETCH, None).await?;
        Ok(Keeper {
            queue: queue.to_owned(),
            tag: tag.to_owned(),
            channel,
            deliveries,
            publisher,
            counters,
            newest: None,
            writing: None,
            written: Vec::new(),
        })
    }

    /// Puts a blank token into the queue in case its token was lost. One that somebody holds is
    /// not ready either, so this puts in one too many as a rule, which does no harm: the owner
    /// drops what knows less than itself.
    pub(crate) async fn seed_if_none_is_ready(&mut self) -> Result<(), Error> {
        if self.channel.queue_status(&self.queue).await?.messages > 0 {
            return Ok(());
        }
        let message = token_message(&self.queue, Token::default().to_json());
        publish_until_taken(&*self.publisher, &message).await?;
        Ok(())
    }

    /// Waits for the next token, and meanwhile gets on with writing one. A token that cannot be
    /// read counts as blank. Gives an error when the place in the line is lost.
    pub(crate) async fn next(&mut self) -> Result<Token, Error> {
        loop {
            let delivery = match &mut self.writing {
                Some(writing) => tokio::select! {
                    biased;
                    done = writing => {
                        self.writing = None;
                        done?;
                        continue;
                    }
                    delivery = self.deliveries.next() => delivery,
                },
                None => self.deliveries.next().await,
            };
            let delivery = delivery.unwrap_or_else(|| Err(Error::Cancelled(self.queue.clone())))?;
            return Ok(self.take(&delivery));
        }
    }

    fn take(&mut self, delivery: &impl Delivered) -> Token {
        self.newest = Some(delivery.tag());
        if delivery.body() == self.written {
            // One's own last word: nothing new in it.
            return Token::default();
        }
        Token::from_json(delivery.body()).unwrap_or_else(|error| {
            tracing::error!(queue = self.queue, %error, "a blank token takes its place");
            Counters::add(&self.counters.bad_tokens, 1);
            Token::default()
        })
    }

    /// Whether a token is being written.
    pub(crate) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// What was written last.
    pub(crate) fn last_written(&self) -> &[u8] {
        &self.written
    }

    /// Begins to write the next token: publish, confirm, then acknowledge what it replaces.
    pub(crate) fn begin_write(&mut self, token: Vec<u8>) {
        let message = token_message(&self.queue, token.clone());
        let publisher = Arc::clone(&self.publisher);
        let (channel, replaces) = (self.channel.clone(), self.newest.take());
        self.written = token;
        self.writing = Some(Box::pin(async move {
            publish_until_taken(&*publisher, &message).await?;
            match replaces {
                Some(tag) => channel.ack(tag, true).await,
                None => Ok(()),
            }
        }));
    }

    async fn end_write(&mut self) -> Result<(), Error> {
        match self.writing.take() {
            Some(writing) => writing.await,
            None => Ok(()),
        }
    }

    /// Writes a last word about progress, and takes no further tokens.
    pub(crate) async fn hand_over(&mut self, token: Vec<u8>) -> Result<(), Error> {
        self.end_write().await?;
        self.channel.cancel(&self.tag).await?;
        self.begin_write(token);
        self.end_write().await
    }

    /// Leaves the line. What was delivered and not replaced goes back to the queue, for the next
    /// in the line.
    pub(crate) async fn leave(self) {
        self.channel.close().await;
    }
}

fn token_message(queue: &str, token: Vec<u8>) -> Message {
    Message {
        routing_key: queue.to_owned(),
        body: token.into(),
        content_type: Some("application/json"),
        ..Message::default()
    }
}

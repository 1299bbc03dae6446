//! Which message a confirm is about, and which one was returned.
//!
//! The broker sends a message that no queue takes back before it confirms it, and confirms
//! many at once. The client library hands a returned message to whichever confirm it takes up
//! next: one message looks returned that was taken, another one taken that was returned. So
//! every message carries its number as correlation id, returned ones are recognised by it, and
//! the verdict on a message is given only when that cannot change any more: when all messages
//! before it have landed too. Messages are returned in the order in which they were published,
//! so by then as many confirms have been taken up as it takes to see its return.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, PublisherConfirm};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::Error;

/// A message to publish, and where to tell what became of it.
pub(crate) struct Order {
    pub(crate) exchange: ShortString,
    pub(crate) routing_key: ShortString,
    pub(crate) body: Bytes,
    pub(crate) properties: BasicProperties,
    pub(crate) verdict: oneshot::Sender<Result<(), Error>>,
    /// Given back with the verdict.
    pub(crate) room: OwnedSemaphorePermit,
}

/// A message on its way.
struct Letter {
    number: u64,
    state: State,
    verdict: oneshot::Sender<Result<(), Error>>,
    _room: OwnedSemaphorePermit,
}

enum State {
    Leaving(BoxFuture<'static, lapin::Result<PublisherConfirm>>),
    Flying(PublisherConfirm),
    Landed(Result<(), Error>),
}

/// The returned messages whose verdict is still to come, by number.
type Returned = BTreeMap<u64, Error>;

/// Publishes what is ordered, in order, and gives the verdicts, until the last order has its
/// own. `channel` is in confirm mode and publishes nothing else.
pub(crate) async fn publish(channel: Channel, mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut letters = VecDeque::new();
    // How many of them, from the front, are with the broker.
    let mut left = 0;
    let mut returned = Returned::new();
    let mut number = 0;
    let mut is_open = true;
    poll_fn(|context| {
        while is_open {
            match orders.poll_recv(context) {
                Poll::Ready(Some(order)) => {
                    number += 1;
                    letters.push_back(Letter::new(&channel, number, order));
                }
                Poll::Ready(None) => is_open = false,
                Poll::Pending => break,
            }
        }
        while let Some(letter) = letters.get_mut(left)
            && letter.has_left(context)
        {
            left += 1;
        }
        // In order: a return that was taken up before the front landed must be seen by now.
        while let Some(letter) = letters.front_mut()
            && letter.has_landed(context, &mut returned)
            && let Some(letter) = letters.pop_front()
        {
            left -= 1;
            letter.judge(&mut returned);
        }
        if is_open || !letters.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}

impl Letter {
    fn new(channel: &Channel, number: u64, order: Order) -> Self {
        let channel = channel.clone();
        let properties = order
            .properties
            .with_correlation_id(number.to_string().as_str().into());
        let leaving = async move {
            let options = BasicPublishOptions {
                mandatory: true,
                ..BasicPublishOptions::default()
            };
            channel
                .basic_publish(
                    order.exchange,
                    order.routing_key,
                    options,
                    &order.body,
                    properties,
                )
                .await
        };
        Self {
            number,
            state: State::Leaving(Box::pin(leaving)),
            verdict: order.verdict,
            _room: order.room,
        }
    }

    /// Whether it is with the broker, or has failed to get there.
    fn has_left(&mut self, context: &mut Context<'_>) -> bool {
        if let State::Leaving(leaving) = &mut self.state {
            let Poll::Ready(left) = leaving.as_mut().poll(context) else {
                return false;
            };
            self.state = match left {
                Ok(confirm) => State::Flying(confirm),
                Err(error) => State::Landed(Err(error.into())),
            };
        }
        true
    }

    /// Whether its outcome is known.
    fn has_landed(&mut self, context: &mut Context<'_>, returned: &mut Returned) -> bool {
        if let State::Flying(confirm) = &mut self.state {
            let Poll::Ready(confirmed) = Pin::new(confirm).poll(context) else {
                return false;
            };
            self.state = State::Landed(match confirmed {
                Ok(Confirmation::Ack(message)) => {
                    note(message, returned);
                    Ok(())
                }
                Ok(Confirmation::Nack(message)) => {
                    note(message, returned);
                    Err(Error::Refused)
                }
                Ok(Confirmation::NotRequested) => Ok(()),
                Err(error) => Err(error.into()),
            });
        }
        matches!(self.state, State::Landed(_))
    }

    fn judge(self, returned: &mut Returned) {
        if let State::Landed(outcome) = self.state {
            let verdict = match returned.remove(&self.number) {
                Some(error) => Err(error),
                None => outcome,
            };
            // Who asked may have gone.
            let _ = self.verdict.send(verdict);
        }
    }
}

/// Remembers a returned message that some confirm brought along.
fn note(message: Option<BasicReturnMessage>, returned: &mut Returned) {
    let Some(message) = message else { return };
    let number = message.properties.correlation_id().as_ref();
    if let Some(number) = number.and_then(|number| number.as_str().parse().ok()) {
        returned.insert(
            number,
            Error::Returned {
                exchange: message.delivery.exchange.as_str().to_owned(),
                routing_key: message.delivery.routing_key.as_str().to_owned(),
                reply: message.reply_text.as_str().to_owned(),
            },
        );
    }
}

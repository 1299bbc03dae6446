//! The simulated side of the traits by which programs know their broker.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use broker::{Delivered, Error, Header, Host, Lane, Link, Message, Offset, Publish, QueueStatus};
use futures::Stream;
use futures::future::BoxFuture;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::connection;
use crate::network::{Network, lost};

/// How long somebody who finds no broker waits.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// What a simulated process has around it.
#[derive(Clone)]
pub struct SimulatedHost {
    pub(crate) network: Arc<Mutex<Network>>,
    pub(crate) process: usize,
    /// What its clock shows at the start, in microseconds since the epoch.
    pub(crate) start_us: i64,
}

pub(crate) fn lock(network: &Mutex<Network>) -> MutexGuard<'_, Network> {
    network.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer<T>(answered: oneshot::Receiver<Result<T, Error>>) -> Result<T, Error> {
    answered.await.unwrap_or_else(|_| Err(lost()))
}

impl Host for SimulatedHost {
    type Link = Connection;

    async fn connect(
        &self,
        _name: &str,
        stop: &CancellationToken,
    ) -> Result<Option<Connection>, Error> {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(None),
                () = beat(&self.network) => {}
            }
            {
                let mut network = lock(&self.network);
                network.operation(self.process);
                if network.broker_is_up && !network.dead.contains(&self.process) {
                    let number = network.connections.len();
                    let wire = connection::Connection::new(self.process);
                    network.connections.push(wire);
                    let network = Arc::clone(&self.network);
                    return Ok(Some(Connection { network, number }));
                }
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }

    fn start(
        &self,
        task: BoxFuture<'static, Result<(), Error>>,
    ) -> BoxFuture<'static, Result<(), Error>> {
        task
    }

    fn clock_us(&self) -> i64 {
        let now_ms = lock(&self.network).now_ms;
        self.start_us + i64::try_from(now_ms * 1000).unwrap_or(i64::MAX)
    }
}

/// A moment in which others may be first.
async fn beat(network: &Mutex<Network>) {
    let (done, beaten) = oneshot::channel::<()>();
    {
        let mut network = lock(network);
        let at_ms = network.now_ms + network.delay_ms();
        network.at(at_ms, |_| drop(done));
    }
    let _ = beaten.await;
}

/// A connection to the simulated broker.
pub struct Connection {
    network: Arc<Mutex<Network>>,
    number: usize,
}

impl Link for Connection {
    type Channel = Channel;
    type Publisher = Publisher;

    async fn channel(&self) -> Result<Channel, Error> {
        let connection = self.number;
        let opened = lock(&self.network).call(connection, move |network| {
            network.channels.push(connection::Channel::new(connection));
            Ok(network.channels.len() - 1)
        });
        let number = answer(opened).await?;
        Ok(Channel(Arc::new(OpenChannel {
            network: Arc::clone(&self.network),
            connection,
            number,
        })))
    }

    async fn publisher(&self, window: usize) -> Result<Publisher, Error> {
        let opened = lock(&self.network).call(self.number, |_| Ok(()));
        answer(opened).await?;
        Ok(Publisher {
            network: Arc::clone(&self.network),
            connection: self.number,
            window: Arc::new(Semaphore::new(window)),
        })
    }

    fn has_channels(&self, _needed: usize, _what: &str) -> Result<(), Error> {
        Ok(())
    }

    async fn close(self) {
        let closed = lock(&self.network).call(self.number, |_| Ok(()));
        let _ = answer(closed).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut network = lock(&self.network);
        let number = self.number;
        network.send_up(number, 0, move |network| network.broker_loses(number));
        network.connections[number].client_is_up = false;
    }
}

/// A channel to the simulated broker.
#[derive(Clone)]
pub struct Channel(Arc<OpenChannel>);

/// Closed with the last that uses it, as the client library does.
struct OpenChannel {
    network: Arc<Mutex<Network>>,
    connection: usize,
    number: usize,
}

impl Drop for OpenChannel {
    fn drop(&mut self) {
        let number = self.number;
        lock(&self.network).send_up(self.connection, 0, move |network| {
            if network.channels[number].is_open {
                network.close_channel(number);
            }
        });
    }
}

impl Channel {
    fn call<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Network, usize) -> Result<T, Error> + Send + 'static,
    ) -> impl Future<Output = Result<T, Error>> + Send + 'static {
        let number = self.0.number;
        let called = lock(&self.0.network).call(self.0.connection, move |network| {
            if network.channels[number].is_open {
                act(network, number)
            } else {
                Err(lost())
            }
        });
        answer(called)
    }
}

impl Lane for Channel {
    type Delivery = Delivery;
    type Deliveries = Deliveries;

    async fn consume(
        &self,
        queue: &str,
        _tag: &str,
        prefetch: u16,
        from: Option<Offset>,
    ) -> Result<Deliveries, Error> {
        let queue = queue.to_owned();
        let (sender, receiver) = mpsc::unbounded_channel();
        self.call(move |network, number| {
            network.channels[number].deliveries = Some(sender);
            network.consume(number, &queue, prefetch, from)
        })
        .await?;
        let channel = self.clone();
        Ok(Deliveries {
            receiver,
            _channel: channel,
        })
    }

    async fn cancel(&self, _tag: &str) -> Result<(), Error> {
        self.call(|network, number| {
            network.cancel(number);
            network.end_deliveries(number);
            Ok(())
        })
        .await
    }

    async fn ack(&self, delivery_tag: u64, multiple: bool) -> Result<(), Error> {
        let number = self.0.number;
        {
            let mut network = lock(&self.0.network);
            if !network.connections[self.0.connection].client_is_up {
                return Err(lost());
            }
            network.send_up(self.0.connection, 0, move |network| {
                network.acknowledge(number, delivery_tag, multiple);
            });
        }
        beat(&self.0.network).await;
        Ok(())
    }

    async fn queue_status(&self, queue: &str) -> Result<QueueStatus, Error> {
        let queue = queue.to_owned();
        self.call(move |network, _| {
            let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            if let Some(queue) = network.queues.get(&queue) {
                return Ok(QueueStatus {
                    messages: count(queue.ready.len()),
                    consumers: count(queue.consumers.len()),
                });
            }
            let log = network.logs.get(&queue);
            let log = log.ok_or_else(|| Error::Missing(format!("no queue {queue:?}")))?;
            Ok(QueueStatus {
                messages: count(log.entries.len()),
                consumers: count(log.readers.len()),
            })
        })
        .await
    }

    async fn exchange_exists(&self, name: &str) -> Result<bool, Error> {
        let name = name.to_owned();
        self.call(move |network, _| Ok(network.exchanges.contains(&name)))
            .await
    }

    async fn close(self) {
        let closed = self.call(|network, number| {
            network.close_channel(number);
            Ok(())
        });
        let _ = closed.await;
    }
}

/// The deliveries of a consumer.
pub struct Deliveries {
    receiver: mpsc::UnboundedReceiver<Result<Delivery, Error>>,
    /// As long as it is consumed from it is open.
    _channel: Channel,
}

impl Stream for Deliveries {
    type Item = Result<Delivery, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(context)
    }
}

/// A message, delivered.
pub struct Delivery {
    pub(crate) tag: u64,
    pub(crate) offset: Option<u64>,
    pub(crate) message: Arc<Message>,
}

impl Delivered for Delivery {
    fn tag(&self) -> u64 {
        self.tag
    }

    fn body(&self) -> &[u8] {
        &self.message.body
    }

    fn offset(&self) -> Option<u64> {
        self.offset
    }

    fn integer(&self, header: &str) -> Option<i64> {
        let mut headers = self.message.headers.iter();
        headers.find_map(|(name, value)| match value {
            Header::Int(value) if *name == header => Some(*value),
            _ => None,
        })
    }

    fn text(&self, header: &str) -> Option<String> {
        let mut headers = self.message.headers.iter();
        headers.find_map(|(name, value)| match value {
            Header::Text(value) if *name == header => Some(value.clone()),
            _ => None,
        })
    }
}

/// A publisher to the simulated broker.
pub struct Publisher {
    network: Arc<Mutex<Network>>,
    connection: usize,
    window: Arc<Semaphore>,
}

/// What becomes of a message.
pub struct Receipt(oneshot::Receiver<Result<(), Error>>);

impl Publish for Publisher {
    type Receipt = Receipt;

    async fn publish(&self, message: &Message) -> Result<Receipt, Error> {
        let room = Arc::clone(&self.window)
            .acquire_owned()
            .await
            .map_err(|_| lost())?;
        beat(&self.network).await;
        let (verdict, receipt) = oneshot::channel();
        let message = Arc::new(message.clone());
        lock(&self.network).publish(self.connection, message, move |outcome| {
            let _ = verdict.send(outcome);
            drop(room);
        });
        Ok(Receipt(receipt))
    }

    async fn confirmed(receipt: Receipt) -> Result<(), Error> {
        answer(receipt.0).await
    }
}

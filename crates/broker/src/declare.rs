//! Creating and deleting exchanges, queues and bindings, and asking whether they are there.
//!
//! What AMQP can tell is little: a passive declaration says that a name exists, nothing of its
//! type or arguments; an active one creates what is missing and compares only some arguments;
//! a binding cannot be asked after. Every failure closes the channel.

use lapin::ExchangeKind;
use lapin::options::{
    ExchangeBindOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};

use crate::{Channel, Error, short};

/// The value of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
}

/// An exchange to declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeDeclaration {
    /// Its name.
    pub name: String,
    /// Its type: direct, topic, ..
    pub kind: String,
    /// Whether it outlives the broker's restart.
    pub durable: bool,
    /// Whether it goes with its last binding.
    pub auto_delete: bool,
    /// Whether only exchanges may publish to it.
    pub internal: bool,
    /// Its arguments.
    pub arguments: Vec<(String, Argument)>,
}

/// A queue or stream to declare; its type is the argument `x-queue-type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueDeclaration {
    /// Its name.
    pub name: String,
    /// Whether it outlives the broker's restart.
    pub durable: bool,
    /// Whether only this connection may use it, and it goes with it.
    pub exclusive: bool,
    /// Whether it goes with its last consumer.
    pub auto_delete: bool,
    /// Its arguments.
    pub arguments: Vec<(String, Argument)>,
}

/// A binding to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingDeclaration {
    /// The exchange that messages come from.
    pub from: String,
    /// The queue or exchange that they go to.
    pub to: BindingDestination,
    /// The routing key.
    pub key: String,
    /// The arguments, part of the binding's identity.
    pub arguments: Vec<(String, Argument)>,
}

/// Where a binding leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindingDestination {
    /// A queue or stream.
    Queue(String),
    /// An exchange.
    Exchange(String),
}

impl Channel {
    /// Whether it can be used: a failed call closes it.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.inner.status().connected()
    }

    /// Whether an exchange of this name exists. If not, the channel is closed.
    ///
    /// # Errors
    /// When the broker says anything but yes or no.
    pub async fn exchange_exists(&self, name: &str) -> Result<bool, Error> {
        let options = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        let kind = ExchangeKind::Direct; // not looked at
        found(
            self.inner
                .exchange_declare(short(name)?, kind, options, FieldTable::default())
                .await,
        )
    }

    /// Whether a queue of this name exists. If not, the channel is closed.
    ///
    /// # Errors
    /// When the broker says anything but yes or no.
    pub async fn queue_exists(&self, name: &str) -> Result<bool, Error> {
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        found(
            self.inner
                .queue_declare(short(name)?, options, FieldTable::default())
                .await,
        )
    }

    /// Creates an exchange, or changes nothing when it is there as wanted, as far as the broker
    /// compares.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is there and the broker sees a difference.
    pub async fn declare_exchange(&self, exchange: &ExchangeDeclaration) -> Result<(), Error> {
        let options = ExchangeDeclareOptions {
            durable: exchange.durable,
            auto_delete: exchange.auto_delete,
            internal: exchange.internal,
            ..ExchangeDeclareOptions::default()
        };
        let kind = match exchange.kind.as_str() {
            "direct" => ExchangeKind::Direct,
            "fanout" => ExchangeKind::Fanout,
            "topic" => ExchangeKind::Topic,
            "headers" => ExchangeKind::Headers,
            plugin => ExchangeKind::Custom(plugin.to_owned()),
        };
        let arguments = table(&exchange.arguments)?;
        Ok(self
            .inner
            .exchange_declare(short(&exchange.name)?, kind, options, arguments)
            .await?)
    }

    /// Creates a queue or stream, or changes nothing when it is there as wanted, as far as the
    /// broker compares.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is there and the broker sees a difference, and when the
    /// broker cannot make such a queue.
    pub async fn declare_queue(&self, queue: &QueueDeclaration) -> Result<(), Error> {
        let options = QueueDeclareOptions {
            durable: queue.durable,
            exclusive: queue.exclusive,
            auto_delete: queue.auto_delete,
            ..QueueDeclareOptions::default()
        };
        let arguments = table(&queue.arguments)?;
        self.inner
            .queue_declare(short(&queue.name)?, options, arguments)
            .await?;
        Ok(())
    }

    /// Makes a binding, or changes nothing when it is there.
    ///
    /// # Errors
    /// [`Error::Missing`] when one of its ends does not exist.
    pub async fn bind(&self, binding: &BindingDeclaration) -> Result<(), Error> {
        let (from, key) = (short(&binding.from)?, short(&binding.key)?);
        let arguments = table(&binding.arguments)?;
        match &binding.to {
            BindingDestination::Queue(queue) => {
                let options = QueueBindOptions::default();
                self.inner
                    .queue_bind(short(queue)?, from, key, options, arguments)
                    .await?;
            }
            BindingDestination::Exchange(exchange) => {
                let options = ExchangeBindOptions::default();
                self.inner
                    .exchange_bind(short(exchange)?, from, key, options, arguments)
                    .await?;
            }
        }
        Ok(())
    }

    /// Deletes a queue; a missing one is no error. With `guarded` the broker itself looks first
    /// whether it is empty and unused; it does so for classic queues only, and closes the
    /// connection when asked to for another.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the guard holds.
    pub async fn delete_queue(&self, queue: &str, guarded: bool) -> Result<(), Error> {
        let options = QueueDeleteOptions {
            if_empty: guarded,
            if_unused: guarded,
            ..QueueDeleteOptions::default()
        };
        self.inner.queue_delete(short(queue)?, options).await?;
        Ok(())
    }

    /// Deletes an exchange with its bindings; a missing one is no error.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn delete_exchange(&self, exchange: &str) -> Result<(), Error> {
        let options = ExchangeDeleteOptions::default();
        Ok(self
            .inner
            .exchange_delete(short(exchange)?, options)
            .await?)
    }
}

fn found<T>(answer: Result<T, lapin::Error>) -> Result<bool, Error> {
    match answer.map_err(Error::from) {
        Ok(_) => Ok(true),
        Err(Error::Missing(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn table(arguments: &[(String, Argument)]) -> Result<FieldTable, Error> {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert(short(name)?, value.into());
    }
    Ok(table)
}

impl From<&Argument> for AMQPValue {
    fn from(argument: &Argument) -> Self {
        match argument {
            Argument::Bool(truth) => AMQPValue::Boolean(*truth),
            Argument::Int(number) => AMQPValue::LongLongInt(*number),
            Argument::Text(text) => AMQPValue::LongString(text.as_str().into()),
        }
    }
}

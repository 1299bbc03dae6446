//! What the client library gives by itself: a publisher and a consumer on plain lapin.
//!
//! The limit that the real programs are measured against. Both do what must be done (confirms,
//! acknowledgements, parsing) and nothing else: no books, no schedule, no histograms, no
//! reconnecting. They share no line with the crate `broker`. Each tells in one line of JSON what
//! it did; the end of a run is an empty message in each shard.

mod consume;
mod publish;

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use lapin::{BasicProperties, Connection, ConnectionProperties};

/// A publisher and a consumer on plain lapin, to compare the real programs with.
#[derive(Debug, Parser)]
struct Flags {
    /// The broker
    #[arg(
        long,
        env = "ALDEBARAN_AMQP_URL",
        hide_env_values = true,
        global = true,
        default_value = "amqp://guest:guest@localhost:5672/%2f"
    )]
    amqp_url: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publishes the trades of a file again and again, as fast as the broker confirms
    Publish(publish::Options),
    /// Reads the shards, parses every trade, and raises the alerts that it is told to
    Consume(consume::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    let done = match &flags.command {
        Command::Publish(options) => publish::run(&flags.amqp_url, options).await,
        Command::Consume(options) => consume::run(&flags.amqp_url, options).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn connect(url: &str, name: &str) -> Result<Connection> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connected = Connection::connect(url, properties).await;
    // The URL holds a password.
    connected.context("connect to the broker")
}

/// A message that survives a restart of the broker, as all of Aldebaran's.
fn persistent(content_type: &'static str) -> BasicProperties {
    BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type(content_type.into())
}

/// The time of day, in microseconds since the epoch.
fn epoch_us() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|passed| i64::try_from(passed.as_micros()).ok())
        .unwrap_or_default()
}

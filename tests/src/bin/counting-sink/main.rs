//! A sink that counts, as a process of its own: what it accepts stands in a log on disk before
//! anybody is told so. It speaks all the wires of the channels, and fails on order.
//!
//! It is a witness: it shares no line with the channel-boy. `accepted.jsonl` in its folder has a
//! line for each message; the file `faults` there says which are treated badly, see [`faults`].

mod command_file;
mod faults;
mod http;
mod log;
mod nsca;
mod providers;
mod smtp;
mod token;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::faults::Faults;
use crate::log::Log;
use crate::providers::Providers;

/// Counts what is delivered to it.
#[derive(Debug, Parser)]
struct Args {
    /// Where its log, its faults and the keys of its senders are
    folder: PathBuf,
    /// HTTP/1.1 and HTTP/2 without TLS
    #[arg(long)]
    http: u16,
    /// HTTP/1.1 and HTTP/2 with server.pem and server.key of the folder
    #[arg(long)]
    https: u16,
    #[arg(long)]
    smtp: u16,
    /// NSCA, version 3, method 1
    #[arg(long)]
    nsca: u16,
    /// The NSCA password
    #[arg(long, default_value = "")]
    nsca_password: String,
}

/// What the wires share.
struct Desk {
    log: Log,
    faults: Faults,
    providers: Providers,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let desk = Arc::new(Desk {
        log: Log::open(&args.folder.join("accepted.jsonl"))?,
        faults: Faults::of(&args.folder.join("faults")),
        providers: Providers::of(&args.folder)?,
    });
    let tls = http::tls(&args.folder)?;
    let mut wires = JoinSet::new();
    wires.spawn(http::listen(
        bind(args.http).await?,
        None,
        Arc::clone(&desk),
    ));
    let https = bind(args.https).await?;
    wires.spawn(http::listen(https, Some(tls), Arc::clone(&desk)));
    wires.spawn(smtp::listen(bind(args.smtp).await?, Arc::clone(&desk)));
    let password = args.nsca_password.into_bytes();
    wires.spawn(nsca::listen(
        bind(args.nsca).await?,
        password,
        Arc::clone(&desk),
    ));
    let pipe = command_file::open(&args.folder.join("command-file"))?;
    wires.spawn(command_file::read(pipe, desk));
    ready(&args.folder)?;
    wires.join_next().await.context("no wire")??
}

async fn bind(port: u16) -> Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    listener.with_context(|| format!("listen on port {port}"))
}

/// Tells the owner that everything listens.
fn ready(folder: &Path) -> Result<()> {
    Ok(std::fs::write(folder.join("ready"), "")?)
}

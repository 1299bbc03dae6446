//! The whole of Aldebaran on one machine, with a kill -9 in the middle.
//!
//! Starts a RabbitMQ node of its own (or uses the broker that it is given), a mail server, a
//! webhook receiver and the real programs, plays the challenge's example and then many made-up
//! trades, and ends with a table. Whatever it starts ends with it.

mod broker;
mod count;
mod crew;
mod interrupt;
mod scenes;
mod show;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use private_broker::Folder;

use crate::broker::Broker;
use crate::crew::Crew;
use crate::show::Show;
use crate::table::Table;

/// Shows Aldebaran at work on this machine.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 no alert was missed and none came twice; 1 one was, or the demo \
                  could not be played; 2 wrong usage; 130 interrupted"
)]
struct Options {
    /// Made-up trades to play
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    trades: u64,

    /// Trades a second
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    rate: u64,

    /// The part of the orders that is over-purchased
    #[arg(long, value_name = "RATIO", default_value = "1%")]
    over_purchased: String,

    /// Kills no auditor in the middle
    #[arg(long)]
    no_kill: bool,

    /// An existing broker instead of a private one. Its user must be allowed to declare objects
    /// in the vhost; they are deleted at the end
    #[arg(
        long,
        value_name = "URL",
        env = "ALDEBARAN_AMQP_URL",
        hide_env_values = true
    )]
    amqp_url: Option<String>,

    /// Certificates (PEM) of the authority that signed the existing broker's
    #[arg(long, value_name = "FILE", env = "ALDEBARAN_TLS_CA")]
    tls_ca: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let show = Show::new();
    let played = interrupt::watch().and_then(|()| play(&options, &show));
    match played {
        Ok(table) => {
            show.table(&table);
            if table.is_right() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(_) if interrupt::requested() => {
            show.line("interrupted; everything is stopped");
            ExitCode::from(130)
        }
        Err(error) => {
            show.failure(&error);
            ExitCode::FAILURE
        }
    }
}

fn play(options: &Options, show: &Show) -> Result<Table> {
    show.title("Aldebaran: one alert for every over-purchased order");
    let folder = Folder::temporary("aldebaran-demo-")?;
    let broker = match &options.amqp_url {
        None => Broker::private(show)?,
        Some(url) => Broker::existing(url, options.tls_ca.as_deref())?,
    };
    broker.declare(folder.path(), show)?;
    let mut crew = Crew::start(&broker, folder.path(), show)?;
    let example = scenes::example(&broker, &crew, show)?;
    let (expected, took) = scenes::many(&broker, options, &mut crew, show)?;
    crew.stop()?;
    let mut table = count::count(&crew, &broker, expected.into_iter().chain(example))?;
    // An order is a request and four purchases; the example's has one purchase less.
    table.trades = options.trades + 4;
    table.orders = options.trades.div_ceil(5) + 1;
    table.took = took;
    Ok(table)
}

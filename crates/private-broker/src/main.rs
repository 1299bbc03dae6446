//! `private-broker`: a RabbitMQ of one's own for as long as this program runs.
//!
//! Prints the AMQP URL on standard output when the node answers, and ends with Ctrl-C.

use std::io::{self, Write};
use std::process::ExitCode;

use private_broker::{PrivateBroker, Release, Settings};

const HELP: &str = "\
usage: private-broker [--debian-13] [--management] [--tls] [--quorum-below=FOLDER]

Runs a RabbitMQ node in a folder and on ports of its own, prints its AMQP URL, and keeps it
until this program ends, whether by Ctrl-C or by kill -9. Nothing is left behind.

  --debian-13   RabbitMQ 4 out of a Debian 13 tree (made once by debootstrap; needs root)
                instead of what this machine has installed
  --management  with the management plugin; prints its URL in a further line
  --tls         with a TLS listener; prints its URL and the CA file in further lines
  --quorum-below=FOLDER
                keeps the logs of quorum queues in a new folder below this one, on another file
                system, say; not with --debian-13

Exit codes: 1 the node did not start, 2 wrong usage.";

fn main() -> ExitCode {
    let mut settings = Settings::default();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--debian-13" => settings.release = Release::Debian13,
            "--management" => settings.management = true,
            "--tls" => settings.tls = true,
            "--help" | "-h" => {
                println!("{HELP}");
                return ExitCode::SUCCESS;
            }
            other if other.starts_with("--quorum-below=") => {
                settings.quorum_below = other.split_once('=').map(|(_, folder)| folder.into());
            }
            unknown => {
                eprintln!("unknown argument {unknown}\n\n{HELP}");
                return ExitCode::from(2);
            }
        }
    }
    let elsewhere = settings.quorum_below.as_deref();
    if elsewhere.is_some_and(|below| !below.is_dir() || settings.release == Release::Debian13) {
        eprintln!("--quorum-below takes a folder that is there, and does not go with --debian-13");
        return ExitCode::from(2);
    }
    match PrivateBroker::start(&settings) {
        Ok(broker) => {
            if let Err(error) = tell(&broker) {
                eprintln!("failed to say where the node is: {error}");
                return ExitCode::FAILURE;
            }
            // Nothing to clean up by hand: the node goes with this process, however it ends.
            loop {
                std::thread::park();
            }
        }
        Err(error) => {
            eprintln!("failed to {error}");
            ExitCode::FAILURE
        }
    }
}

fn tell(broker: &PrivateBroker) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", broker.url())?;
    if let Ok(management) = broker.management() {
        writeln!(out, "{}", management.url())?;
    }
    if let Some(url) = broker.tls_url() {
        writeln!(out, "{url}\n{}", broker.tls_authority().display())?;
    }
    out.flush()
}

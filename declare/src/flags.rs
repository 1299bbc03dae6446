//! The flags that the commands which speak to a broker have in common.

use std::time::Duration;

use broker::{Endpoint, ManagementEndpoint};
use clap::{Args, ValueEnum};
use program::{BrokerArgs, Fault};

/// The word that says: over AMQP alone.
const NONE: &str = "none";

/// Where the broker is, over AMQP and over HTTP.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlaceArgs {
    #[command(flatten)]
    pub(crate) broker: BrokerArgs,

    /// The management API: http://user:password@host:port, or https:// for TLS. What it does not
    /// say of user and password is the AMQP URL's. By default it is looked for on the AMQP URL's
    /// host, port 15672 (15671 with TLS), if the AMQP port is the usual one; `none` says that
    /// there is none
    #[arg(
        long,
        value_name = "URL",
        env = "ALDEBARAN_MANAGEMENT_URL",
        hide_env_values = true,
        help_heading = "Broker"
    )]
    pub(crate) management_url: Option<String>,

    /// How long the broker may be silent: when a connection is made, and before each answer of the
    /// management API
    #[arg(
        long,
        value_name = "TIME",
        default_value = "30s",
        value_parser = humantime::parse_duration,
        help_heading = "Broker"
    )]
    pub(crate) timeout: Duration,
}

/// How the results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// One JSON document with a version, for scripts.
    Json,
}

/// How the results are written.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct OutputArgs {
    /// How the results are written to stdout
    #[arg(long, value_enum, default_value_t = Output::Text, value_name = "FORM")]
    pub(crate) output: Output,
}

/// Where the management API may be.
#[derive(Debug, Clone)]
pub(crate) enum Where {
    /// A person said so: it has to be there.
    Named(ManagementEndpoint),
    /// It is worth a try.
    Guessed(ManagementEndpoint),
    /// Nowhere, and why.
    Nowhere(String),
}

impl PlaceArgs {
    /// The AMQP endpoint.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Fault> {
        Ok(self.broker.endpoint()?.with_timeout(self.timeout))
    }

    /// Where the management API may be.
    pub(crate) fn management(&self, amqp: &Endpoint) -> Result<Where, Fault> {
        let url = self.management_url.as_deref();
        match url.filter(|url| !url.is_empty()) {
            Some(NONE) => Ok(Where::Nowhere("--management-url is none".to_owned())),
            Some(url) => ManagementEndpoint::parse(url, amqp, self.timeout)
                .map(Where::Named)
                .map_err(|error| Fault::Usage(format!("--management-url: failed to {error}"))),
            None => Ok(match ManagementEndpoint::beside(amqp, self.timeout) {
                Some(endpoint) => Where::Guessed(endpoint),
                None => Where::Nowhere(
                    "the AMQP port is not the usual one: name the management API with \
                     --management-url"
                        .to_owned(),
                ),
            }),
        }
    }
}

//! The flags that every program takes.

use std::path::PathBuf;

use broker::{Endpoint, Identity};
use clap::{Args, ValueEnum};
use topology::{Overrides, Problems, Source, Topology};

use crate::Fault;

/// Where the broker is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Broker")]
pub struct BrokerArgs {
    /// The broker: amqp://user:password@host:port/vhost, or amqps:// for TLS. A URL with a
    /// password belongs into the environment, where the process list does not show it
    #[arg(
        long,
        value_name = "URL",
        env = "ALDEBARAN_AMQP_URL",
        hide_env_values = true,
        default_value = "amqp://guest:guest@localhost:5672/%2f",
        global = true
    )]
    pub amqp_url: String,

    /// The broker's host, instead of the one in the URL
    #[arg(short = 's', long = "server", value_name = "HOST", global = true)]
    pub server: Option<String>,

    /// Certificates (PEM) of the authority that signed the broker's, besides the system's own
    #[arg(long, value_name = "FILE", env = "ALDEBARAN_TLS_CA", global = true)]
    pub tls_ca: Option<PathBuf>,

    /// The client's own certificate (PEM), for brokers that ask for one; with --tls-key
    #[arg(
        long,
        value_name = "FILE",
        env = "ALDEBARAN_TLS_CERT",
        requires = "tls_key",
        global = true
    )]
    pub tls_cert: Option<PathBuf>,

    /// The key (PEM) of the client's own certificate
    #[arg(
        long,
        value_name = "FILE",
        env = "ALDEBARAN_TLS_KEY",
        requires = "tls_cert",
        global = true
    )]
    pub tls_key: Option<PathBuf>,
}

impl BrokerArgs {
    /// The endpoint that the flags name.
    ///
    /// # Errors
    /// [`Fault::Usage`] when the URL or the CA file is wrong.
    pub fn endpoint(&self) -> Result<Endpoint, Fault> {
        let mut endpoint = Endpoint::parse(&self.amqp_url, self.tls_ca.as_deref())
            .map_err(|error| Fault::Usage(format!("--amqp-url: {error}")))?;
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            endpoint = Identity::read(certificate, key)
                .and_then(|own| endpoint.with_identity(own))
                .map_err(|error| Fault::Usage(format!("--tls-cert: {error}")))?;
        }
        Ok(match &self.server {
            Some(host) => endpoint.with_host(host),
            None => endpoint,
        })
    }
}

/// Which topology the programs agree on.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Topology")]
pub struct TopologyArgs {
    /// The topology's file
    #[arg(
        long,
        value_name = "FILE",
        env = "ALDEBARAN_TOPOLOGY",
        default_value = "topology.toml",
        global = true
    )]
    pub topology: PathBuf,

    /// Sets a variable of the topology, for example --set shards=8; wins over the environment
    /// (ALDEBARAN_SET_SHARDS=8) and over the file
    #[arg(long = "set", value_name = "NAME=VALUE", global = true)]
    pub set: Vec<String>,

    /// The profile of the topology whose values are in force
    #[arg(long, value_name = "NAME", env = "ALDEBARAN_PROFILE", global = true)]
    pub profile: Option<String>,
}

impl TopologyArgs {
    /// The topology that the flags and the environment name.
    ///
    /// # Errors
    /// [`Fault::Usage`] with every problem of the file and of the overrides, or why the file
    /// cannot be read.
    pub fn load(&self) -> Result<Topology, Fault> {
        self.read()?
            .map_err(|problems| Fault::Usage(problems.to_string()))
    }

    /// The same, with the problems of the file as values.
    ///
    /// # Errors
    /// [`Fault::Usage`] when the file cannot be read.
    pub fn read(&self) -> Result<Result<Topology, Problems>, Fault> {
        let name = self.topology.display().to_string();
        let text = std::fs::read_to_string(&self.topology).map_err(|error| {
            Fault::Usage(format!(
                "{name}: cannot read the topology: {error}; name another file with --topology"
            ))
        })?;
        Ok(topology::load(&Source { name, text }, &self.overrides()))
    }

    fn overrides(&self) -> Overrides {
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let set = self.set.iter().map(String::as_str);
        Overrides {
            profile: self.profile.clone(),
            ..Overrides::collect(environment, set)
        }
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs (to stderr)")]
pub struct LogArgs {
    /// How a line of the log is written
    #[arg(long, value_enum, default_value_t = LogFormat::Text, global = true)]
    pub log_format: LogFormat,

    /// More of it: -v for what happens inside, -vv for all there is
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,

    /// Only what is wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

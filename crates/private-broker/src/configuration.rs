//! What the node is told: its configuration file and its environment.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use crate::broker::Settings;
use crate::ports::free_port;

/// The ports of one node, kept over its restarts.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) amqp: u16,
    pub(crate) distribution: u16,
    pub(crate) epmd: u16,
    pub(crate) management: Option<u16>,
    pub(crate) amqps: Option<u16>,
    /// The management API over TLS, for those who show a certificate.
    pub(crate) https: Option<u16>,
}

impl Ports {
    pub(crate) fn choose(settings: &Settings) -> io::Result<Self> {
        Ok(Self {
            amqp: free_port()?,
            distribution: free_port()?,
            epmd: free_port()?,
            management: settings.management.then(free_port).transpose()?,
            amqps: settings.tls.then(free_port).transpose()?,
            https: (settings.tls && settings.management)
                .then(free_port)
                .transpose()?,
        })
    }
}

/// Writes the files that the node reads into `folder`, which the node sees as `inside`.
pub(crate) fn write(
    folder: &Path,
    inside: &Path,
    ports: &Ports,
    settings: &Settings,
) -> io::Result<()> {
    let mut configuration = format!(
        "listeners.tcp.1 = 127.0.0.1:{}\nlog.console = false\nlog.file.level = info\n",
        ports.amqp
    );
    if let Some(port) = ports.management {
        configuration += &format!("management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\n");
    }
    if let Some(port) = ports.amqps {
        let inside = inside.display();
        configuration += &format!(
            "listeners.ssl.1 = 127.0.0.1:{port}\n\
             ssl_options.cacertfile = {inside}/ca.pem\n\
             ssl_options.certfile = {inside}/server.pem\n\
             ssl_options.keyfile = {inside}/server.key\n\
             ssl_options.verify = verify_none\n"
        );
    }
    if let Some(port) = ports.https {
        let inside = inside.display();
        configuration += &format!(
            "management.ssl.ip = 127.0.0.1\n\
             management.ssl.port = {port}\n\
             management.ssl.cacertfile = {inside}/ca.pem\n\
             management.ssl.certfile = {inside}/server.pem\n\
             management.ssl.keyfile = {inside}/server.key\n\
             management.ssl.verify = verify_peer\n\
             management.ssl.fail_if_no_peer_cert = true\n"
        );
    }
    let management = settings.management.then_some("rabbitmq_management");
    let plugins: Vec<&str> = management.iter().chain(settings.plugins).copied().collect();
    let plugins = format!("[{}].", plugins.join(", "));
    let rabbit = settings.rabbit;
    fs::write(folder.join("rabbitmq.conf"), configuration)?;
    fs::write(
        folder.join("advanced.config"),
        format!("[{{rabbit, [{rabbit}]}}].\n"),
    )?;
    fs::write(folder.join("enabled_plugins"), plugins)
}

/// The whole environment of the node and its epmd: nothing of this process's own leaks in.
pub(crate) fn environment(inside: &Path, node: &str, ports: &Ports) -> Vec<(OsString, OsString)> {
    let below = |name: &str| inside.join(name).into_os_string();
    let text = |value: &str| OsString::from(value);
    [
        (
            "PATH",
            text("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ),
        ("LANG", text("C.UTF-8")),
        ("HOME", inside.as_os_str().to_owned()),
        ("ERL_EPMD_PORT", text(&ports.epmd.to_string())),
        ("ERL_EPMD_ADDRESS", text("127.0.0.1")),
        // No Erlang starts an epmd of its own, not even when ours is being killed.
        ("ERL_ZFLAGS", text("-start_epmd false")),
        ("RABBITMQ_NODENAME", text(node)),
        ("RABBITMQ_DIST_PORT", text(&ports.distribution.to_string())),
        ("RABBITMQ_MNESIA_BASE", below("data")),
        ("RABBITMQ_LOG_BASE", below("log")),
        ("RABBITMQ_CONFIG_FILE", below("rabbitmq.conf")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", below("advanced.config")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", below("enabled_plugins")),
        ("RABBITMQ_CONF_ENV_FILE", text("/dev/null")),
        ("ERL_CRASH_DUMP_BYTES", text("0")),
        // Makes the start script become the node, instead of waiting for it.
        ("RABBITMQ_ALLOW_INPUT", text("1")),
        // The schedulers' busy waiting would compete with everything else on few cores.
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            text(
                "-noinput -kernel inet_dist_use_interface {127,0,0,1} \
                 +sbwt none +sbwtdcpu none +sbwtdio none",
            ),
        ),
    ]
    .map(|(name, value)| (name.into(), value))
    .into()
}

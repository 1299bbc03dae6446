//! Which broker answers: its product and version, said before anybody logs in.

use amq_protocol::frame::{AMQPFrame, parsing::parse_frame};
use amq_protocol::protocol::{AMQPClass, connection};
use futures::{AsyncReadExt, AsyncWriteExt};
use lapin::tcp::AMQPUriTcpExt;
use lapin::types::AMQPValue;

use crate::{Endpoint, Error};

/// The largest introduction that is read.
const MAX_INTRODUCTION: usize = 64 * 1024;

/// A broker's own name and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// "RabbitMQ".
    pub product: String,
    /// For example "3.10.8"; empty when it does not say.
    pub version: String,
    /// What its cluster calls itself; empty when it does not say.
    pub cluster_name: String,
}

impl Server {
    /// Major and minor version, if it is written as usual.
    #[must_use]
    pub fn major_minor(&self) -> Option<(u32, u32)> {
        let mut parts = self.version.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
}

/// Asks the broker for its name and version: the `connection.start` of AMQP 0-9-1 carries them.
/// The client library keeps them to itself, so this opens a connection of its own for it.
///
/// # Errors
/// [`Error::Lost`] when nobody answers, [`Error::Protocol`] when it is no AMQP broker.
pub async fn server(endpoint: &Endpoint) -> Result<Server, Error> {
    tokio::time::timeout(endpoint.timeout, Box::pin(introduction(endpoint)))
        .await
        .unwrap_or_else(|_| {
            Err(Error::Lost(format!(
                "no answer within {:?}",
                endpoint.timeout
            )))
        })
        .map_err(|error| endpoint.name_in(error))
}

async fn introduction(endpoint: &Endpoint) -> Result<Server, Error> {
    let runtime = lapin::runtime::default_runtime()?;
    let lost = |error: std::io::Error| Error::Lost(error.to_string());
    let mut stream = endpoint
        .uri
        .connect_with_config_async(endpoint.tls().as_ref(), &runtime)
        .await
        .map_err(lost)?;
    stream
        .write_all(b"AMQP\x00\x00\x09\x01")
        .await
        .map_err(lost)?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    while bytes.len() < MAX_INTRODUCTION {
        let count = stream.read(&mut chunk).await.map_err(lost)?;
        if count == 0 {
            break;
        }
        bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
        if let Ok((
            _,
            AMQPFrame::Method(_, AMQPClass::Connection(connection::AMQPMethod::Start(start))),
        )) = parse_frame(bytes.as_slice())
        {
            let text = |name: &str| match start.server_properties.inner().get(name) {
                Some(AMQPValue::LongString(text)) => {
                    String::from_utf8_lossy(text.as_bytes()).into_owned()
                }
                _ => String::new(),
            };
            return Ok(Server {
                product: text("product"),
                version: text("version"),
                cluster_name: text("cluster_name"),
            });
        }
    }
    Err(Error::Protocol(
        "what answers there does not speak AMQP 0-9-1".to_owned(),
    ))
}

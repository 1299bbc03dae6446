//! Alerts and servers for tests.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use trade::{Alert, OVER_PURCHASE, alert_id};

use super::{Answer, Letter, Threshold};
use crate::{config, sink::Built};

/// The challenge's own example, under an order id of one's own.
pub(crate) fn alert(order_id: &str) -> Alert {
    Alert {
        alert_id: alert_id(OVER_PURCHASE, order_id),
        kind: OVER_PURCHASE.to_owned(),
        order_id: order_id.to_owned(),
        client: "Sendence".to_owned(),
        stock: "AAPL".to_owned(),
        requested: 100,
        purchased: 120,
        excess: 20,
        tipped_by: "3".to_owned(),
        opened_time_us: None,
        raised_time_us: Some(1_435_276_800_000_000),
    }
}

/// A sink made from the keys of `[channel.test]`.
pub(crate) fn built(keys: &str) -> Built {
    let text = format!("[channel.test]\n{keys}");
    let file = std::path::Path::new("channels.toml");
    let channel = config::parse(file, &text, "test").unwrap_or_else(|p| panic!("{p}"));
    Built {
        sink: channel.sink,
        recipients: channel.recipients,
    }
}

/// One attempt to the first recipient.
pub(crate) async fn send(built: &Built, alert: &Alert) -> Answer {
    let payload = alert.to_json();
    let letter = Letter {
        channel: "test",
        recipient: &built.recipients[0],
        id: alert.alert_id,
        alert,
        payload: &payload,
        more: &[],
        created_ms: 1_435_276_800_000,
        first_try_ms: 1_435_276_800_000,
    };
    let threshold = Threshold::default();
    built.sink.send(&letter, &threshold).await
}

/// One turn of a scripted server.
pub(crate) enum Turn {
    /// Writes this.
    Say(&'static str),
    /// Reads until what came ends with this.
    Hear(&'static str),
    /// Keeps quiet, and the connection open.
    Hang,
}

/// A port on which one connection is served by a script and then closed; what was heard comes
/// out of the task.
pub(crate) async fn scripted(turns: Vec<Turn>) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = String::new();
        for turn in turns {
            match turn {
                Turn::Say(words) => stream.write_all(words.as_bytes()).await.unwrap(),
                Turn::Hear(end) => hear(&mut stream, &mut heard, end).await,
                Turn::Hang => std::future::pending().await,
            }
        }
        heard
    });
    (port, task)
}

async fn hear(stream: &mut TcpStream, heard: &mut String, end: &str) {
    let mut buffer = [0; 4096];
    while !heard.ends_with(end) {
        let n = stream.read(&mut buffer).await.unwrap();
        assert!(n > 0, "closed after {heard:?}");
        heard.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
    }
}

/// A port on which nobody listens.
pub(crate) async fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

/// A sink that takes everything, ten alerts in a letter.
pub(crate) struct Digests;

impl super::Sink for Digests {
    fn send<'a>(
        &'a self,
        _letter: &'a Letter<'a>,
        threshold: &'a Threshold,
    ) -> futures::future::BoxFuture<'a, Answer> {
        threshold.cross();
        Box::pin(async { Answer::Delivered("ok".to_owned()) })
    }

    fn longest_attempt(&self) -> std::time::Duration {
        std::time::Duration::from_secs(1)
    }

    fn largest_digest(&self) -> usize {
        10
    }
}

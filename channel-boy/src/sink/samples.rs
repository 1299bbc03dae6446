//! Alerts and servers for tests.

pub(crate) mod http2;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use trade::{Alert, OVER_PURCHASE, alert_id};

use super::{
    Answer, Letter, Threshold,
    http::{Http, Speaks},
};
use crate::{
    config::{self, Problems, Section},
    sink::Built,
};

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

/// A client with the defaults.
pub(in crate::sink) fn http(speaks: Speaks) -> Http {
    let table = toml::de::DeTable::parse("").unwrap();
    let mut problems = Problems::new(std::path::Path::new("c.toml"), "");
    let mut section = Section::new(table.get_ref(), 0, true, &mut problems);
    Http::build(&mut section, speaks).unwrap()
}

/// One attempt to the first recipient.
pub(crate) async fn send(built: &Built, alert: &Alert) -> Answer {
    let payload = alert.to_json();
    let threshold = Threshold::default();
    built
        .sink
        .send(&letter(built, alert, &payload), &threshold)
        .await
}

/// A letter to the first recipient.
pub(crate) fn letter<'a>(built: &'a Built, alert: &'a Alert, payload: &'a [u8]) -> Letter<'a> {
    Letter {
        channel: "test",
        recipient: &built.recipients[0],
        id: alert.alert_id,
        alert,
        payload,
        more: &[],
        created_ms: 1_435_276_800_000,
        first_try_ms: 1_435_276_800_000,
    }
}

/// One turn of a scripted server.
pub(crate) enum Turn {
    /// Writes this.
    Say(&'static str),
    /// Reads until what came ends with this.
    Hear(&'static str),
    /// Reads one whole HTTP request, by its Content-Length.
    Request,
    /// Keeps quiet, and the connection open.
    Hang,
}

/// An HTTP answer, with a body of this length.
pub(crate) fn answer(status: u16, body: &str) -> Turn {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}");
    Turn::Say(format!("{head}\r\nconnection: close\r\n\r\n{body}").leak())
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
                Turn::Request => hear_request(&mut stream, &mut heard).await,
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

async fn hear_request(stream: &mut TcpStream, heard: &mut String) {
    let mut buffer = [0; 4096];
    loop {
        if let Some((head, body)) = heard.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return;
            }
        }
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
pub(crate) struct Digests {
    /// So many at once.
    pub(crate) ready: usize,
}

impl super::Sink for Digests {
    fn send<'a>(
        &'a self,
        _letter: &'a Letter<'a>,
        threshold: &'a Threshold,
    ) -> futures::future::BoxFuture<'a, Answer> {
        Box::pin(async move {
            match threshold.begin().await {
                Ok(begun) => begun.cross(),
                Err(answer) => return answer,
            }
            Answer::Delivered("ok".to_owned())
        })
    }

    fn longest_attempt(&self) -> std::time::Duration {
        std::time::Duration::from_secs(1)
    }

    fn largest_digest(&self) -> usize {
        10
    }

    fn ready(&self) -> usize {
        self.ready
    }
}

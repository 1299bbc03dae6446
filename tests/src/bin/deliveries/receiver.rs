//! The receiver: answers 200 to every POST, and tells what arrived to a GET.

use std::collections::HashSet;
use std::convert::Infallible;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use private_broker::Kept;
use tests::until;
use tokio::net::TcpListener;
use trade::Alert;

use crate::load::now_us;

/// A receiver in a process of its own; it ends with this value.
pub(crate) struct Receiver {
    _process: Kept,
    pub(crate) port: u16,
}

/// What has arrived since it was last told to forget.
pub(crate) struct Arrived {
    pub(crate) count: usize,
    /// Different alerts.
    pub(crate) distinct: usize,
    /// From the first to the last.
    took_s: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Arrived {
    /// Arrivals a second.
    pub(crate) fn per_s(&self) -> f64 {
        self.count as f64 / self.took_s
    }
}

impl Receiver {
    /// Starts this executable once more, as the receiver.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let file = folder.join("receiver.port");
        let command = [
            std::env::current_exe()?.into_os_string(),
            "--receive".into(),
            file.clone().into_os_string(),
        ];
        let process = Kept::start(&command, &[], &folder.join("receiver.log"))
            .context("start the receiver")?;
        let port = until("the receiver listens", || {
            fs::read_to_string(&file).ok()?.trim_end().parse().ok()
        })?;
        Ok(Self {
            _process: process,
            port,
        })
    }

    /// Where to post.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/alerts", self.port)
    }

    /// Begins to count anew.
    pub(crate) fn forget(&self) -> Result<()> {
        self.ask("DELETE").map(drop)
    }

    /// What has arrived.
    pub(crate) fn arrived(&self) -> Result<Arrived> {
        let answer = self.ask("GET")?;
        let numbers: Vec<f64> = answer
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        ensure!(numbers.len() == 6, "read what arrived: {answer}");
        Ok(Arrived {
            count: numbers[0] as usize,
            distinct: numbers[1] as usize,
            took_s: numbers[2],
            p50_ms: numbers[3],
            p99_ms: numbers[4],
            max_ms: numbers[5],
        })
    }

    fn ask(&self, method: &str) -> Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.write_all(format!("{method} / HTTP/1.0\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").context("read the answer")?;
        Ok(body.to_owned())
    }
}

#[derive(Default)]
struct Count {
    alerts: HashSet<u128>,
    /// From when each was due, in microseconds.
    latencies_us: Vec<i64>,
    first_us: i64,
    last_us: i64,
}

impl Count {
    fn take(&mut self, body: &[u8]) {
        let now_us = now_us();
        let Ok(alert) = Alert::from_json(body) else {
            return;
        };
        if self.latencies_us.is_empty() {
            self.first_us = now_us;
        }
        self.last_us = now_us;
        self.alerts.insert(alert.alert_id.as_u128());
        let due_us = alert.raised_time_us.unwrap_or(now_us);
        self.latencies_us.push(now_us - due_us);
    }

    /// The numbers of [`Arrived`].
    fn report(&self) -> String {
        let mut sorted = self.latencies_us.clone();
        sorted.sort_unstable();
        let at = |part: usize| sorted.get(sorted.len() * part / 100).or(sorted.last());
        let [p50, p99, max] = [50, 99, 100].map(|part| at(part).map_or(0.0, |us| *us as f64 / 1e3));
        let took_s = (self.last_us - self.first_us) as f64 / 1e6;
        let (count, distinct) = (sorted.len(), self.alerts.len());
        format!("{count} {distinct} {took_s} {p50} {p99} {max}")
    }
}

/// The receiver's main: never ends by itself.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn serve(port: &Path) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let count = Arc::new(Mutex::new(Count::default()));
    // Renamed, so that nobody reads half a number.
    let written = port.with_extension("new");
    fs::write(&written, listener.local_addr()?.port().to_string())?;
    fs::rename(written, port)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let count = Arc::clone(&count);
        let service = service_fn(move |request| answer(request, Arc::clone(&count)));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    request: Request<Incoming>,
    count: Arc<Mutex<Count>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let method = request.method().clone();
    let body = request.into_body().collect().await;
    let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
    let said = match (method, body) {
        (Method::POST, Ok(body)) => {
            count.take(&body.to_bytes());
            String::new()
        }
        (Method::DELETE, _) => {
            *count = Count::default();
            String::new()
        }
        _ => count.report(),
    };
    Ok(Response::new(Full::from(said)))
}

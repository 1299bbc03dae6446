//! Something between `declare` and the management API that does not always do what it should.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// It is passed on.
    Passed,
    /// The broker never sees it, and this is the answer.
    Answered(&'static str),
    /// The broker never sees it, and there is no answer.
    Silence,
}

/// Passes requests on, or does not.
pub(crate) struct Proxy {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Stands before the API at `url`. `fate` is told each request, as `GET /api/overview`, and
    /// how often it has come before.
    pub(crate) fn before(
        url: &str,
        fate: impl Fn(&str, usize) -> Fate + Send + Sync + 'static,
    ) -> Result<Self> {
        let behind: u16 = url
            .trim_end_matches('/')
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok())
            .context("the port of the management API")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (noted, fate) = (Arc::clone(&seen), Arc::new(fate));
        // They end with the process: each connection carries one request.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (noted, fate) = (Arc::clone(&noted), Arc::clone(&fate));
                thread::spawn(move || serve(&stream, behind, &noted, &*fate));
            }
        });
        Ok(Self { port, seen })
    }

    /// Its address, with user and password.
    pub(crate) fn url(&self) -> String {
        format!("http://guest:guest@127.0.0.1:{}/", self.port)
    }

    /// How many requests came that begin so.
    pub(crate) fn count(&self, start: &str) -> usize {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|one| one.starts_with(start)).count()
    }
}

fn serve(
    stream: &TcpStream,
    behind: u16,
    seen: &Mutex<Vec<String>>,
    fate: &impl Fn(&str, usize) -> Fate,
) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if !lower.starts_with("connection:") {
            head += &line;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request = head.split(" HTTP/").next().unwrap_or_default().to_owned();
    let before = {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(request.clone());
        seen.iter().filter(|one| **one == request).count() - 1
    };
    let mut out = stream;
    match fate(&request, before) {
        Fate::Answered(status) => {
            write!(
                out,
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            )
        }
        Fate::Silence => {
            // Until the other side has had enough.
            io::copy(&mut reader, &mut io::sink()).map(|_| ())
        }
        Fate::Passed => {
            let mut broker = TcpStream::connect((Ipv4Addr::LOCALHOST, behind))?;
            write!(broker, "{head}connection: close\r\n\r\n")?;
            broker.write_all(&body)?;
            io::copy(&mut broker, &mut out).map(|_| ())
        }
    }
}

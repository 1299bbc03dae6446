//! Connections to a provider, opened before anything of a letter is sent, and kept for the next.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http_body_util::Full;
use hyper::{
    Response, Uri, Version,
    body::{Bytes, Incoming},
    client::conn::{http1, http2},
};
use hyper_util::{
    client::legacy::connect::HttpConnector,
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower_service::Service;
use url::{Host, Url};

use super::{Speaks, request::Request};

/// A connection is used again only while alerts come fast: one that was idle for longer may be
/// one that the receiver is just closing, and what is lost on it would be in doubt.
const IDLE: Duration = Duration::from_millis(500);
/// Connections that wait for the next alert.
const MOST_IDLE: usize = 256;
/// An HTTP/2 connection is kept, and asked this often whether it still stands.
const PING: Duration = Duration::from_secs(20);

type Body = Full<Bytes>;

/// The connections of one client.
pub(super) struct Lines {
    speaks: Speaks,
    connector: HttpConnector,
    tls: Arc<ClientConfig>,
    idle: Mutex<Vec<Idle>>,
}

/// One that waits for the next alert.
struct Idle {
    origin: String,
    since: Instant,
    line: Line,
}

/// A connection on which a request may be sent at once.
pub(super) enum Line {
    One(http1::SendRequest<Body>),
    /// Shared by all who send at the same time.
    Two(http2::SendRequest<Body>),
}

impl Line {
    fn is_closed(&self) -> bool {
        match self {
            Self::One(line) => line.is_closed(),
            Self::Two(line) => line.is_closed(),
        }
    }

    fn version(&self) -> Version {
        match self {
            Self::One(_) => Version::HTTP_11,
            Self::Two(_) => Version::HTTP_2,
        }
    }

    async fn ready(&mut self) -> hyper::Result<()> {
        match self {
            Self::One(line) => line.ready().await,
            Self::Two(line) => line.ready().await,
        }
    }

    /// The request in this connection's form.
    ///
    /// # Errors
    /// What cannot be sent like this.
    pub(super) fn form(&self, request: Request) -> Result<hyper::Request<Body>, &'static str> {
        request.build(self.version())
    }

    /// Sends a request that has [`Line::form`]; gives the head of the answer.
    pub(super) async fn send(
        &mut self,
        request: hyper::Request<Body>,
    ) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::One(line) => line.send_request(request).await,
            Self::Two(line) => line.send_request(request).await,
        }
    }
}

impl Lines {
    /// `tls` comes without the protocols that it may agree on.
    pub(super) fn new(speaks: Speaks, timeout: Duration, mut tls: ClientConfig) -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(timeout));
        tls.alpn_protocols = match speaks {
            Speaks::Any => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Speaks::Two => vec![b"h2".to_vec()],
        };
        Self {
            speaks,
            connector,
            tls: Arc::new(tls),
            idle: Mutex::default(),
        }
    }

    /// How many requests to a URL's host could go at once.
    pub(super) fn ready(&self, url: &Url) -> usize {
        let origin = url.origin().ascii_serialization();
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let usable = idle.iter().filter(|i| i.origin == origin && i.is_usable());
        usable.fold(0, |count: usize, idle| match idle.line {
            Line::One(_) => count.saturating_add(1),
            Line::Two(_) => usize::MAX,
        })
    }

    /// A connection for a URL: one that was kept, or a new one.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn line(&self, url: &Url) -> Result<Line, String> {
        let origin = url.origin().ascii_serialization();
        while let Some(mut line) = self.kept(&origin) {
            if line.ready().await.is_ok() {
                return Ok(line);
            }
        }
        let line = self.connect(url).await?;
        if let Line::Two(shared) = &line {
            self.keep(url, Line::Two(shared.clone()));
        }
        Ok(line)
    }

    fn kept(&self, origin: &str) -> Option<Line> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(Idle::is_usable);
        let at = idle.iter().rposition(|idle| idle.origin == origin)?;
        match &idle[at].line {
            Line::Two(shared) => Some(Line::Two(shared.clone())),
            Line::One(_) => Some(idle.swap_remove(at).line),
        }
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn give_back(&self, url: &Url, line: Line) {
        if matches!(line, Line::One(_)) {
            self.keep(url, line);
        }
    }

    fn keep(&self, url: &Url, line: Line) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(Idle::is_usable);
        if idle.len() < MOST_IDLE && !line.is_closed() {
            idle.push(Idle {
                origin: url.origin().ascii_serialization(),
                since: Instant::now(),
                line,
            });
        }
    }

    async fn connect(&self, url: &Url) -> Result<Line, String> {
        // The connector wants to know where, and nothing else of the URL, which may be secret.
        let origin: Uri = url
            .origin()
            .ascii_serialization()
            .parse()
            .map_err(|_| "no connection: no host to connect to".to_owned())?;
        let mut connector = self.connector.clone();
        std::future::poll_fn(|context| connector.poll_ready(context))
            .await
            .map_err(|error| no_connection(&error))?;
        let stream = connector.call(origin).await;
        let stream = stream.map_err(|error| no_connection(&error))?.into_inner();
        if url.scheme() != "https" {
            return self
                .greet(Stream::Plain(stream), self.speaks == Speaks::Two)
                .await;
        }
        let name = match url.host() {
            Some(Host::Domain(name)) => ServerName::try_from(name.to_owned()).ok(),
            Some(Host::Ipv4(address)) => Some(ServerName::from(std::net::IpAddr::from(address))),
            Some(Host::Ipv6(address)) => Some(ServerName::from(std::net::IpAddr::from(address))),
            None => None,
        };
        let name = name.ok_or("no connection: no host to connect to")?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(name, stream).await;
        let stream = stream.map_err(|error| no_connection(&error))?;
        let agreed = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        if self.speaks == Speaks::Two && !agreed {
            return Err("no connection: the server does not speak HTTP/2".to_owned());
        }
        self.greet(Stream::Tls(Box::new(stream)), agreed).await
    }

    async fn greet(&self, stream: Stream, two: bool) -> Result<Line, String> {
        let stream = TokioIo::new(stream);
        // The connections end when their lines are dropped; what they meet comes back from the
        // requests.
        Ok(if two {
            let (line, connection) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .keep_alive_interval(PING)
                .keep_alive_timeout(PING)
                .keep_alive_while_idle(true)
                .handshake(stream)
                .await
                .map_err(|error| no_connection(&error))?;
            tokio::spawn(connection);
            Line::Two(line)
        } else {
            let (line, connection) = http1::handshake(stream)
                .await
                .map_err(|error| no_connection(&error))?;
            tokio::spawn(connection);
            Line::One(line)
        })
    }
}

impl Idle {
    /// An HTTP/2 connection says itself when it is gone.
    fn is_usable(&self) -> bool {
        let fresh = matches!(self.line, Line::Two(_)) || self.since.elapsed() < IDLE;
        fresh && !self.line.is_closed()
    }
}

fn no_connection(error: &dyn std::error::Error) -> String {
    super::words("no connection", error)
}

/// Bytes in the clear or under TLS.
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The same call of whichever it is.
macro_rules! either {
    ($stream:expr, $call:ident($($argument:expr),*)) => {
        match $stream.get_mut() {
            Self::Plain(stream) => Pin::new(stream).$call($($argument),*),
            Self::Tls(stream) => Pin::new(stream).$call($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_shutdown(context))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, poll_write_vectored(context, parts))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

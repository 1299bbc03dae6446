//! HTTP/1.1 and HTTP/2, with and without TLS.

use std::convert::Infallible;
use std::future::pending;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rustix::net::sockopt::set_socket_linger;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use crate::Desk;
use crate::faults::Fault;
use crate::providers::{Reply, Verdict};

/// The certificate that the owner made.
pub(crate) fn tls(folder: &Path) -> Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(folder.join("server.pem"))?;
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain.collect::<Result<_, _>>()?, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

pub(crate) async fn listen(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    desk: Arc<Desk>,
) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let (tls, desk) = (tls.clone(), Arc::clone(&desk));
        tokio::spawn(async move {
            // Senders are killed all the time: a connection that breaks is nothing to report.
            let _ = connection(stream, tls, desk).await;
        });
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, desk: Arc<Desk>) -> Result<()> {
    stream.set_nodelay(true)?;
    let socket = stream.as_fd().try_clone_to_owned()?;
    match tls {
        Some(tls) => exchange(tls.accept(stream).await?, socket, desk).await,
        None => exchange(stream, socket, desk).await,
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    socket: OwnedFd,
    desk: Arc<Desk>,
) -> Result<()> {
    let reset = Arc::new(Notify::new());
    let asked = Arc::clone(&reset);
    let service = service_fn(move |request| {
        let (desk, reset) = (Arc::clone(&desk), Arc::clone(&asked));
        async move { Ok::<_, Infallible>(answer(request, &desk, &reset).await) }
    });
    let builder = Builder::new(TokioExecutor::new());
    tokio::select! {
        served = builder.serve_connection(TokioIo::new(stream), service) => {
            served.map_err(|error| anyhow::anyhow!(error))
        }
        () = reset.notified() => {
            // Closed without a lingering, the system sends a reset.
            Ok(set_socket_linger(&socket, Some(Duration::ZERO))?)
        }
    }
}

async fn answer(request: Request<Incoming>, desk: &Desk, reset: &Notify) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let head = head(&parts);
    if desk.faults.before_body(&head) {
        reset.notify_one();
        return pending().await;
    }
    let Ok(body) = body.collect().await else {
        return pending().await; // the sender is gone
    };
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let taken = match desk.providers.judge(&parts, &body) {
        Verdict::Answer(reply) => {
            eprintln!("{}: {} {}", parts.uri.path(), reply.status, reply.body);
            return respond(&reply);
        }
        Verdict::Take(reply) => reply,
    };
    let turned_away = |status| respond(&Reply::failure(status));
    let outcome = match desk.faults.after_body(&head, &body) {
        None => accept(desk, &parts, &head, &body).map(|()| respond(&taken)),
        Some(Fault::Busy) => turn_away(desk, &head, &body).map(|()| turned_away(429)),
        Some(Fault::Broken) => turn_away(desk, &head, &body).map(|()| turned_away(500)),
        Some(Fault::Never) => turn_away(desk, &head, &body).map(|()| turned_away(400)),
        Some(fault) => match accept(desk, &parts, &head, &body) {
            Ok(()) => Ok(after_accepting(fault, &taken, reset).await),
            Err(error) => Err(error),
        },
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("{error:#}");
        respond(&Reply::failure(500))
    })
}

async fn after_accepting(fault: Fault, taken: &Reply, reset: &Notify) -> Response<Full<Bytes>> {
    match fault {
        Fault::AcceptReset => {
            reset.notify_one();
            pending().await
        }
        Fault::AcceptBroken => respond(&Reply::failure(500)),
        Fault::Late(pause) => {
            tokio::time::sleep(pause).await;
            respond(taken)
        }
        _ => pending().await,
    }
}

fn accept(desk: &Desk, parts: &Parts, head: &str, body: &str) -> Result<()> {
    desk.log.accept("http", head, body)?;
    desk.providers.remember(parts, body);
    Ok(())
}

fn turn_away(desk: &Desk, head: &str, body: &str) -> Result<()> {
    desk.log.turn_away("http", head, body)
}

/// The request line and the headers, a line each.
fn head(parts: &Parts) -> String {
    let mut head = format!("{:?} {} {}", parts.version, parts.method, parts.uri);
    for (name, value) in &parts.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        head += &format!("\n{name}: {value}");
    }
    head
}

fn respond(reply: &Reply) -> Response<Full<Bytes>> {
    let mut response = Response::builder()
        .status(reply.status)
        .header("content-type", "application/json");
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    response
        .body(Full::from(reply.body.clone()))
        .context("a response")
        .unwrap_or_default()
}

//! An HTTP/2 server of one reaction.

use std::convert::Infallible;

use h2::{Reason, server};
use tokio::{net::TcpListener, task::JoinHandle};

/// What it does to every request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reaction {
    Answer(u16, &'static str),
    RefuseStream,
    ResetStream,
    Hang,
    /// Drops the connection.
    Drop,
}

/// Serves one connection.
pub(crate) async fn serve(reaction: Reaction) -> (u16, JoinHandle<Option<Infallible>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.ok()?;
        let mut connection = server::handshake(stream).await.ok()?;
        let mut held = Vec::new();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            match reaction {
                Reaction::Answer(status, body) => {
                    let mut response = ::http::Response::new(());
                    *response.status_mut() = ::http::StatusCode::from_u16(status).unwrap();
                    let mut send = respond.send_response(response, false).unwrap();
                    send.send_data(body.into(), true).unwrap();
                }
                Reaction::RefuseStream => respond.send_reset(Reason::REFUSED_STREAM),
                Reaction::ResetStream => respond.send_reset(Reason::INTERNAL_ERROR),
                Reaction::Hang => held.push((request, respond)),
                Reaction::Drop => return None,
            }
        }
        None
    });
    (port, task)
}

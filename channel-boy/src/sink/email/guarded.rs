//! A connection that may become an encrypted one, read so that nothing said in the clear is left
//! over by then.
//!
//! Who sits in between can append replies to the server's "220 go ahead". A client that has read
//! them along would take them for the server's first words under TLS (CVE-2011-0411 and its
//! kin). So in the clear one byte is read at a time: the SMTP library never holds more than the
//! line it waits for, and what was appended is still to be read when TLS begins, which refuses
//! it.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// What a TLS handshake begins with, and no SMTP command does.
const HANDSHAKE: u8 = 0x16;

/// The connection.
#[derive(Debug)]
pub(super) struct Guarded {
    stream: TcpStream,
    is_clear: bool,
}

impl Guarded {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            is_clear: true,
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.is_clear {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut one))?;
        buffer.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.first() == Some(&HANDSHAKE) {
            self.is_clear = false;
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsyncTokioStream for Guarded {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

    use super::*;

    #[tokio::test]
    async fn nothing_is_left_over_when_tls_begins() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        server
            .write_all(b"220 go ahead\r\n250 injected\r\n")
            .await
            .unwrap();
        let mut reader = BufReader::new(Guarded::new(client));
        let mut line = String::new();
        reader.read_line(&mut line).await.unwrap();
        assert_eq!(line, "220 go ahead\r\n");
        assert!(reader.buffer().is_empty());
        // TLS begins: it is TLS that meets what was injected.
        reader
            .get_mut()
            .write_all(&[HANDSHAKE, 3, 1])
            .await
            .unwrap();
        let mut met = [0; 64];
        let n = reader.get_mut().read(&mut met).await.unwrap();
        assert_eq!(&met[..n], b"250 injected\r\n");
    }
}

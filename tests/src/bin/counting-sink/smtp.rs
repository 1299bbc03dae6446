//! SMTP, as much of it as a mail needs (RFC 5321).

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use rustix::net::sockopt::set_socket_linger;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

use crate::Desk;
use crate::faults::Fault;

pub(crate) async fn listen(listener: TcpListener, desk: Arc<Desk>) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            // Senders are killed all the time: a connection that breaks is nothing to report.
            let _ = session(BufStream::new(stream), &desk).await;
        });
    }
}

async fn session(mut stream: BufStream<TcpStream>, desk: &Desk) -> Result<()> {
    say(&mut stream, "220 counting").await?;
    let mut envelope = String::new();
    loop {
        let line = hear(&mut stream).await?;
        let verb = line.trim_end().split([' ', ':']).next().unwrap_or_default();
        let reply = match verb.to_ascii_uppercase().as_str() {
            "EHLO" | "HELO" | "NOOP" => "250 counting",
            "RSET" => {
                envelope.clear();
                "250 forgotten"
            }
            "MAIL" | "RCPT" => {
                envelope += &line;
                "250 so far, so good"
            }
            "DATA" if desk.faults.before_body(&envelope) => return reset(stream),
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                let mail = mail(&mut stream).await?;
                judge(&mut stream, desk, &envelope, &mail).await?;
                envelope.clear();
                continue;
            }
            "QUIT" => return say(&mut stream, "221 bye").await,
            _ => "502 never heard of it",
        };
        say(&mut stream, reply).await?;
    }
}

/// Everything up to the final dot.
async fn mail(stream: &mut BufStream<TcpStream>) -> Result<String> {
    let mut mail = String::new();
    loop {
        let line = hear(stream).await?;
        match line.trim_end_matches(['\r', '\n']) {
            "." => return Ok(mail),
            text => mail += text.strip_prefix('.').unwrap_or(text),
        }
        mail.push('\n');
    }
}

async fn judge(
    stream: &mut BufStream<TcpStream>,
    desk: &Desk,
    envelope: &str,
    mail: &str,
) -> Result<()> {
    let fault = desk.faults.after_body(envelope, mail);
    match fault {
        Some(Fault::Busy | Fault::Broken | Fault::Never) => {
            desk.log.turn_away("smtp", envelope, mail)?;
        }
        _ => desk.log.accept("smtp", envelope, mail)?,
    }
    match fault {
        None => say(stream, "250 taken").await,
        Some(Fault::Busy) => say(stream, "451 later").await,
        Some(Fault::Never) => say(stream, "554 never").await,
        Some(Fault::Broken | Fault::AcceptBroken) => say(stream, "what?").await,
        Some(Fault::Late(pause)) => {
            tokio::time::sleep(pause).await;
            say(stream, "250 taken").await
        }
        Some(Fault::AcceptReset) => {
            set_socket_linger(stream.get_ref(), Some(Duration::ZERO))?;
            bail!("reset")
        }
        Some(Fault::AcceptHang | Fault::ResetBeforeBody) => pending().await,
    }
}

/// Closed without a lingering, the system sends a reset.
fn reset(stream: BufStream<TcpStream>) -> Result<()> {
    set_socket_linger(stream.get_ref(), Some(Duration::ZERO))?;
    drop(stream);
    Ok(())
}

async fn say(stream: &mut BufStream<TcpStream>, reply: &str) -> Result<()> {
    stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
    Ok(stream.flush().await?)
}

async fn hear(stream: &mut BufStream<TcpStream>) -> Result<String> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line).await? == 0 {
        bail!("the sender hung up");
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

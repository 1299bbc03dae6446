//! One SMTP session, step by step, so that each loss is known by the step it fell into.

use std::{fmt, time::Duration};

use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
        response::Response,
    },
};
use tokio::{
    net::TcpStream,
    sync::Notify,
    time::{Instant, sleep_until, timeout, timeout_at},
};

use super::{Answer, Threshold, Tls, guarded::Guarded};
use crate::wording::one_line;

/// How long a good-bye may take; nothing waits for it.
const QUIT: Duration = Duration::from_secs(2);

/// A server and how to talk to it.
pub(super) struct Session {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) hello: ClientId,
    pub(super) tls: Tls,
    pub(super) tls_parameters: Option<TlsParameters>,
    pub(super) credentials: Option<Credentials>,
    /// For everything up to the final dot.
    pub(super) timeout: Duration,
    /// From the final dot to its reply: RFC 5321 asks for 10 minutes.
    pub(super) reply_timeout: Duration,
}

impl Session {
    /// Delivers one mail to one recipient.
    pub(super) async fn send(
        &self,
        from: &Address,
        to: &Address,
        mail: &[u8],
        threshold: &Threshold,
    ) -> Answer {
        let deadline = Instant::now() + self.timeout;
        let late = |step: &str| Answer::not_taken(format!("no answer in time, {step}"));

        // Of the whole session, not of this mail: whatever the reply, it says nothing on it.
        let mut connection = match timeout_at(deadline, self.connect()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(why)) => return Answer::not_taken(why),
            Err(_) => return late("connecting"),
        };
        match timeout_at(deadline, envelope(&mut connection, from, to)).await {
            Ok(Ok(())) => {}
            Ok(Err(answer)) => {
                part(connection);
                return answer;
            }
            Err(_) => return late("before the mail's data"),
        }
        let answer = self.data(&mut connection, mail, deadline, threshold).await;
        part(connection);
        answer
    }

    /// The longest that [`Session::send`] takes.
    pub(super) fn longest(&self) -> Duration {
        self.timeout.saturating_add(self.reply_timeout)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, String> {
        let mut connection = self.hello().await?;
        let wanted = match self.tls {
            Tls::None | Tls::Wrapper => false,
            Tls::Starttls => connection.can_starttls(),
            Tls::Required => true,
        };
        if let Some(parameters) = self.tls_parameters.as_ref().filter(|_| wanted) {
            connection
                .starttls(parameters.clone(), &self.hello)
                .await
                .map_err(|error| format!("STARTTLS: {}", words(&error)))?;
        }
        if let Some(credentials) = &self.credentials {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            // The server's words are left out: some repeat what they were sent.
            connection
                .auth(&mechanisms, credentials)
                .await
                .map_err(|error| match error.status() {
                    Some(code) => format!("login: refused with {code}"),
                    None => "login: it broke off, or the server offers no way in".to_owned(),
                })?;
        }
        Ok(connection)
    }

    /// Connects and exchanges greetings.
    async fn hello(&self) -> Result<AsyncSmtpConnection, String> {
        let server = (self.host.as_str(), self.port);
        let hello = &self.hello;
        let greeted = if self.tls == Tls::Wrapper {
            let tls = self.tls_parameters.clone();
            AsyncSmtpConnection::connect_tokio1(server, None, hello, tls, None).await
        } else {
            let no_way = |error| format!("connecting: {}", words(&error));
            let stream = TcpStream::connect(server).await.map_err(no_way)?;
            // The final dot is written by itself: it must not wait for an acknowledgement.
            stream.set_nodelay(true).map_err(no_way)?;
            let stream = Guarded::new(stream);
            AsyncSmtpConnection::connect_with_transport(Box::new(stream), hello).await
        };
        greeted.map_err(|error| format!("connecting: {}", words(&error)))
    }

    /// The longest before the mail's data.
    pub(super) fn longest_approach(&self) -> Duration {
        self.timeout
    }

    /// From the first byte of the mail to the reply to its final dot.
    async fn data(
        &self,
        connection: &mut AsyncSmtpConnection,
        mail: &[u8],
        deadline: Instant,
        threshold: &Threshold,
    ) -> Answer {
        let begun = match threshold.begin().await {
            Ok(begun) => begun,
            Err(answer) => return answer,
        };
        // The connection asks for the next part when it has written the one before, and writes
        // the final dot once there is none: that is the moment from which the server may take
        // the mail.
        let dot = Notify::new();
        let mut parts = [mail].into_iter();
        let parts = std::iter::from_fn(|| {
            let part = parts.next();
            if part.is_none() {
                begun.cross();
                dot.notify_one();
            }
            part
        });
        let mut reply = std::pin::pin!(connection.message_iter(parts));
        let reply = tokio::select! {
            biased;
            reply = &mut reply => Some(reply),
            // A bound of its own, whatever is left of the deadline.
            () = dot.notified() => timeout(self.reply_timeout, reply).await.ok(),
            () = sleep_until(deadline) => None,
        };
        let Some(reply) = reply else {
            return threshold.cut_off("no reply in time to the final dot");
        };
        match reply {
            Ok(reply) if (200..300).contains(&code(&reply)) => {
                Answer::Delivered(one_line(&joined(&reply), 200))
            }
            Ok(reply) => Answer::Unknown(format!("to the final dot: {}", code(&reply))),
            Err(error) => {
                let why = format!("to the final dot: {}", words(&error));
                definite(&error, &why).unwrap_or_else(|| threshold.cut_off(why))
            }
        }
    }
}

async fn envelope(
    connection: &mut AsyncSmtpConnection,
    from: &Address,
    to: &Address,
) -> Result<(), Answer> {
    let judge =
        |step: &str, wanted: std::ops::Range<u16>, reply: Result<Response, Error>| match reply {
            Ok(reply) if wanted.contains(&code(&reply)) => Ok(()),
            Ok(reply) => Err(Answer::not_taken(format!("to {step}: {}", code(&reply)))),
            Err(error) => {
                let why = format!("to {step}: {}", words(&error));
                Err(definite(&error, &why).unwrap_or(Answer::not_taken(why)))
            }
        };
    let reply = connection.command(Mail::new(Some(from.clone()), vec![]));
    judge("the sender", 200..300, reply.await)?;
    let reply = connection.command(Rcpt::new(to.clone(), vec![]));
    judge("the recipient", 200..300, reply.await)?;
    judge("DATA", 354..355, connection.command(Data).await)
}

/// Log in first, or STARTTLS first (RFC 4954, RFC 3207): of the session, not of the mail.
const NOT_LIKE_THIS: u16 = 530;

/// What a 4xx or 5xx means; `None` for what is no reply.
fn definite(error: &Error, why: &str) -> Option<Answer> {
    if error.status().map(u16::from) == Some(NOT_LIKE_THIS) {
        Some(Answer::not_taken(why))
    } else if error.is_permanent() {
        Some(Answer::Refused(why.to_owned()))
    } else if error.is_transient() {
        Some(Answer::not_taken(why))
    } else {
        None
    }
}

/// Says good-bye without making anybody wait: the answer is known already.
fn part(mut connection: AsyncSmtpConnection) {
    tokio::spawn(async move {
        let _ = timeout(QUIT, connection.quit()).await;
    });
}

fn code(reply: &Response) -> u16 {
    reply.code().into()
}

fn joined(reply: &Response) -> String {
    let lines: Vec<_> = reply.message().collect();
    format!("{} {}", code(reply), lines.join(" "))
}

/// The error and the server's words, on one line.
fn words(error: &impl fmt::Display) -> String {
    one_line(&error.to_string(), 300)
}

//! Another bus: a message by AMQP 0-9-1, with publisher confirms and `message_id` = the alert's.
//!
//! | what happens | outcome |
//! |---|---|
//! | no connection, no TLS, no login, no channel | not taken |
//! | confirmed | delivered |
//! | returned: no queue is bound for it | not taken |
//! | the exchange does not exist, or this user may not write to it | not taken |
//! | a negative confirm, of a queue | not taken |
//! | a negative confirm, of an exchange, which may have reached some of its queues | unknown |
//! | too large for the broker, a routing key of more than 255 bytes | refused |
//! | the connection lost, or no confirm in time | unknown |

use std::{path::Path, time::Duration};

use broker::{Endpoint, EndpointError, Error, Header, Message, Pool, Publisher};
use futures::future::BoxFuture;
use tokio::time::{Instant, timeout_at};

use super::{Answer, Built, Kind, Letter, Sink, Threshold, http::is_loopback};
use crate::{
    config::Section,
    wording::{Style, Template, one_line},
};

pub(crate) const KIND: Kind = Kind {
    name: "amqp",
    build,
};

/// The recipient in the ledger: where the bus is may change.
const RECIPIENT: &str = "bus";

/// Connections, each for one publish at a time.
const CONNECTIONS: usize = 4;

struct Amqp {
    pool: Pool,
    target: Target,
    idempotent: bool,
    timeout: Duration,
}

/// Where a message goes.
enum Target {
    Queue(String),
    /// With the template of a routing key, or the alert's own.
    Exchange(String, Option<Box<Template>>),
}

fn build(section: &mut Section<'_>) -> Option<Built> {
    let endpoint = endpoint(section);
    let target = target(section);
    let idempotent = section.flag("idempotent").unwrap_or(false);
    let timeout = section
        .duration("timeout")
        .unwrap_or(Duration::from_secs(30));
    let endpoint = endpoint?.with_timeout(timeout);
    let pool = Pool::new(endpoint, "channel-boy", CONNECTIONS)
        .map_err(|error| section.problem("url", &words(&error)))
        .ok()?;
    Some(Built {
        sink: Box::new(Amqp {
            pool,
            target: target?,
            idempotent,
            timeout,
        }),
        recipients: vec![RECIPIENT.to_owned()],
    })
}

fn endpoint(section: &mut Section<'_>) -> Option<Endpoint> {
    let words = "names the other bus, amqps://host (or url_env, url_file with a password)";
    let place = section.place(words);
    let allow_plain = section.flag("allow_plain").unwrap_or(false);
    let ca_file = match section.file("ca_file") {
        Some(_) => section.text("ca_file"),
        None => None, // said already, or not to be looked at
    };
    let place = place?;
    let ca_file = ca_file.map(|file| section.beside(Path::new(file)));
    let text = place.url.reveal();
    let endpoint = match Endpoint::parse(text, ca_file.as_deref()) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            let key = match error {
                EndpointError::CaFile { .. }
                | EndpointError::CaEmpty(_)
                | EndpointError::CaWithoutTls => "ca_file",
                _ => "url",
            };
            section.problem(key, &error.to_string());
            return None;
        }
    };
    let words = if place.is_open && text.contains('@') {
        "has credentials in it: use url_env or url_file"
    } else if !endpoint.is_encrypted() && !allow_plain && !is_loopback(endpoint.host()) {
        "must begin with amqps://, or say allow_plain = true to send in the clear"
    } else {
        return Some(endpoint);
    };
    section.problem("url", words);
    None
}

fn target(section: &mut Section<'_>) -> Option<Target> {
    let queue = section.text("queue");
    let exchange = section.text("exchange");
    let key = match section.has("routing_key") {
        true => Some(Box::new(section.template(
            "routing_key",
            Style::Plain,
            "{{ kind }}",
        )?)),
        false => None,
    };
    match (queue, exchange) {
        (Some(queue), None) if key.is_none() => Some(Target::Queue(queue.to_owned())),
        (Some(_), None) => {
            section.problem("routing_key", "goes with exchange, and not with queue");
            None
        }
        (None, Some(exchange)) => Some(Target::Exchange(exchange.to_owned(), key)),
        (Some(_), Some(_)) => {
            section.problem("queue", "and exchange are both given: leave one out");
            None
        }
        (None, None) => {
            section.missing("queue or exchange", "says where to publish");
            None
        }
    }
}

impl Sink for Amqp {
    fn send<'a>(
        &'a self,
        letter: &'a Letter<'a>,
        threshold: &'a Threshold,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let deadline = Instant::now() + self.timeout;
            let connecting = async {
                let connection = self.pool.connection().await?;
                let publisher = connection.publisher(1).await?;
                Ok::<_, Error>((connection, publisher))
            };
            // The connection is kept for as long as its publisher is needed.
            let (_connection, publisher) = match timeout_at(deadline, connecting).await {
                Ok(Ok(connected)) => connected,
                Ok(Err(error)) => return Answer::not_taken(words(&error)),
                Err(_) => return Answer::not_taken("no connection in time"),
            };
            let begun = match threshold.begin().await {
                Ok(begun) => begun,
                Err(answer) => return answer,
            };
            begun.cross();
            let deadline = Instant::now() + self.timeout;
            let published = publish(&publisher, self.message(letter));
            match timeout_at(deadline, published).await {
                Ok(published) => self.judge(published),
                Err(_) => Answer::Unknown("no confirm in time".to_owned()),
            }
        })
    }

    /// `timeout` to connect, and as much again for the confirm.
    fn longest_attempt(&self) -> Duration {
        self.timeout.saturating_mul(2)
    }

    fn longest_approach(&self) -> Duration {
        self.timeout
    }

    fn idempotent(&self) -> bool {
        self.idempotent
    }
}

async fn publish(publisher: &Publisher, message: Message) -> Result<(), Error> {
    publisher.publish(&message).await?.confirmed().await
}

impl Amqp {
    /// The same at every attempt.
    fn message(&self, letter: &Letter<'_>) -> Message {
        let (exchange, routing_key) = match &self.target {
            Target::Queue(queue) => (String::new(), queue.clone()),
            Target::Exchange(exchange, key) => {
                let key = key.as_ref().map(|key| key.render(&letter.named()));
                let key = key.unwrap_or_else(|| letter.alert.routing_key());
                (exchange.clone(), key)
            }
        };
        Message {
            exchange,
            routing_key,
            body: letter.payload.to_vec().into(),
            content_type: Some("application/json"),
            message_id: Some(letter.id.to_string()),
            headers: vec![("aldebaran-kind", Header::Text(letter.alert.kind.clone()))],
        }
    }

    fn judge(&self, published: Result<(), Error>) -> Answer {
        let Err(error) = published else {
            return Answer::Delivered("confirmed".to_owned());
        };
        let why = words(&error);
        match (error, &self.target) {
            (Error::Returned { .. } | Error::Missing(_) | Error::Denied(_), _)
            | (Error::Refused, Target::Queue(_)) => Answer::not_taken(why),
            (Error::Conflict(_) | Error::Name(_), _) => Answer::Refused(why),
            (Error::Refused | Error::Lost(_) | Error::Protocol(_) | Error::Cancelled(_), _) => {
                Answer::Unknown(why)
            }
        }
    }
}

fn words(error: &Error) -> String {
    let remedy = match error.is_of_a_stranger() {
        true => ": if its authority is your own, ca_file names the file of its certificates",
        false => "",
    };
    one_line(&format!("failed to {error}{remedy}"), 300)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::samples::{self, Turn::*, closed_port, scripted};

    fn sink(target: Target) -> Amqp {
        let endpoint = Endpoint::parse("amqp://127.0.0.1:1/%2f", None).unwrap();
        Amqp {
            pool: Pool::new(endpoint, "test", 1).unwrap(),
            target,
            idempotent: false,
            timeout: Duration::from_secs(1),
        }
    }

    fn built(port: u16) -> Built {
        samples::built(&format!(
            "sink = 'amqp'\nurl = 'amqp://127.0.0.1:{port}/%2f'\nqueue = 'q'\ntimeout = '500ms'"
        ))
    }

    #[test]
    fn each_verdict_means_what_the_table_says() {
        let text = String::new;
        let returned = || Error::Returned {
            exchange: text(),
            routing_key: text(),
            reply: text(),
        };
        for (error, of_queue, of_exchange) in [
            (returned(), "not taken", "not taken"),
            (Error::Missing(text()), "not taken", "not taken"),
            (Error::Denied(text()), "not taken", "not taken"),
            (Error::Refused, "not taken", "unknown"),
            (Error::Conflict(text()), "refused", "refused"),
            (Error::Name(text()), "refused", "refused"),
            (Error::Lost(text()), "unknown", "unknown"),
            (Error::Protocol(text()), "unknown", "unknown"),
        ] {
            let queue = sink(Target::Queue("q".to_owned()));
            let exchange = sink(Target::Exchange("x".to_owned(), None));
            assert_eq!(queue.judge(Err(error.clone())).word(), of_queue, "{error}");
            assert_eq!(
                exchange.judge(Err(error.clone())).word(),
                of_exchange,
                "{error}"
            );
        }
        assert_eq!(
            sink(Target::Queue(text())).judge(Ok(())).word(),
            "delivered"
        );
    }

    #[test]
    fn a_private_authority_goes_with_tls() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = |url: &str, pem: &str| {
            std::fs::write(folder.path().join("ca.pem"), pem).unwrap();
            let file = folder.path().join("channels.toml");
            let text = format!(
                "[channel.test]\nsink = 'amqp'\nurl = '{url}'\nqueue = 'q'\nca_file = 'ca.pem'"
            );
            let parsed = crate::config::parse(&file, &text, "test");
            parsed.err().map(|problems| problems.to_string())
        };
        let certificate = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
        assert_eq!(wrong("amqps://bus.example.com", certificate), None);
        let words = wrong("amqp://127.0.0.1", certificate).unwrap();
        assert!(
            words.contains("ca_file") && words.contains("TLS"),
            "{words}"
        );
        let words = wrong("amqps://bus.example.com", "nothing").unwrap();
        assert!(
            words.contains("ca_file") && words.contains("PEM"),
            "{words}"
        );
    }

    #[test]
    fn the_message_carries_alert_id_and_key() {
        let built = built(1);
        let alert = samples::alert("1");
        let payload = alert.to_json();
        let letter = samples::letter(&built, &alert, &payload);
        let key = Template::new(Style::Plain, Some("a.{{ stock }}"), "x").unwrap();
        let message = sink(Target::Exchange("x".to_owned(), Some(Box::new(key)))).message(&letter);
        assert_eq!(message.routing_key, "a.AAPL");
        assert_eq!(message.message_id, Some(alert.alert_id.to_string()));
        assert_eq!(message.body, payload);
        let own = sink(Target::Exchange("x".to_owned(), None)).message(&letter);
        assert_eq!(own.routing_key, "over_purchase.Sendence.AAPL");
    }

    #[tokio::test]
    async fn no_connection_is_not_taken() {
        let answer = samples::send(&built(closed_port().await), &samples::alert("1")).await;
        assert_eq!(answer.word(), "not taken", "{answer:?}");
        for turns in [vec![], vec![Say("HTTP/1.1 400 x\r\n\r\n")], vec![Hang]] {
            let (port, _server) = scripted(turns).await;
            let answer = samples::send(&built(port), &samples::alert("1")).await;
            assert_eq!(answer.word(), "not taken", "{answer:?}");
        }
    }
}

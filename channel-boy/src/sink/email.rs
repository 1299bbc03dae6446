//! Mail by SMTP: one connection, one transaction, one recipient.
//!
//! | what happens | outcome |
//! |---|---|
//! | no connection, no TLS, no login, whatever the reply; a loss before the final dot | not taken |
//! | 4xx or 530 (log in or STARTTLS first) to sender, recipient, DATA or the final dot | not taken |
//! | any other 5xx to them | refused |
//! | 2xx to the final dot | delivered |
//! | a loss, a silence or nonsense after the final dot | unknown (RFC 1047) |

mod guarded;
mod session;

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use futures::future::BoxFuture;
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, TlsParameters},
        extension::ClientId,
    },
};

use self::session::Session;
use super::{Answer, Built, Kind, Letter, Sink, Threshold};
use crate::{
    config::{Secret, Section},
    wording::{Style, Template, one_line},
};

pub(crate) const KIND: Kind = Kind {
    name: "email",
    build,
};

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    /// Not at all.
    None,
    /// STARTTLS where the server offers it.
    Starttls,
    /// STARTTLS, or no mail.
    Required,
    /// TLS from the first byte (submissions, 465).
    Wrapper,
}

/// The built-in words.
const SUBJECT: &str = "{{ summary }}";
const TEXT: &str = include_str!("email/text.jinja");
const HTML: &str = include_str!("email/html.jinja");

/// Characters of a subject.
const SUBJECT_LENGTH: usize = 200;

/// Alerts in one mail.
const LARGEST_DIGEST: usize = 500;

struct Email {
    session: Session,
    from: Mailbox,
    subject: Template,
    text: Template,
    html: Template,
    largest_digest: OnceLock<usize>,
    /// The right-hand side of each Message-ID.
    id_domain: String,
}

fn build(section: &mut Section<'_>) -> Option<Built> {
    let host = section.required("host", "names the SMTP server");
    let modes = [
        ("none", Tls::None),
        ("starttls", Tls::Starttls),
        ("required", Tls::Required),
        ("wrapper", Tls::Wrapper),
    ];
    let tls = section.choice("tls", &modes).unwrap_or(Tls::Required);
    let port = section.integer("port", 1..=65535).unwrap_or(match tls {
        Tls::None | Tls::Starttls => 25,
        Tls::Required => 587,
        Tls::Wrapper => 465,
    });
    let credentials = credentials(section, tls);
    let from = section
        .required("from", "is the sender's address")
        .map(mailbox);
    if let Some(Err(words)) = &from {
        section.problem("from", words);
    }
    let recipients = section.list("recipients", "lists who gets the mail", |text| {
        address(text).map(|_| text.to_owned())
    });
    let id_domain = section.text("message_id_domain");
    if id_domain.is_some_and(|domain| Address::new("x", domain).is_err() || !domain.is_ascii()) {
        section.problem(
            "message_id_domain",
            "must be a domain, for example \"example.com\"",
        );
    }
    let subject = section.template("subject", Style::Plain, SUBJECT);
    let text = section.template("text", Style::Plain, TEXT);
    let html = section.template("html", Style::Html, HTML);
    let timeout = section
        .duration("timeout")
        .unwrap_or(Duration::from_secs(60));
    let reply_timeout = section
        .duration("reply_timeout")
        .unwrap_or(Duration::from_secs(600));
    let ca = section.file("ca_file");
    if tls == Tls::None && section.has("ca_file") {
        section.problem(
            "ca_file",
            "needs tls = \"starttls\", \"required\" or \"wrapper\"",
        );
    }
    let (host, from) = (host?, from?.ok()?);
    let tls_parameters = match tls {
        Tls::None => None,
        _ => Some(tls_parameters(section, host, ca.as_deref())?),
    };
    Some(Built {
        recipients: recipients?,
        sink: Box::new(Email {
            session: Session {
                host: host.to_owned(),
                port: port.try_into().ok()?,
                hello: ClientId::default(),
                tls,
                tls_parameters,
                credentials,
                timeout,
                reply_timeout,
            },
            id_domain: id_domain.unwrap_or(from.email.domain()).to_owned(),
            from,
            subject: subject?,
            text: text?,
            html: html?,
            largest_digest: OnceLock::new(),
        }),
    })
}

fn credentials(section: &mut Section<'_>, tls: Tls) -> Option<Credentials> {
    let user = section.text("user");
    let given = section.has_secret("password");
    let password = section.secret("password");
    if given && !matches!(tls, Tls::Required | Tls::Wrapper) {
        let words = "may not be sent in the clear: it needs tls = \"required\" or \"wrapper\"";
        section.problem(
            if section.has("password_env") {
                "password_env"
            } else {
                "password_file"
            },
            words,
        );
    }
    if given && user.is_none() {
        section.missing("user", "goes with the password");
    }
    if user.is_some() && !given {
        section.missing("password_env or password_file", "goes with user");
    }
    let password = password.as_ref().map(Secret::reveal)?;
    Some(Credentials::new(user?.to_owned(), password.to_owned()))
}

fn tls_parameters(
    section: &mut Section<'_>,
    host: &str,
    ca: Option<&str>,
) -> Option<TlsParameters> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(pem) = ca {
        let Some(certificate) = certificate(pem) else {
            section.problem("ca_file", "names a file without certificates in PEM form");
            return None;
        };
        builder = builder.add_root_certificate(certificate);
    }
    let built = builder.build_rustls();
    if let Err(error) = &built {
        section.problem("tls", &format!("cannot be set up: {error}"));
    }
    built.ok()
}

fn certificate(pem: &str) -> Option<Certificate> {
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        return None;
    }
    Certificate::from_pem(pem.as_bytes()).ok()
}

/// ASCII only: what is beyond needs SMTPUTF8, which too few servers on the way speak.
fn address(text: &str) -> Result<Address, String> {
    let words = format!("{text:?} is not an address like name@example.com, in ASCII");
    match text.parse::<Address>() {
        Ok(address) if text.is_ascii() => Ok(address),
        _ => Err(words),
    }
}

/// `name@example.com` or `Name <name@example.com>`.
fn mailbox(text: &str) -> Result<Mailbox, String> {
    let words = "must be an address: \"name@example.com\" or \"Name <name@example.com>\"";
    let mailbox: Mailbox = text.parse().map_err(|_| words.to_owned())?;
    if text.chars().any(char::is_control) || !mailbox.email.to_string().is_ascii() {
        return Err(words.to_owned());
    }
    Ok(mailbox)
}

impl Sink for Email {
    fn send<'a>(
        &'a self,
        letter: &'a Letter<'a>,
        threshold: &'a Threshold,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let to = match address(letter.recipient) {
                Ok(to) => to,
                Err(words) => return Answer::Refused(words),
            };
            match self.compose(letter, &to) {
                Ok(mail) => {
                    self.session
                        .send(&self.from.email, &to, &mail, threshold)
                        .await
                }
                Err(error) => Answer::Refused(format!("the mail cannot be written: {error}")),
            }
        })
    }

    fn longest_attempt(&self) -> Duration {
        self.session.longest()
    }

    fn longest_approach(&self) -> Duration {
        self.session.longest_approach()
    }

    fn largest_digest(&self) -> usize {
        *self.largest_digest.get_or_init(|| {
            let of = |template: &Template| {
                Template::largest_digest(LARGEST_DIGEST, |alerts| template.render(alerts))
            };
            of(&self.text).min(of(&self.html))
        })
    }
}

impl Email {
    /// The mail's bytes: the same at every attempt, so that a receiver may know a repeat.
    fn compose(&self, letter: &Letter<'_>, to: &Address) -> Result<Vec<u8>, lettre::error::Error> {
        let created = Duration::from_millis(letter.created_ms.try_into().unwrap_or(0));
        let header = |name, value: &str| HeaderValue::new(name, value.to_owned());
        let alerts = letter.named();
        let name = mail_name(letter);
        let mail = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(one_line(&self.subject.render(&alerts), SUBJECT_LENGTH))
            .date(SystemTime::UNIX_EPOCH + created)
            .message_id(Some(format!("<{name}@{}>", self.id_domain)))
            .raw_header(header(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated",
            ))
            .raw_header(header(
                HeaderName::new_from_ascii_str("X-Aldebaran-Alert"),
                &letter.id.to_string(),
            ))
            .multipart(
                MultiPart::alternative()
                    .boundary(&name)
                    .singlepart(SinglePart::plain(self.text.render(&alerts)))
                    .singlepart(SinglePart::html(self.html.render(&alerts))),
            )?;
        Ok(mail.formatted())
    }
}

/// `hash(alert, channel, recipient)`. Ids and channel names hold no newline, so that no two keys
/// are spelled alike.
fn mail_name(letter: &Letter<'_>) -> String {
    let key = format!("{}\n{}\n{}", letter.id, letter.channel, letter.recipient);
    let hash = ledger::hash(key.as_bytes());
    let hex = |byte: &u8| format!("{byte:02x}");
    hash[..20].iter().map(hex).collect()
}

#[cfg(test)]
mod tests;

//! Text messages by Twilio's Messages API, or by what speaks like it.
//!
//! | what happens | outcome |
//! |---|---|
//! | no connection, no TLS; 401, 403 (of the account, not of the message); 429 | not taken |
//! | 400 with code 21611 (the sender's queue is full); 503 with Retry-After | not taken |
//! | 2xx with a message's `sid` | delivered: Twilio took it |
//! | 2xx with status `failed`, `undelivered` or `canceled`; any other 4xx | refused |
//! | 408; any other answer, none, a connection lost after the first byte | unknown |
//!
//! Twilio knows no repeat, but can be asked: it lists what it took by recipient, sender and day.

mod lookup;
mod message;

use std::{sync::OnceLock, time::Duration};

use futures::future::BoxFuture;
use trade::Alert;
use url::Url;

use self::message::Sender;
use super::{
    Answer, Built, Kind, Letter, Proof, Sink, Threshold,
    http::{self, Http, Request, Speaks},
};
use crate::{
    config::{Secret, Section},
    wording::{Style, Template, segment::segments},
};

pub(crate) const KIND: Kind = Kind { name: "sms", build };

const BASE_URL: &str = "https://api.twilio.com";

const TEXT: &str = "\
{% if count > 1 %}
{{ count }} alerts:{% for a in alerts %} {{ a.alert_id }}{% endfor %}
{%- else %}
{{ summary }} ({{ client }}) [{{ short_id }}]
{%- endif %}";

/// Twilio takes no longer text.
const LONGEST_TEXT: usize = 1600;

/// Alerts in one text: their ids, and some words.
const LARGEST_DIGEST: usize = 40;

struct Sms {
    http: Http,
    /// `{base}/2010-04-01/Accounts/{sid}/Messages.json`
    messages: Url,
    user: String,
    token: Secret,
    sender: Sender,
    text: Template,
    /// Segments that one alert may take.
    segments: usize,
    validity: Option<Duration>,
    largest_digest: OnceLock<usize>,
}

fn build(section: &mut Section<'_>) -> Option<Built> {
    let base = http::url(section, "base_url", Some(BASE_URL));
    let account = section.required("account", "is Twilio's account SID, AC..");
    let user = section.text("api_key");
    for (key, text, prefix) in [("account", account, "AC"), ("api_key", user, "SK")] {
        if text.is_some_and(|text| !is_sid(text, prefix)) {
            section.problem(key, &format!("must be {prefix} and 32 digits of base 16"));
        }
    }
    let token = section.required_secret("token", "is the account's token, or the API key's secret");
    let sender = message::sender(section);
    let recipients = section.list("recipients", "lists who gets the text", |text| {
        message::is_number(text)
            .then(|| text.to_owned())
            .ok_or_else(|| format!("{text:?} is no number like +4930123456"))
    });
    let limit = section.integer("segments", 1..=10).unwrap_or(1);
    let limit = usize::try_from(limit).ok()?;
    let text = section.template("text", Style::Sms, TEXT);
    let validity = section.duration("validity");
    let most = Duration::from_secs(1)..=Duration::from_secs(36_000);
    if validity.is_some_and(|validity| !most.contains(&validity)) {
        section.problem("validity", "must be from 1s to 10h");
    }
    let http = Http::build(section, Speaks::Any)?;
    let account = account?;
    Some(Built {
        sink: Box::new(Sms {
            http,
            messages: http::below(
                &base?,
                &["2010-04-01", "Accounts", account, "Messages.json"],
            ),
            user: user.unwrap_or(account).to_owned(),
            token: token?,
            sender: sender?,
            text: text?,
            segments: limit,
            validity,
            largest_digest: OnceLock::new(),
        }),
        recipients: recipients?,
    })
}

fn is_sid(text: &str, prefix: &str) -> bool {
    let digits = text.strip_prefix(prefix);
    digits.is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

impl Sink for Sms {
    fn send<'a>(
        &'a self,
        letter: &'a Letter<'a>,
        threshold: &'a Threshold,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let request = self.request(letter);
            match self.http.deliver(request, threshold).await {
                Ok(reply) => message::judge(&reply),
                Err(answer) => answer,
            }
        })
    }

    fn longest_attempt(&self) -> Duration {
        self.http.longest()
    }

    fn longest_approach(&self) -> Duration {
        self.http.longest_approach()
    }

    fn largest_digest(&self) -> usize {
        let count = || Template::largest_digest(LARGEST_DIGEST, |alerts| self.text(alerts));
        *self.largest_digest.get_or_init(count)
    }

    /// Only when the text names the alert: the same words for two alerts would prove nothing.
    fn can_ask(&self) -> bool {
        self.text.names_the_alert()
    }

    fn ask<'a>(&'a self, letter: &'a Letter<'a>) -> BoxFuture<'a, Proof> {
        Box::pin(async move {
            if !self.can_ask() {
                return Proof::None("the text does not name the alert".to_owned());
            }
            lookup::ask(self, letter).await
        })
    }
}

impl Sms {
    fn request(&self, letter: &Letter<'_>) -> Request {
        let mut form = vec![
            ("To", letter.recipient.to_owned()),
            self.sender.field(),
            ("Body", self.text(&letter.named())),
        ];
        if let Some(validity) = self.validity {
            form.push(("ValidityPeriod", validity.as_secs().to_string()));
        }
        let form: Vec<_> = form
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        Request::post(self.messages.clone())
            .basic_auth(&self.user, self.token.reveal())
            .form(&form)
    }

    /// The same at every attempt. A digest takes the segments that its ids need.
    fn text(&self, alerts: &[&Alert]) -> String {
        let limit = match alerts {
            [_] => self.segments,
            _ => usize::MAX,
        };
        let fits = |text: &str| segments(text) <= limit && text.chars().count() <= LONGEST_TEXT;
        let text = self.text.render_fitting(alerts, fits);
        text.chars().take(LONGEST_TEXT).collect()
    }
}

#[cfg(test)]
mod tests;

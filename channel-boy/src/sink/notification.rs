//! What a push notification says, whoever carries it: a title and a body, short enough for both
//! providers, which refuse payloads of more than 4096 bytes.

use std::sync::OnceLock;

use trade::Alert;

use crate::{
    config::Section,
    wording::{Style, Template},
};

const TITLE: &str =
    "{% if count > 1 %}{{ count }} alerts{% else %}Over-purchase: {{ client }}{% endif %}";
const BODY: &str = "\
{% if count > 1 %}
{% for a in alerts %}{{ a.alert_id }} {% endfor %}
{%- else %}
{{ summary }}
{%- endif %}";

/// Bytes that each may take in a payload.
const LONGEST_TITLE: usize = 400;
const LONGEST_BODY: usize = 2400;

/// Alerts in one notification, at most.
const LARGEST_DIGEST: usize = 50;

/// The words of a channel's notifications.
pub(super) struct Notification {
    title: Template,
    body: Template,
    largest_digest: OnceLock<usize>,
}

impl Notification {
    /// Reads the templates `title` and `body`.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let title = section.template("title", Style::Plain, TITLE);
        let body = section.template("body", Style::Plain, BODY);
        Some(Self {
            title: title?,
            body: body?,
            largest_digest: OnceLock::new(),
        })
    }

    pub(super) fn title(&self, alerts: &[&Alert]) -> String {
        short(&self.title, alerts, LONGEST_TITLE)
    }

    pub(super) fn body(&self, alerts: &[&Alert]) -> String {
        short(&self.body, alerts, LONGEST_BODY)
    }

    /// How many alerts a body can name.
    pub(super) fn largest_digest(&self) -> usize {
        let count = || Template::largest_digest(LARGEST_DIGEST, |alerts| self.body(alerts));
        *self.largest_digest.get_or_init(count)
    }
}

/// With strangers' strings cut as far as it takes, and if that is not enough, the text.
fn short(template: &Template, alerts: &[&Alert], longest: usize) -> String {
    let mut text = template.render_fitting(alerts, |text| bytes(text) <= longest);
    while bytes(&text) > longest {
        text.pop();
    }
    text
}

/// What the text takes in JSON.
fn bytes(text: &str) -> usize {
    let escaped = |c: char| matches!(c, '"' | '\\' | '\n' | '\t' | '\r');
    let control = |c: char| c.is_control() && !escaped(c);
    text.len() + text.matches(escaped).count() + 5 * text.matches(control).count()
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sink::samples;

    pub(in crate::sink) fn built_in() -> Notification {
        Notification {
            title: Template::new(Style::Plain, None, TITLE).unwrap(),
            body: Template::new(Style::Plain, None, BODY).unwrap(),
            largest_digest: OnceLock::new(),
        }
    }

    proptest! {
        /// Nothing that a stranger writes makes a payload that is refused for its size.
        #[test]
        fn a_notification_stays_short(poison in "(\\PC|[\"\\\\]|😀){0,300}") {
            let mut alert = samples::alert("1");
            (alert.client, alert.stock, alert.order_id) = (poison.clone(), poison.clone(), poison);
            let everything = "{{ client }}{{ stock }}{{ order_id }}{{ summary }}{{ alert_id }}";
            let wordy = Notification {
                title: Template::new(Style::Plain, Some(everything), TITLE).unwrap(),
                body: Template::new(Style::Plain, Some(everything), BODY).unwrap(),
                largest_digest: OnceLock::new(),
            };
            for words in [built_in(), wordy] {
                let title = serde_json::to_string(&words.title(&[&alert])).unwrap();
                let body = serde_json::to_string(&words.body(&[&alert])).unwrap();
                prop_assert!(title.len() <= LONGEST_TITLE + 2 && title.len() > 2);
                prop_assert!(body.len() <= LONGEST_BODY + 2 && body.len() > 2);
            }
        }
    }

    #[test]
    fn a_digest_names_every_alert() {
        let words = built_in();
        assert_eq!(words.largest_digest(), LARGEST_DIGEST);
        let alerts: Vec<_> = (0..LARGEST_DIGEST)
            .map(|number| samples::alert(&number.to_string()))
            .collect();
        let body = words.body(&alerts.iter().collect::<Vec<_>>());
        let ids = alerts.iter().map(|alert| alert.alert_id.to_string());
        assert!(ids.into_iter().all(|id| body.contains(&id)), "{body}");
    }
}

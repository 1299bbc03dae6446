//! Twilio's Messages: takes texts, and lists those that it took.

use anyhow::{Context, Result, ensure};
use hyper::Method;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use super::{Reply, Verdict, field, form, header};

/// A text that was taken.
pub(crate) struct Text(Value);

impl Text {
    pub(crate) fn of(number: usize, body: &str) -> Self {
        let form = form(body);
        let date = date();
        let field = |name| field(&form, name);
        Self(json!({
            "sid": format!("SM{number:032x}"), "status": "queued", "direction": "outbound-api",
            "to": field("To"), "from": field("From"), "body": field("Body"),
            "messaging_service_sid": field("MessagingServiceSid"),
            "date_created": date, "date_sent": date, "date_updated": date,
            "error_code": null, "error_message": null, "num_segments": "1",
        }))
    }
}

pub(super) fn judge(parts: &Parts, body: &str, texts: &[Text]) -> Result<Verdict> {
    if !header(parts, "authorization").starts_with("Basic ") {
        return Ok(Verdict::Answer(Reply::failure(401)));
    }
    if parts.method == Method::GET {
        return Ok(Verdict::Answer(list(parts, texts)));
    }
    let form = form(body);
    let to = field(&form, "To").context("To is missing")?;
    ensure!(to.starts_with('+'), "To is {to:?}");
    let from = field(&form, "From").or(field(&form, "MessagingServiceSid"));
    ensure!(from.is_some(), "neither From nor MessagingServiceSid");
    let text = field(&form, "Body").context("Body is missing")?;
    ensure!((1..=1600).contains(&text.chars().count()), "Body's length");
    let Text(taken) = Text::of(texts.len(), body);
    Ok(Verdict::Take(Reply::json(201, &taken)))
}

/// The newest first; those to and from these numbers.
fn list(parts: &Parts, texts: &[Text]) -> Reply {
    let asked = form(parts.uri.query().unwrap_or_default());
    let same = |text: &Value, key: &str, name: &str| {
        field(&asked, name).is_none_or(|wanted| text[key] == wanted)
    };
    let found: Vec<&Value> = texts
        .iter()
        .rev()
        .map(|Text(text)| text)
        .filter(|text| same(text, "to", "To") && same(text, "from", "From"))
        .collect();
    let page = json!({"messages": found, "page": 0, "page_size": 1000, "next_page_uri": null,
                      "previous_page_uri": null});
    Reply::json(200, &page)
}

/// Now, as RFC 2822 writes it.
fn date() -> String {
    let now = time::OffsetDateTime::now_utc();
    now.format(&time::format_description::well_known::Rfc2822)
        .unwrap_or_default()
}

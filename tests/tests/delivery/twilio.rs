//! A text message as Twilio's own description of its API has it.
//!
//! `twilio/messages.json` is the part of that description (OpenAPI, Apache License 2.0) which is
//! about messages, without its prose, taken from the npm package `@twilio/cli-core` 8.3.2.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use private_broker::Release;
use serde_json::Value;
use tests::{Outcome, on_a_stage};

use crate::channel::Channel;
use crate::route::Route;
use crate::sinks::Sinks;

const PATH: &str = "/2010-04-01/Accounts/{AccountSid}/Messages.json";

#[test]
fn a_text_is_what_twilios_own_description_asks_for() -> Outcome {
    let description: Value = serde_json::from_str(include_str!("twilio/messages.json"))?;
    let post = &description["paths"][PATH]["post"];
    let form = &post["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"];
    ensure!(
        post["responses"]["201"].is_object(),
        "what our sink answers with"
    );
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let sinks = Sinks::start(stage)?;
        let channel = Channel::by(stage, "texts", Route::Sms, &sinks, "validity = '10m'\n")?;
        let channel_boy = channel.channel_boy("channel-boy")?.start()?;
        channel.raise(&stage.amqp()?, "an-order")?;
        channel.until_word("an-order", "delivered")?;
        channel_boy.terminate()?.successful()?;
        let arrivals = sinks.counting.arrivals("an-order")?;
        let [text] = &arrivals[..] else {
            anyhow::bail!("{arrivals:?}");
        };
        let account = format!("AC{:032x}", 7);
        let line = format!("POST {}", PATH.replace("{AccountSid}", &account));
        let first = text.head.lines().next().unwrap_or_default();
        ensure!(first.contains(&line), "{first}");
        ensure!(
            text.head
                .contains("content-type: application/x-www-form-urlencoded"),
            "{}",
            text.head
        );
        let fields: BTreeSet<_> = text
            .body
            .split('&')
            .filter_map(|f| f.split_once('='))
            .collect();
        for (name, value) in &fields {
            let known = &form["properties"][name];
            ensure!(known.is_object(), "Twilio knows no field {name}");
            if known["type"] == "integer" {
                value
                    .parse::<u32>()
                    .with_context(|| format!("{name} is {value}"))?;
            }
        }
        for needed in form["required"].as_array().context("required")? {
            let there = fields.iter().any(|(name, _)| needed == name);
            ensure!(there, "{needed} is missing: {}", text.body);
        }
        Ok(())
    })
}

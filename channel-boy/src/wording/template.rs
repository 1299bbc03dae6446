//! Templates: the words of a message, in the language of Jinja.
//!
//! The same alerts always give the same bytes, so that a repeat looks like the first attempt:
//! there is no clock, no chance and no environment in a template. No alert is lost for its
//! wording: where a template fails on some alert, the built-in one says it.

use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, syntax::SyntaxConfig};
use trade::Alert;

use super::{
    fields::{self, Clean},
    sample,
};

/// Where a text ends up, and so what must not be in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Text on lines.
    Plain,
    /// HTML: fields are escaped.
    Html,
    /// A text message: few characters, of the GSM alphabet where that is possible.
    Sms,
    /// A line of a monitoring plugin.
    Nagios,
}

/// Characters of one stranger's string.
const LIMIT: usize = 256;
/// The limits that are tried, one after another, for a text that has to be short.
const SHORTER: [usize; 10] = [64, 40, 24, 16, 12, 8, 5, 3, 2, 1];
/// Steps that a template may take: some thousand alerts in a loop, and no endless one.
const FUEL: u64 = 200_000;

const OWN: &str = "own";
const BUILT_IN: &str = "built-in";

/// A template, with the built-in one for what it fails on.
pub(crate) struct Template {
    environment: Environment<'static>,
    style: Style,
}

impl Template {
    /// Takes somebody's own words, or the built-in ones, and tries them on sample alerts.
    ///
    /// # Errors
    /// What is wrong, in words for people: syntax, a variable that is not there, a failure.
    pub(crate) fn new(
        style: Style,
        own: Option<&str>,
        built_in: &'static str,
    ) -> Result<Self, String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // A line that holds a block and nothing else leaves no line behind.
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        environment.set_syntax(syntax.map_err(|error| words(&error))?);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(move |_| match style {
            Style::Html => AutoEscape::Html,
            _ => AutoEscape::None,
        });
        let own = own.unwrap_or(built_in).to_owned();
        let added = environment
            .add_template(BUILT_IN, built_in)
            .and_then(|()| environment.add_template_owned(OWN, own));
        added.map_err(|error| words(&error))?;
        let template = Self { environment, style };
        template.check()?;
        Ok(template)
    }

    /// The words for one alert, or for several in one message.
    pub(crate) fn render(&self, alerts: &[&Alert]) -> String {
        self.render_within(alerts, LIMIT)
    }

    /// The same; strangers' strings are cut shorter and shorter until it fits. What does not fit
    /// even then comes as short as it can be made.
    pub(crate) fn render_fitting(&self, alerts: &[&Alert], fits: impl Fn(&str) -> bool) -> String {
        let mut text = String::new();
        for limit in SHORTER {
            text = self.render_within(alerts, limit);
            if fits(&text) {
                break;
            }
        }
        text
    }

    /// How many alerts, up to `most`, one message can name, every one by its whole id, with the
    /// words that `render` makes of them; 1 for words that do not.
    pub(crate) fn largest_digest(most: usize, render: impl Fn(&[&Alert]) -> String) -> usize {
        let names_all = |count: &usize| {
            let alerts: Vec<Alert> = (0..*count)
                .filter_map(|n| Some(sample(n.try_into().ok()?)))
                .collect();
            let text = render(&alerts.iter().collect::<Vec<_>>());
            alerts
                .iter()
                .all(|alert| text.contains(&alert.alert_id.to_string()))
        };
        let halves = std::iter::successors(Some(most), |count| Some(count / 2));
        halves
            .take_while(|count| *count > 1)
            .find(names_all)
            .unwrap_or(1)
    }

    /// Whether it says the same of every alert.
    pub(crate) fn is_fixed(&self) -> bool {
        let (one, mut other) = (sample(1), sample(2));
        for field in [
            &mut other.client,
            &mut other.stock,
            &mut other.kind,
            &mut other.tipped_by,
        ] {
            "other".clone_into(field);
        }
        (other.requested, other.purchased, other.excess) = (7, 9, 2);
        (other.opened_time_us, other.raised_time_us) = (None, None);
        self.render(&[&one]) == self.render(&[&other])
    }

    /// Whether two alerts that differ only in their id are told apart by the words.
    pub(crate) fn names_the_alert(&self) -> bool {
        let (one, mut other) = (sample(1), sample(1));
        other.alert_id = sample(2).alert_id;
        self.render(&[&one]) != self.render(&[&other])
    }

    fn render_within(&self, alerts: &[&Alert], limit: usize) -> String {
        self.attempt(OWN, alerts, limit)
            .or_else(|error| {
                tracing::error!(
                    "a template failed, the built-in words are used: {}",
                    words(&error)
                );
                self.attempt(BUILT_IN, alerts, limit)
            })
            .unwrap_or_else(|_| ids(alerts))
    }

    fn attempt(&self, name: &str, alerts: &[&Alert], limit: usize) -> Result<String, Error> {
        let style = self.style;
        let fields = fields::all(alerts, Clean { style, limit });
        let text = self.environment.get_template(name)?.render(fields)?;
        if text.trim().is_empty() {
            let kind = minijinja::ErrorKind::InvalidOperation;
            return Err(Error::new(kind, "nothing but blanks comes out"));
        }
        Ok(text)
    }

    /// Names that no branch of it may use, then every branch that the samples reach.
    fn check(&self) -> Result<(), String> {
        let template = self.environment.get_template(OWN);
        let template = template.map_err(|error| words(&error))?;
        let known = || fields::OF_ALERT.into_iter().chain(fields::BESIDE);
        let globals: Vec<_> = self.environment.globals().map(|(name, _)| name).collect();
        for name in template.undeclared_variables(false) {
            if !known().any(|known| known == name) && !globals.contains(&name.as_str()) {
                let known: Vec<_> = known().collect();
                return Err(format!(
                    "{name} is not known; it may say: {}",
                    known.join(", ")
                ));
            }
        }
        let mut bare = sample(1);
        (bare.opened_time_us, bare.raised_time_us) = (None, None);
        let mut other = sample(2);
        "other".clone_into(&mut other.kind);
        let several = [&sample(1), &other, &sample(3)];
        for alerts in [&[&sample(1)][..], &[&bare], &[&other], &several] {
            let tried = self.attempt(OWN, alerts, LIMIT);
            tried.map_err(|error| format!("{} (tried on {})", words(&error), of(alerts)))?;
        }
        Ok(())
    }
}

fn of(alerts: &[&Alert]) -> String {
    match alerts {
        [_] => "a sample alert".to_owned(),
        _ => format!("{} sample alerts in one message", alerts.len()),
    }
}

fn ids(alerts: &[&Alert]) -> String {
    let ids: Vec<_> = alerts.iter().map(|a| a.alert_id.to_string()).collect();
    ids.join(" ")
}

/// An error with its place in the template.
fn words(error: &Error) -> String {
    let detail = error.detail().map_or(String::new(), |d| format!(": {d}"));
    let line = match error.line() {
        Some(line) if error.name() == Some(OWN) => format!("line {line} of the template: "),
        _ => String::new(),
    };
    super::one_line(&format!("{line}{}{detail}", error.kind()), 300)
}

#[cfg(test)]
mod tests;

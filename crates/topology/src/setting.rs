//! What an argument, a policy's definition or a parameter can hold.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Scalar;

/// A value as the broker keeps it. Ordered, so that bindings with arguments have an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
    /// A text that stands elsewhere, because it is secret.
    Secret(Secret),
    /// Several values.
    List(Vec<Setting>),
    /// Values with names.
    Table(Settings),
    /// What a file cannot say (a fraction, a number beyond 64 bits), as JSON.
    Other(Number),
    /// Nothing.
    Null(()),
}

/// Values with names: arguments, a definition, a parameter.
pub type Settings = BTreeMap<String, Setting>;

/// A number that is no [`Setting::Int`], as the broker wrote it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(String);

/// Where a secret text stands. The text itself is never part of a topology.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Secret {
    /// In the environment variable of this name.
    #[serde(rename = "$env")]
    Env(String),
    /// In the file of this path, without the line break at its end.
    #[serde(rename = "$file")]
    File(String),
}

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.parse::<f64>() {
            Ok(number) => serializer.serialize_f64(number),
            Err(_) => serializer.serialize_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(|number| Self(number.to_string()))
    }
}

impl Setting {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }
}

impl From<Scalar> for Setting {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Bool(truth) => Self::Bool(truth),
            Scalar::Int(number) => Self::Int(number),
            Scalar::Text(text) => Self::Text(text),
        }
    }
}

impl From<&str> for Setting {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// As JSON would have it, texts in quotes; passwords in URLs are not shown.
impl fmt::Display for Setting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(truth) => truth.fmt(out),
            Self::Int(number) => number.fmt(out),
            Self::Text(text) => write!(out, "{:?}", without_password(text)),
            Self::Secret(secret) => secret.fmt(out),
            Self::List(items) => {
                out.write_str("[")?;
                for (count, item) in items.iter().enumerate() {
                    write!(out, "{}{item}", if count > 0 { ", " } else { "" })?;
                }
                out.write_str("]")
            }
            Self::Table(settings) => {
                out.write_str("{")?;
                for (count, (name, setting)) in settings.iter().enumerate() {
                    write!(
                        out,
                        "{}{name} = {setting}",
                        if count > 0 { ", " } else { "" }
                    )?;
                }
                out.write_str("}")
            }
            Self::Other(number) => out.write_str(&number.0),
            Self::Null(()) => out.write_str("null"),
        }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(out, "what the environment variable {name} holds"),
            Self::File(path) => write!(out, "what the file {path} holds"),
        }
    }
}

/// The text with `***` for the password of each `scheme://user:password@host` in it.
pub fn without_password(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(['/', '?', ' ', '"', ',']).unwrap_or(after.len());
        // A password may hold a slash that should have been encoded: look for the @ beyond it.
        let end = match after
            .split(char::is_whitespace) // what begins with one has an empty first part
            .next()
            .and_then(|url| url.rfind('@'))
        {
            Some(at) if after.find("://").is_none_or(|next| at < next) => end.max(at),
            _ => end,
        };
        let (authority, behind) = after.split_at(end);
        match authority.split_once(':') {
            Some((user, password)) if password.contains('@') || behind.starts_with('@') => {
                shown.push_str(user);
                shown.push_str(":***");
                let host = password.rsplit_once('@').map_or("", |(_, host)| host);
                if !behind.starts_with('@') {
                    shown.push('@');
                }
                shown.push_str(if behind.starts_with('@') { "" } else { host });
            }
            _ => shown.push_str(authority),
        }
        rest = behind;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::{Number, Secret, Setting, Settings, without_password};

    #[test]
    fn passwords_in_urls_are_not_shown() {
        for (text, shown) in [
            ("amqp://ann:s3cret@h:1/v", "amqp://ann:***@h:1/v"),
            ("amqp://ann:s3/cret@h", "amqp://ann:***@h"),
            ("a amqp://b:c@d e", "a amqp://b:***@d e"),
            ("amqp://h:5672/v", "amqp://h:5672/v"),
            ("amqp://u@h", "amqp://u@h"),
            ("plain: text", "plain: text"),
            ("x://\u{3000}/ééé@", "x://\u{3000}/ééé@"),
        ] {
            assert_eq!(without_password(text), shown);
        }
    }

    #[test]
    fn every_kind_survives_json() {
        let all = Setting::Table(Settings::from([
            ("b".to_owned(), Setting::Bool(true)),
            ("f".to_owned(), Setting::Other(Number("1.5".to_owned()))),
            ("i".to_owned(), Setting::Int(-3)),
            ("l".to_owned(), Setting::List(vec![Setting::from("x")])),
            ("n".to_owned(), Setting::Null(())),
            (
                "s".to_owned(),
                Setting::Secret(Secret::Env("NAME".to_owned())),
            ),
        ]));
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(
            json,
            r#"{"b":true,"f":1.5,"i":-3,"l":["x"],"n":null,"s":{"$env":"NAME"}}"#
        );
        assert_eq!(serde_json::from_str::<Setting>(&json).unwrap(), all);
    }
}

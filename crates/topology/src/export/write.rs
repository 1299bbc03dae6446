//! Descriptions as TOML, as a person would write it.

use std::fmt::Write;

use super::{Description, Repeat};
use crate::{Secret, Setting, Settings};

/// What a line should not be longer than.
const WIDTH: usize = 100;

/// Tables whose entries stand on a line each.
const SPREAD: [&str; 6] = [
    "arguments",
    "unchecked-arguments",
    "definition",
    "unchecked-definition",
    "limits",
    "value",
];

/// The order of what stands below a head; everything else before and by name.
const LAST: [&str; 9] = [
    "type",
    "durable",
    "auto-delete",
    "internal",
    "arguments",
    "unchecked-arguments",
    "definition",
    "unchecked-definition",
    "bindings",
];

/// A whole file.
pub(super) fn all(
    (variables, descriptions): &(Vec<(String, Setting)>, Vec<Description>),
    origin: &str,
    left_out: &[String],
) -> String {
    let mut out = comment(&format!("The topology of {origin}, written by `declare`."));
    for sentence in left_out {
        out.push_str(&comment(&format!("Left out: {sentence}")));
    }
    if !variables.is_empty() {
        out.push_str("\n[vars]\n");
        for (name, setting) in variables {
            let _ = writeln!(out, "{name} = {}", value(setting));
        }
    }
    for one in descriptions {
        out.push('\n');
        description(one, &mut out);
    }
    out
}

fn comment(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    format!("# {line}\n")
}

fn description(one: &Description, out: &mut String) {
    let names: Vec<String> = one.names.iter().map(|name| text(name)).collect();
    let _ = writeln!(out, "[{}.{}]", one.section, names.join("."));
    if let Some(repeat) = &one.repeat {
        out.push_str(&repeated(repeat));
    }
    let Setting::Table(body) = &one.body else {
        return;
    };
    let rank = |name: &str| LAST.iter().position(|last| *last == name);
    let mut entries: Vec<_> = body.iter().collect();
    entries.sort_by_key(|(name, _)| rank(name).map_or(0, |rank| rank + 1));
    for (name, setting) in entries {
        match setting {
            Setting::Table(settings) if SPREAD.contains(&name.as_str()) && !settings.is_empty() => {
                for (inner, setting) in settings {
                    let _ = writeln!(out, "{name}.{} = {}", key(inner), value(setting));
                }
            }
            Setting::List(items) if name == "bindings" => out.push_str(&bindings(items)),
            other => {
                let _ = writeln!(out, "{name} = {}", value(other));
            }
        }
    }
}

fn repeated(repeat: &Repeat) -> String {
    match repeat {
        Repeat::Numbers(0, end) => format!("for.i = \"0..{end}\"\n"),
        Repeat::Numbers(first, end) => format!("for.i = \"{first}..={}\"\n", end - 1),
        Repeat::Words(words) => {
            let list = Setting::List(words.iter().cloned().map(Setting::Text).collect());
            format!("for.name = {}\n", value(&list))
        }
        Repeat::Variable(name, over) => format!("for.{name} = {}\n", text(over)),
    }
}

fn bindings(items: &[Setting]) -> String {
    let written: Vec<String> = items.iter().map(binding).collect();
    let line = format!("bindings = [{}]\n", written.join(", "));
    if items.len() == 1 || line.len() <= WIDTH {
        return line;
    }
    let lines: String = written.iter().map(|one| format!("    {one},\n")).collect();
    format!("bindings = [\n{lines}]\n")
}

/// Source and key first.
fn binding(setting: &Setting) -> String {
    let Setting::Table(settings) = setting else {
        return value(setting);
    };
    let parts: Vec<String> = ["from", "key", "arguments"]
        .iter()
        .filter_map(|name| Some(format!("{name} = {}", value(settings.get(*name)?))))
        .collect();
    format!("{{ {} }}", parts.join(", "))
}

fn value(setting: &Setting) -> String {
    match setting {
        Setting::Bool(truth) => truth.to_string(),
        Setting::Int(number) => number.to_string(),
        Setting::Text(plain) => text(plain),
        Setting::Secret(Secret::Env(name)) => format!("{{ env = {} }}", text(name)),
        Setting::Secret(Secret::File(path)) => format!("{{ file = {} }}", text(path)),
        Setting::List(items) => {
            let items: Vec<String> = items.iter().map(value).collect();
            let line = format!("[{}]", items.join(", "));
            if line.len() <= WIDTH {
                return line;
            }
            let lines: String = items.iter().map(|item| format!("    {item},\n")).collect();
            format!("[\n{lines}]")
        }
        Setting::Table(settings) => table(settings),
        // Nothing of these is ever described.
        Setting::Other(_) | Setting::Null(()) => text(&setting.to_string()),
    }
}

fn table(settings: &Settings) -> String {
    if settings.is_empty() {
        return "{}".to_owned();
    }
    let entries: Vec<String> = settings
        .iter()
        .map(|(name, setting)| format!("{} = {}", key(name), value(setting)))
        .collect();
    format!("{{ {} }}", entries.join(", "))
}

fn key(name: &str) -> String {
    let bare = |letter: u8| letter.is_ascii_alphanumeric() || b"-_".contains(&letter);
    if !name.is_empty() && name.bytes().all(bare) {
        return name.to_owned();
    }
    text(name)
}

/// A basic string of TOML.
fn text(plain: &str) -> String {
    let mut out = String::from("\"");
    for letter in plain.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            other if other.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(other));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

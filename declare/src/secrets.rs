//! The secrets that a topology names: read from where they stand, told to nobody but the broker.

use std::collections::{BTreeMap, BTreeSet};

use broker::{Live, PasswordHash};
use program::Fault;
use topology::{Key, Object, Secret, Setting, State, without_password};

/// What the secrets of a topology are.
#[derive(Default)]
pub(crate) struct Secrets {
    pub(crate) texts: BTreeMap<Secret, String>,
}

impl Secrets {
    /// Reads every secret that the state names.
    ///
    /// # Errors
    /// [`Fault::Usage`] with all that cannot be read.
    pub(crate) fn read(wanted: &State) -> Result<Self, Fault> {
        let mut secrets = Self::default();
        let mut wrong = Vec::new();
        for (key, one) in &wanted.objects {
            let mut named = BTreeSet::new();
            collect(&one.object, &mut named);
            for secret in named {
                match text(&secret) {
                    Ok(text) => {
                        secrets.texts.insert(secret, text);
                    }
                    Err(why) => wrong.push(format!(
                        "{}:{}: {} {key} needs {secret}: {why}",
                        wanted.origin,
                        one.line.unwrap_or_default(),
                        key.kind()
                    )),
                }
            }
        }
        if wrong.is_empty() {
            Ok(secrets)
        } else {
            Err(Fault::Usage(wrong.join("\n")))
        }
    }

    /// Writes into the live state where its secrets stand, when they are the ones that are
    /// wanted: then a comparison finds them equal, and never sees them.
    pub(crate) fn recognise(&self, wanted: &State, live: &mut Live) {
        for (key, want) in &wanted.objects {
            let Some(found) = live.state.objects.get_mut(key) else {
                continue;
            };
            match (&want.object, &mut found.object) {
                (Object::User(want), Object::User(have)) => {
                    let hash = live.passwords.get(&have.name);
                    let fits = |secret: &&Secret| self.fits(secret, hash);
                    have.password = want.password.as_ref().filter(fits).cloned();
                }
                (Object::Parameter(want), Object::Parameter(have)) => {
                    self.recognise_in(&want.value, &mut have.value);
                }
                _ => {}
            }
        }
    }

    fn fits(&self, secret: &Secret, hash: Option<&PasswordHash>) -> bool {
        let text = self.texts.get(secret);
        text.zip(hash).is_some_and(|(text, hash)| hash.is_of(text))
    }

    fn recognise_in(&self, wanted: &Setting, live: &mut Setting) {
        match (wanted, live) {
            (Setting::Secret(secret), live) => {
                let same = live.text() == self.texts.get(secret).map(String::as_str);
                // One that differs is not shown either.
                *live = if same {
                    wanted.clone()
                } else {
                    Setting::from("another secret")
                };
            }
            (Setting::Table(wanted), Setting::Table(live)) => {
                for (name, wanted) in wanted {
                    if let Some(live) = live.get_mut(name) {
                        self.recognise_in(wanted, live);
                    }
                }
            }
            (Setting::List(wanted), Setting::List(live)) => {
                for (wanted, live) in wanted.iter().zip(live) {
                    self.recognise_in(wanted, live);
                }
            }
            _ => {}
        }
    }
}

/// Takes the passwords out of URLs in live parameters, described or not, so that none stands in a
/// plan, whichever way it is written.
pub(crate) fn redact(live: &mut State) {
    for one in live.objects.values_mut() {
        if let Object::Parameter(parameter) = &mut one.object {
            redact_in(&mut parameter.value);
        }
    }
}

fn redact_in(setting: &mut Setting) {
    match setting {
        Setting::Text(text) => *text = without_password(text),
        Setting::List(items) => items.iter_mut().for_each(redact_in),
        Setting::Table(settings) => settings.values_mut().for_each(redact_in),
        _ => {}
    }
}

/// The hash that a user keeps when the file names no password.
pub(crate) fn kept<'a>(key: &Key, live: &'a Live) -> Option<&'a PasswordHash> {
    match key {
        Key::User(name) => live.passwords.get(name),
        _ => None,
    }
}

fn collect(object: &Object, into: &mut BTreeSet<Secret>) {
    match object {
        Object::User(user) => into.extend(user.password.clone()),
        Object::Parameter(parameter) => collect_from(&parameter.value, into),
        _ => {}
    }
}

fn collect_from(setting: &Setting, into: &mut BTreeSet<Secret>) {
    match setting {
        Setting::Secret(secret) => {
            into.insert(secret.clone());
        }
        Setting::List(items) => items.iter().for_each(|item| collect_from(item, into)),
        Setting::Table(settings) => settings.values().for_each(|one| collect_from(one, into)),
        _ => {}
    }
}

fn text(secret: &Secret) -> Result<String, String> {
    let text = match secret {
        Secret::Env(name) => {
            std::env::var(name).map_err(|_| "it is not set, or is no text".to_owned())?
        }
        Secret::File(path) => std::fs::read_to_string(path)
            .map_err(|error| error.to_string())?
            .trim_end_matches(['\n', '\r'])
            .to_owned(),
    };
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(text)
}

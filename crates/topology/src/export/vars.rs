//! Repetitions that stand more than once become variables.

use std::collections::BTreeMap;

use super::{Description, Repeat};
use crate::Setting;

/// The variables, and the descriptions that use them.
pub(super) fn name(
    mut descriptions: Vec<Description>,
) -> (Vec<(String, Setting)>, Vec<Description>) {
    let mut times: BTreeMap<Repeat, usize> = BTreeMap::new();
    for repeat in descriptions.iter().filter_map(|one| one.repeat.as_ref()) {
        *times.entry(repeat.clone()).or_default() += 1;
    }
    times.retain(|_, times| *times > 1);
    let mut variables = Vec::new();
    let mut named: BTreeMap<Repeat, Repeat> = BTreeMap::new();
    let (mut counts, mut lists) = (0, 0);
    for repeat in times.into_keys() {
        let (name, value, instead) = match &repeat {
            Repeat::Numbers(first @ (0 | 1), end) => {
                counts += 1;
                let name = numbered("count", counts);
                let (range, value) = match first {
                    0 => (format!("0..${{{name}}}"), *end),
                    _ => (format!("1..=${{{name}}}"), end - 1),
                };
                (name, Setting::Int(value), Repeat::Variable("i", range))
            }
            Repeat::Words(words) => {
                lists += 1;
                let name = numbered("names", lists);
                let list = words.iter().cloned().map(Setting::Text).collect();
                let over = Repeat::Variable("name", format!("${{{name}}}"));
                (name, Setting::List(list), over)
            }
            Repeat::Numbers(..) | Repeat::Variable(..) => continue,
        };
        variables.push((name, value));
        named.insert(repeat, instead);
    }
    for one in &mut descriptions {
        if let Some(instead) = one.repeat.as_ref().and_then(|repeat| named.get(repeat)) {
            one.repeat = Some(instead.clone());
        }
    }
    (variables, descriptions)
}

fn numbered(name: &str, count: usize) -> String {
    match count {
        1 => name.to_owned(),
        _ => format!("{name}_{count}"),
    }
}

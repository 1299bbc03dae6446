//! Who buys and what is bought.

use std::str::FromStr;

/// The most names that can be made up.
const MOST: u32 = 1_000_000;

/// What a user gives for clients or stocks: names, or how many to make up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Names {
    Listed(Vec<String>),
    MadeUp(u32),
}

impl Names {
    /// The names themselves; made-up ones are `<prefix>1` and so on.
    pub(crate) fn list(&self, prefix: &str) -> Vec<String> {
        match self {
            Names::Listed(names) => names.clone(),
            Names::MadeUp(count) => (1..=*count).map(|n| format!("{prefix}{n}")).collect(),
        }
    }
}

impl FromStr for Names {
    type Err = String;

    /// Reads `20`, or `Goldman,Sendence`.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(count) = text.parse::<u32>() {
            return match count {
                1..=MOST => Ok(Names::MadeUp(count)),
                _ => Err(format!("from 1 to {MOST} names can be made up")),
            };
        }
        let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
        if names.iter().any(String::is_empty) {
            return Err("a list of names is NAME,NAME,.. without empty ones".to_owned());
        }
        Ok(Names::Listed(names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_made_up_and_anything_else_is_listed() {
        assert_eq!(
            "2".parse::<Names>().unwrap().list("Client-"),
            ["Client-1", "Client-2"]
        );
        assert_eq!(
            "Goldman, 7".parse::<Names>().unwrap().list(""),
            ["Goldman", "7"]
        );
        for wrong in ["", "0", "a,,b", "1000001"] {
            assert!(wrong.parse::<Names>().is_err(), "{wrong}");
        }
    }
}

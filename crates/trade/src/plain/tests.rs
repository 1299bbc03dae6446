//! The plain reader against the general one, which is the reference.

use proptest::prelude::*;

use super::*;
use crate::read::judge;
use crate::read_batch;
use crate::recorded::{judge_recorded, read_plain_recorded};

/// Fails if the plain reader reads what the general one refuses, or reads it otherwise. Gives
/// whether it reads it.
fn agrees(bytes: &[u8]) -> bool {
    let shown = String::from_utf8_lossy(bytes);
    let plain = read_plain(bytes).map(|plain| plain.trade());
    let is_plain = plain.is_some();
    if let Some(trade) = plain {
        assert_eq!(Ok(trade), judge(bytes), "{shown}");
    }
    if let Some(recorded) = read_plain_recorded(bytes) {
        assert_eq!(Ok(recorded), judge_recorded(bytes), "{shown}");
    }
    is_plain
}

/// An object, token by token, so that its parts can be changed one by one.
#[derive(Debug, Clone)]
struct Written {
    /// Names and values as JSON has them.
    members: Vec<(String, String)>,
    /// What stands between two tokens, again and again.
    spaces: Vec<String>,
}

impl Written {
    fn bytes(&self) -> Vec<u8> {
        let mut spaces = self.spaces.iter().cycle();
        let mut text = String::new();
        let mut add = |token: &str| {
            text.extend(spaces.next().map(String::as_str));
            text.push_str(token);
        };
        add("{");
        for (nth, (name, value)) in self.members.iter().enumerate() {
            if nth > 0 {
                add(",");
            }
            add(name);
            add(":");
            add(value);
        }
        add("}");
        add("");
        text.into_bytes()
    }
}

fn quoted(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    text.prop_map(|text| format!("\"{text}\""))
}

/// Strings that nothing has to be escaped in.
fn plain_string() -> impl Strategy<Value = String> {
    quoted(prop_oneof![
        3 => "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}",
        2 => "[ !#-\\[\\]-~\u{7f}]{0,40}",
        1 => "[a-zé√\u{1f600}]{0,12}",
        1 => "x{255,256}",
    ])
}

fn plain_number() -> impl Strategy<Value = String> {
    let edge = prop_oneof![
        Just(0),
        Just(9_223_372_036_854_775_807),
        Just(9_999_999_999_999_999_999),
        Just(u64::MAX)
    ];
    prop_oneof![3 => 0..1000_u64, 1 => any::<u64>(), 1 => edge]
        .prop_map(|number| number.to_string())
}

fn plain_time() -> impl Strategy<Value = String> {
    let micros = (0..=i64::MAX).prop_map(|micros| micros.to_string());
    let text = quoted("20[0-9]{2}-0[1-9]-[12][0-9]T1[0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{6})?Z");
    prop_oneof![micros, text]
}

/// Values that need the general reader, and what is no JSON at all.
fn odd_value() -> impl Strategy<Value = String> {
    let odd = [
        "00",
        "01",
        "-0",
        "-1",
        "1.0",
        "1e3",
        "1E0",
        "+1",
        ".5",
        "1.",
        "1 2",
        "0x1",
        "1_0",
        "null",
        "true",
        "[]",
        "{}",
        "[1,{\"a\":\"}\"}]",
        "\"",
        "\"\"\"",
        "",
        "NaN",
        "'1'",
        "1,",
        "1}",
        "18446744073709551616",
        "18446744073709551625",
        "28446744073709551615",
        "99999999999999999999",
        "184467440737095516150",
        "9223372036854775808",
        "\"A\\u0041\"",
        "\"\\\"\"",
        "\"\\\\\"",
        "\"\\",
        "\"\\x\"",
        "\"a\tb\"",
        "\"\0\"",
        "\"\u{1f}\"",
        "\"1234567\n\"",
        "\"12345678\\n\"",
    ];
    let odd = prop::sample::select(odd.to_vec()).prop_map(str::to_owned);
    prop_oneof![3 => odd, 1 => quoted(".{0,20}"), 1 => quoted("x{257,258}")]
}

fn odd_name() -> impl Strategy<Value = String> {
    let odd = [
        "\"\\u0069d\"",
        "\"more\"",
        "\"ID\"",
        "\"id \"",
        "\"initial_order\"",
        "\"shares\"",
        "\"#share\"",
        "\"clients\"",
        "\"stoc\"",
        "\"timer\"",
        "\"\"",
        "id",
        "1",
        "null",
    ];
    prop::sample::select(odd.to_vec()).prop_map(str::to_owned)
}

/// Trades as clients write them who write plainly.
fn plain() -> impl Strategy<Value = Written> {
    let texts = (
        plain_string(),
        prop::option::of(plain_string()),
        plain_string(),
        plain_string(),
    );
    let numbers = (plain_number(), prop::option::weighted(0.3, plain_time()));
    let spaces = prop::collection::vec("[ \t\n\r]{0,2}", 1..9);
    let members = (texts, numbers).prop_map(|((id, order_id, client, stock), (shares, time))| {
        let members = [
            ("id", Some(id)),
            ("initial_order_id", order_id),
            ("#shares", Some(shares)),
            ("client", Some(client)),
            ("stock", Some(stock)),
            ("time", time),
        ];
        let members = members.into_iter();
        members
            .filter_map(|(name, value)| Some((format!("\"{name}\""), value?)))
            .collect::<Vec<_>>()
    });
    (members.prop_shuffle(), spaces).prop_map(|(members, spaces)| Written { members, spaces })
}

/// One thing that makes a trade odd, at about this part of it.
#[derive(Debug, Clone)]
enum Oddity {
    Name(String),
    Value(String),
    Repeat,
    Drop,
    Space(String),
}

fn oddity() -> impl Strategy<Value = Oddity> {
    prop_oneof![
        odd_name().prop_map(Oddity::Name),
        odd_value().prop_map(Oddity::Value),
        // Of another member, so of another kind more often than not.
        prop_oneof![plain_string(), plain_number()].prop_map(Oddity::Value),
        Just(Oddity::Repeat),
        Just(Oddity::Drop),
        "[\u{b}\u{c}\u{a0}\u{feff}x,]".prop_map(Oddity::Space),
    ]
}

fn odd() -> impl Strategy<Value = Written> {
    let oddities = prop::collection::vec((oddity(), any::<prop::sample::Index>()), 1..3);
    (plain(), oddities).prop_map(|(mut written, oddities)| {
        for (oddity, at) in oddities {
            let members = &mut written.members;
            if members.is_empty() {
                continue;
            }
            let place = at.index(members.len());
            match oddity {
                Oddity::Name(name) => members[place].0 = name,
                Oddity::Value(value) => members[place].1 = value,
                Oddity::Repeat => members.push(members[place].clone()),
                Oddity::Drop => drop(members.remove(place)),
                Oddity::Space(space) => {
                    let place = at.index(written.spaces.len());
                    written.spaces[place] = space;
                }
            }
        }
        written
    })
}

/// Bytes that were flipped, cut out, put in, or cut off.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let of_meaning =
        prop::sample::select(b"\"\\{}[],:0129-.eE \n\x00\x1f\x7f\x80\xc3\xff".to_vec());
    let byte = prop_oneof![of_meaning, any::<u8>()];
    let damage = prop::collection::vec((0..4, any::<prop::sample::Index>(), byte), 1..3);
    (plain(), damage).prop_map(|(written, damage)| {
        let mut bytes = written.bytes();
        for (kind, at, byte) in damage {
            let at = at.index(bytes.len().max(1));
            match kind {
                _ if bytes.is_empty() => {}
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_plain_is_read_plainly_and_as_ever(written in plain()) {
        prop_assert!(agrees(&written.bytes()));
    }

    #[test]
    fn what_is_odd_is_read_as_ever(written in odd()) {
        agrees(&written.bytes());
    }

    #[test]
    fn what_is_damaged_is_read_as_ever(bytes in damaged()) {
        agrees(&bytes);
    }
}

/// Bodies of several trades, plain and otherwise, and what clients may put between them.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let trade = prop_oneof![
        4 => plain().prop_map(|written| written.bytes()),
        1 => odd().prop_map(|written| written.bytes()),
        1 => damaged(),
    ];
    let between = prop::sample::select(vec!["\n", "\r\n", " \n", "\n\n", "\n\u{c}\n\t", "", "\r"]);
    prop::collection::vec((trade, between), 0..6).prop_map(|trades| {
        let parts = trades
            .into_iter()
            .map(|(trade, between)| [&trade, between.as_bytes()].concat());
        parts.collect::<Vec<_>>().concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_body_is_read_as_its_lines_are(body in body()) {
        let shown = String::from_utf8_lossy(&body);
        let in_one_pass: Vec<_> = read_batch(&body).collect();
        let by_lines: Vec<_> = read_batch(&body).by_lines().collect();
        prop_assert_eq!(in_one_pass, by_lines, "{}", shown);
    }
}

#[test]
fn a_trade_has_its_limit_in_a_body_too() {
    let line = r##"{"id":"1","#shares":1,"client":"c","stock":"s"}"##;
    for (length, is_readable) in [(MAX_TRADE_BYTES, true), (MAX_TRADE_BYTES + 1, false)] {
        let inside = " ".repeat(length - line.len());
        let body = format!(
            "{line}\n \t{}\r\n{line}",
            line.replace('{', &format!("{{{inside}"))
        );
        let items: Vec<_> = read_batch(body.as_bytes()).collect();
        let by_lines: Vec<_> = read_batch(body.as_bytes()).by_lines().collect();
        assert_eq!(items, by_lines);
        assert_eq!(items.len(), 3);
        assert_eq!(items[1].raw.len(), length);
        assert_eq!(items[1].trade.is_ok(), is_readable);
    }
}

#[test]
fn lines_of_a_body_are_read_plainly() {
    let line = r##"{"id":"1","#shares":1,"client":"c","stock":"s"}"##;
    for (body, raw, rest) in [
        (format!("{line}\n{line}"), line, line),
        (format!("{line}\r\n\n"), line, "\n"),
        (format!(" \t{line} "), line, ""),
    ] {
        let read = read_plain_line(&body, body.as_bytes()).unwrap();
        assert_eq!((read.raw, read.rest), (raw.as_bytes(), rest.as_bytes()));
    }
    let long = " ".repeat(MAX_TRADE_BYTES);
    for other in [
        format!("{line} x"),
        format!("{line}{line}"),
        line.replace(':', ":\n"),
        format!("\n{line}"),
        line.replace('{', &format!("{{{long}")),
    ] {
        assert!(
            read_plain_line(&other, other.as_bytes()).is_none(),
            "{other}"
        );
    }
    // White space around a trade is no part of it.
    let spaced = format!("{long}{line}{long}\n");
    assert!(read_plain_line(&spaced, spaced.as_bytes()).is_some());
}

#[test]
fn what_clients_write_is_plain() {
    let id = "0123abcd-4567-4eef-8123-456789abcdef";
    let trade = Trade::Purchase(Purchase {
        id: id.into(),
        order_id: "1".into(),
        shares: u64::MAX,
        client: "Sendence".into(),
        stock: "".into(),
    });
    let mut own = Vec::new();
    trade.write_json(&mut own);
    assert!(agrees(&own));
    let value = serde_json::from_slice::<serde_json::Value>(&own).unwrap();
    assert!(agrees(value.to_string().as_bytes()));
    let pretty = serde_json::to_vec_pretty(&value).unwrap();
    assert!(agrees(&pretty));
    // As Python's `json.dumps` has it.
    let python =
        format!(r##"{{"id": "{id}", "#shares": 100, "client": "Sendence", "stock": "AAPL"}}"##);
    assert!(agrees(python.as_bytes()));
    let recorded = python.replace('}', ", \"time\": \"2015-06-26T02:00:00.000001+02:00\"}");
    assert!(agrees(recorded.as_bytes()));
    assert!(read_plain_recorded(recorded.as_bytes()).is_some());
}

#[test]
fn what_must_be_judged_is_left_alone() {
    let with = |id: &str, shares: &str, more: &str| {
        format!(r##"{{"id":{id},"#shares":{shares},"client":"c","stock":"s"{more}}}"##)
    };
    assert!(agrees(with("\"1\"", "0", "").as_bytes()));
    for (id, shares, more) in [
        ("\"1\"", "01", ""),
        ("\"1\"", "18446744073709551616", ""),
        ("\"1\"", "1.0", ""),
        ("\"1\"", "-1", ""),
        ("\"1\"", "1", ",\"id\":\"1\""),
        ("\"1\"", "1", ",\"time\":1,\"time\":1"),
        ("\"1\"", "1", ",\"more\":1"),
        ("\"1\"", "1", ","),
        ("\"1\"", "1", "}"),
        ("\"\\u0031\"", "1", ""),
        ("\"\t\"", "1", ""),
        ("1", "1", ""),
        (&format!("\"{}\"", "x".repeat(257)), "1", ""),
    ] {
        let text = with(id, shares, more);
        assert!(read_plain(text.as_bytes()).is_none(), "{text}");
    }
    let long = " ".repeat(MAX_TRADE_BYTES) + &with("\"1\"", "1", "");
    assert!(read_plain(long.as_bytes()).is_none());
}

#[test]
fn the_end_of_a_string_is_found_wherever_it_is() {
    for length in 0..40 {
        for behind in 0..20 {
            for other in ["a", "é", "\u{7f}", "\u{1f600}"] {
                for end in *b"\"\\\0\x1f\n" {
                    let mut bytes = other.repeat(length).into_bytes();
                    let expected = bytes.len();
                    bytes.push(end);
                    assert_eq!(plain_length(&bytes), Some(expected));
                    // What follows may look like an end as well.
                    bytes.extend(b"#\"!] \x01".iter().cycle().take(behind));
                    assert_eq!(plain_length(&bytes), Some(expected));
                }
                assert_eq!(plain_length(other.repeat(length).as_bytes()), None);
            }
        }
    }
}

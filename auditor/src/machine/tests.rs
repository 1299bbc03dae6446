//! Messages in, messages out, without a broker.

use broker::Header;
use engine::FORWARDED_HEADER;
use trade::TIME_HEADER;

use super::*;

fn machine() -> OverPurchase {
    let settings = Settings {
        ttl_us: 1_000_000,
        max_books: 1000,
        hash_seed: 1,
    };
    OverPurchase::new(0, 1, settings, Arc::default())
}

fn apply(machine: &mut OverPurchase, offset: u64, log_us: i64, body: &str) -> Vec<Message> {
    let mut effects = Vec::new();
    machine.apply(&message(offset, log_us, body), &mut effects);
    effects
}

fn message(offset: u64, log_us: i64, body: &str) -> LogMessage<'_> {
    LogMessage {
        offset,
        time_us: Some(log_us),
        log_us,
        begin_us: log_us,
        replayed: false,
        forwarded: false,
        body: body.as_bytes(),
    }
}

fn text(message: &Message, name: &str) -> Option<String> {
    message
        .headers
        .iter()
        .find(|(header, _)| *header == name)
        .map(|(_, value)| match value {
            Header::Text(text) => text.clone(),
            Header::Int(number) => number.to_string(),
        })
}

const CHALLENGE: &str = r##"
    {"id":"1","#shares":100,"client":"Sendence","stock":"AAPL"}
    {"id":"2","initial_order_id":"1","#shares":90,"client":"Sendence","stock":"AAPL"}
    {"id":"3","initial_order_id":"1","#shares":30,"client":"Sendence","stock":"AAPL"}
    {"id":"4","initial_order_id":"1","#shares":10,"client":"Sendence","stock":"AAPL"}"##;

#[test]
fn a_batch_gives_one_alert() {
    let effects = apply(&mut machine(), 7, 50, CHALLENGE);
    let [alert] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(alert.exchange, "Aldebaran.Alert");
    assert_eq!(alert.routing_key, "over_purchase.Sendence.AAPL");
    let body = Alert::from_json(&alert.body).unwrap();
    assert_eq!(alert.message_id, Some(body.alert_id.to_string()));
    assert_eq!(
        (body.tipped_by.as_str(), body.raised_time_us),
        ("3", Some(50))
    );
}

#[test]
fn what_cannot_be_read_is_rejected_whole_and_the_rest_is_processed() {
    let body = format!("hello \u{1F600}\n{CHALLENGE}\n{{\"id\":\"9\"}}");
    let effects = apply(&mut machine(), 7, 50, &body);
    let rejected: Vec<_> = effects
        .iter()
        .filter(|message| message.exchange == "Aldebaran.Rejected")
        .collect();
    assert_eq!((effects.len(), rejected.len()), (3, 2));
    assert_eq!(&rejected[0].body[..], "hello \u{1F600}".as_bytes());
    assert_eq!(text(rejected[0], REASON).as_deref(), Some("not-json"));
    assert_eq!(
        text(rejected[0], "aldebaran-source").as_deref(),
        Some("Aldebaran.Shards.1-0")
    );
    assert_eq!(text(rejected[0], "aldebaran-offset").as_deref(), Some("7"));
    assert_eq!(text(rejected[0], "aldebaran-line").as_deref(), Some("1"));
    assert_eq!(text(rejected[1], REASON).as_deref(), Some("missing-field"));
}

const REASON: &str = "aldebaran-reason";

#[test]
fn a_message_of_garbage_becomes_few_messages() {
    let effects = apply(&mut machine(), 7, 50, &"x\n".repeat(5000));
    assert_eq!(effects.len(), 101);
    assert_eq!(effects[100].body.len(), 2 * 4900);
    assert_eq!(
        text(&effects[100], "aldebaran-lines").as_deref(),
        Some("4900")
    );
}

#[test]
fn a_request_with_another_limit_is_rejected() {
    let again = CHALLENGE.replace("100", "1000");
    let mut machine = machine();
    apply(&mut machine, 7, 50, CHALLENGE);
    let effects = apply(&mut machine, 8, 51, again.lines().nth(1).unwrap());
    assert_eq!(text(&effects[0], REASON).as_deref(), Some("conflict"));
}

#[test]
fn a_misplaced_trade_is_forwarded() {
    let mut machine = machine_of_a_wrong_shard();
    let effects = apply(&mut machine, 7, 50, CHALLENGE);
    assert_eq!(effects.len(), 1);
    assert_eq!(read_batch(&effects[0].body).count(), 4);
    assert_eq!(effects[0].exchange, "Aldebaran.Shards.8");
    assert_eq!(effects[0].routing_key, shard_of("1", 8).to_string());
    assert_eq!(text(&effects[0], TIME_HEADER).as_deref(), Some("50"));
    assert_eq!(
        text(&effects[0], FORWARDED_HEADER),
        Some(machine.source.to_string())
    );
}

#[test]
fn a_trade_that_is_misplaced_again_is_rejected_and_goes_round_no_more() {
    let mut effects = Vec::new();
    let forwarded = LogMessage {
        forwarded: true,
        ..message(7, 50, CHALLENGE)
    };
    machine_of_a_wrong_shard().apply(&forwarded, &mut effects);
    let reasons: Vec<_> = effects.iter().filter_map(|m| text(m, REASON)).collect();
    assert_eq!(reasons, ["misplaced"; 4]);
    assert!(effects.iter().all(|m| m.exchange == "Aldebaran.Rejected"));
}

fn machine_of_a_wrong_shard() -> OverPurchase {
    let settings = Settings {
        ttl_us: 1_000_000,
        max_books: 1000,
        hash_seed: 1,
    };
    OverPurchase::new((shard_of("1", 8) + 1) % 8, 8, settings, Arc::default())
}

#[test]
fn an_idle_shard_keeps_its_books_and_the_next_message_ends_them_first() {
    let mut machine = machine();
    let lines: Vec<_> = CHALLENGE.trim().lines().collect();
    assert!(apply(&mut machine, 7, 50, lines[0]).is_empty());
    assert!(apply(&mut machine, 8, 60, lines[1]).is_empty());
    // Nothing comes for an hour; then what would tip the order, were its book still open.
    assert_eq!(machine.oldest_needed().map(|needed| needed.offset), Some(7));
    assert!(apply(&mut machine, 9, 3_600_000_060, lines[2]).is_empty());
    assert_eq!(machine.oldest_needed().map(|needed| needed.offset), Some(9));
}

#[test]
fn an_orphan_is_said_when_its_book_ends() {
    let mut machine = machine();
    let purchase = CHALLENGE.lines().nth(2).unwrap();
    assert!(apply(&mut machine, 7, 50, purchase).is_empty());
    assert_eq!(
        machine.oldest_needed(),
        Some(Needed {
            offset: 7,
            log_us: 50
        })
    );
    let effects = apply(&mut machine, 8, 1_000_051, "");
    assert_eq!(text(&effects[0], REASON).as_deref(), Some("orphan"));
    assert_eq!(
        &effects[0].body[..],
        br#"{"order_id":"1","purchases":1,"shares":"90"}"#
    );
    assert_eq!(machine.oldest_needed(), None);
}

use broker::Message;

use super::*;

/// A machine with an effect for each message, that needs nothing of the past.
struct Echo;

impl Machine for Echo {
    fn apply(&mut self, _: &LogMessage<'_>, effects: &mut Vec<Message>) {
        effects.push(Message::default());
    }

    fn oldest_needed(&self) -> Option<Needed> {
        None
    }
}

fn token(resume: u64, emitted: u64, read: u64) -> Token {
    Token {
        resume: Some(Needed {
            offset: resume,
            log_us: 0,
        }),
        emitted_offset: Some(emitted),
        read: Some((read, time_us(read))),
        ..Token::default()
    }
}

fn time_us(offset: u64) -> i64 {
    i64::try_from(offset).unwrap() * 1000
}

fn arrived(offset: u64, time_us: i64) -> Arrived<'static> {
    Arrived {
        offset,
        time_us: Some(time_us),
        forwarded: false,
        after_gap: false,
        body: b"",
    }
}

fn read(shard: &mut Shard<Echo>, offset: u64) -> Result<bool, WrongLog> {
    shard.apply(arrived(offset, time_us(offset)), i64::MAX, &mut Vec::new())
}

#[test]
fn a_log_is_known_at_the_message_that_was_read_last() {
    let mut shard = Shard::take_over(Echo, token(8, 9, 10), 0);
    for offset in [8, 9] {
        read(&mut shard, offset).unwrap();
        assert!(!shard.is_known());
    }
    let other = shard.apply(arrived(10, 7), i64::MAX, &mut Vec::new());
    assert_eq!(other, Err(WrongLog { offset: 10 }));
    read(&mut shard, 10).unwrap();
    assert!(shard.is_known());
}

#[test]
fn a_log_without_the_message_that_was_read_last_is_another() {
    let mut shard = Shard::take_over(Echo, token(8, 9, 10), 0);
    read(&mut shard, 8).unwrap();
    assert_eq!(read(&mut shard, 11), Err(WrongLog { offset: 11 }));
    let mut shard = Shard::take_over(Echo, token(10, 10, 10), 0);
    assert_eq!(read(&mut shard, 11), Err(WrongLog { offset: 11 }));
}

#[test]
fn what_retention_took_says_nothing_about_the_log() {
    let mut shard = Shard::take_over(Echo, token(8, 9, 10), 0);
    assert_eq!(shard.gap_before(11), 3);
    let after_gap = Arrived {
        after_gap: true,
        ..arrived(11, time_us(11))
    };
    let read = shard.apply(after_gap, i64::MAX, &mut Vec::new());
    assert_eq!(read, Ok(false));
}

#[test]
fn a_log_can_be_recognised_before_all_of_it_is_read() {
    let mut shard = Shard::take_over(Echo, token(8, 9, 10), 0);
    let wrong = shard.recognise(arrived(10, 7));
    assert_eq!(wrong, Err(WrongLog { offset: 10 }));
    assert_eq!(
        shard.recognise(arrived(11, time_us(11))),
        Err(WrongLog { offset: 11 })
    );
    assert!(!shard.is_known());
    shard.recognise(arrived(10, time_us(10))).unwrap();
    assert!(shard.is_known() && !shard.is_rebuilt());
}

/// The owner began without a token, so what it writes carries the former log's generation.
#[test]
fn a_token_of_a_former_log_leaves_no_trace_in_the_progress() {
    let mut shard = Shard::take_over(Echo, Token::default(), 0);
    for offset in 0..=25 {
        read(&mut shard, offset).unwrap();
    }
    for offset in (0..=25).filter(|offset| *offset != 13) {
        shard.confirmed(offset);
    }
    assert!(!shard.knows_less_than(&token(15, 20, 20)));
    assert!(!shard.knows_less_than(&Token::default()));
    assert_eq!(shard.progress().emitted_offset, Some(12));
    // What knows more is begun with, and shows itself wrong at its message.
    assert!(shard.knows_less_than(&token(15, 20, 26)));
    assert!(shard.knows_less_than(&Token::default().of_the_next_log()));
}

#[test]
fn what_waits_behind_an_effect_that_no_queue_takes_is_bounded() {
    let mut shard = Shard::take_over(Echo, Token::default(), 0);
    let mut offset = 0;
    while shard.has_room() {
        read(&mut shard, offset).unwrap();
        if offset > 0 {
            shard.confirmed(offset);
        }
        offset += 1;
        assert!(offset < 1_000_000);
    }
    shard.confirmed(0);
    assert!(shard.has_room());
    assert_eq!(shard.progress().emitted_offset, Some(offset - 1));
}

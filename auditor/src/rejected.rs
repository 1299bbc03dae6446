//! What cannot be processed goes whole to `Aldebaran.Rejected`, with the reason in headers.

use broker::{Header, Message};
use bytes::Bytes;
use topology::names;
use trade::{Item, Unreadable};

/// A short, stable word for why.
const REASON: &str = "aldebaran-reason";
/// The same in a sentence.
const DETAIL: &str = "aldebaran-detail";
/// The queue or stream that it came from.
const SOURCE: &str = "aldebaran-source";
/// Its message's offset in that stream.
const OFFSET: &str = "aldebaran-offset";
/// The line of that message that it begins on, from 1.
const LINE: &str = "aldebaran-line";
/// How many lines are collected in the body.
const LINES: &str = "aldebaran-lines";

/// How many lines of one message are rejected one by one; the others are collected into one
/// more, so that a message of garbage does not become millions.
const ONE_BY_ONE: usize = 100;

/// Why something is rejected.
pub(crate) struct Reason {
    pub(crate) word: &'static str,
    pub(crate) detail: String,
}

impl From<&Unreadable> for Reason {
    fn from(unreadable: &Unreadable) -> Self {
        Reason {
            word: unreadable.reason(),
            detail: unreadable.to_string(),
        }
    }
}

/// Collects what is rejected of one message.
pub(crate) struct Rejections<'a> {
    source: &'a str,
    offset: Option<u64>,
    count: usize,
    rest: Vec<u8>,
    rest_lines: i64,
}

impl<'a> Rejections<'a> {
    /// Nothing yet of the message at `offset` of `source` (a queue has no offsets).
    pub(crate) fn of(source: &'a str, offset: Option<u64>) -> Self {
        Rejections {
            source,
            offset,
            count: 0,
            rest: Vec::new(),
            rest_lines: 0,
        }
    }

    /// Rejects an item of the message; gives what is to be published now.
    pub(crate) fn reject(&mut self, item: &Item<'_>, reason: &Reason) -> Option<Message> {
        self.count += 1;
        if self.count <= ONE_BY_ONE {
            let line = i64::try_from(item.line).unwrap_or(i64::MAX);
            return Some(self.message(item.raw, reason, vec![(LINE, Header::Int(line))]));
        }
        self.collect(item.raw);
        None
    }

    /// Rejects something that is no line of the message; gives what is to be published now.
    pub(crate) fn reject_whole(&mut self, body: &[u8], reason: &Reason) -> Option<Message> {
        self.count += 1;
        if self.count <= ONE_BY_ONE {
            return Some(self.message(body, reason, Vec::new()));
        }
        self.collect(body);
        None
    }

    fn collect(&mut self, line: &[u8]) {
        self.rest.extend_from_slice(line);
        self.rest.push(b'\n');
        self.rest_lines += 1;
    }

    /// What was collected.
    pub(crate) fn rest(self) -> Option<Message> {
        if self.rest_lines == 0 {
            return None;
        }
        let reason = Reason {
            word: "many",
            detail: format!("more than {ONE_BY_ONE} rejected at one message; these are the others"),
        };
        let lines = vec![(LINES, Header::Int(self.rest_lines))];
        Some(self.message(&self.rest, &reason, lines))
    }

    fn message(
        &self,
        body: &[u8],
        reason: &Reason,
        mut headers: Vec<(&'static str, Header)>,
    ) -> Message {
        headers.push((REASON, Header::Text(reason.word.to_owned())));
        headers.push((DETAIL, Header::Text(reason.detail.clone())));
        headers.push((SOURCE, Header::Text(self.source.to_owned())));
        if let Some(offset) = self.offset {
            headers.push((
                OFFSET,
                Header::Int(i64::try_from(offset).unwrap_or(i64::MAX)),
            ));
        }
        Message {
            exchange: names::REJECTED.to_owned(),
            routing_key: reason.word.to_owned(),
            body: Bytes::copy_from_slice(body),
            headers,
            ..Message::default()
        }
    }
}

//! Headers that only measurements read. Nothing depends on them, and no body changes with them.

/// Of an alert: when the trade that raised it was read, in microseconds since the epoch, int64.
pub const READ_HEADER: &str = "aldebaran-read";

/// Of an alert: when it was published, in microseconds since the epoch, int64.
pub const PUBLISHED_HEADER: &str = "aldebaran-published";

/// Of a message with trades, when a limit is measured: the places of those trades in it (from 0,
/// in decimal, with commas) that a plain consumer without any books is to raise an alert for.
pub const TIPS_HEADER: &str = "aldebaran-tips";

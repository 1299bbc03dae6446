//! The last word: what was played, what had to come out, what did.

use std::time::Duration;

use crate::show::grouped;

/// Figures of one run.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) trades: u64,
    pub(crate) orders: u64,
    /// Orders that the oracle calls over-purchased.
    pub(crate) over_purchased: u64,
    /// Alerts that auditors published, and how many orders they are about.
    pub(crate) alerts_published: u64,
    pub(crate) alerts: u64,
    pub(crate) mails: u64,
    pub(crate) posts: u64,
    /// Mails and posts about an order beyond the first.
    pub(crate) duplicates: u64,
    /// Orders that are over-purchased and about which a sink has nothing; for both sinks.
    pub(crate) missed: u64,
    /// Mails and posts about orders that are not over-purchased.
    pub(crate) wrong: u64,
    /// From the first made-up trade to the last mail and post.
    pub(crate) took: Duration,
}

/// A line of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) figure: String,
    pub(crate) remark: String,
    /// Whether it is what it must be, where something must be.
    pub(crate) is_right: Option<bool>,
}

impl Table {
    /// Whether each recipient has each alert once.
    pub(crate) fn is_right(&self) -> bool {
        self.duplicates == 0 && self.missed == 0 && self.wrong == 0
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        let row = |name, figure: u64, remark: &str, is_right| Row {
            name,
            figure: grouped(figure),
            remark: remark.to_owned(),
            is_right,
        };
        let zero = |figure: u64| Some(figure == 0);
        let all = |figure: u64| Some(figure == self.over_purchased);
        let again = self.alerts_published - self.alerts;
        let published = match again {
            0 => String::new(),
            again => format!("and {again} published again after the kill: the ledger absorbs them"),
        };
        let seconds = self.took.as_secs_f64();
        vec![
            row("trades", self.trades, "", None),
            row("orders", self.orders, "", None),
            row(
                "over-purchased",
                self.over_purchased,
                "by the oracle, a plain model",
                None,
            ),
            row("alerts", self.alerts, &published, all(self.alerts)),
            row("mails received", self.mails, "", all(self.mails)),
            row("webhook posts received", self.posts, "", all(self.posts)),
            row("duplicates", self.duplicates, "", zero(self.duplicates)),
            row("missed", self.missed, "", zero(self.missed)),
            row(
                "wrong",
                self.wrong,
                "alerts that the oracle does not know",
                zero(self.wrong),
            ),
            Row {
                name: "time",
                figure: format!("{seconds:.1} s"),
                remark: "from the first made-up trade to the last mail".to_owned(),
                is_right: None,
            },
        ]
    }
}

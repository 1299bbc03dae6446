//! Tables.

/// A table of Markdown: words to the left, numbers to the right.
pub(crate) struct Table {
    pub(crate) text: String,
    rows: usize,
}

impl Table {
    pub(crate) fn new(heads: &[&str]) -> Self {
        let rule = ["|---|", &"---:|".repeat(heads.len().saturating_sub(1))].concat();
        Self {
            text: format!("| {} |\n{rule}\n", heads.join(" | ")),
            rows: 0,
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<_> = cells.into_iter().collect();
        self.text += &format!("| {} |\n", cells.join(" | "));
        self.rows += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

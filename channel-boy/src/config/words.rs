//! A channel's own words: templates in the file, or beside it.

use super::Section;
use crate::wording::{Style, Template};

impl Section<'_> {
    /// A template, by `<key>` or `<key>_file`, tried on sample alerts; `built_in` when neither is
    /// there, or when a file belongs to a channel that is not resolved.
    pub(crate) fn template(
        &mut self,
        key: &str,
        style: Style,
        built_in: &'static str,
    ) -> Option<Template> {
        let by_file = format!("{key}_file");
        let inline = self.text(key);
        if inline.is_some() && self.has(&by_file) {
            self.problem(key, &format!("and {by_file} are both given: leave one out"));
        }
        let read = self.file(&by_file);
        let own = inline.or(read.as_deref());
        let at = if inline.is_some() { key } else { &by_file };
        let template = Template::new(style, own, built_in);
        template
            .map_err(|fault| self.problem(at, &format!("cannot be used: {fault}")))
            .ok()
    }
}

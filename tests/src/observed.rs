//! What the system says of a program.

use std::fs;
use std::time::Duration;

use anyhow::Result;

use crate::program::Program;
use crate::wait::within;

impl Program {
    /// Waits until it has ended by itself, and gives the most memory that it had resident, in
    /// bytes, as the system says (`VmHWM`) some milliseconds before the end at most.
    ///
    /// # Errors
    ///
    /// When it has not ended within `patience`.
    pub fn peak_bytes(&mut self, patience: Duration) -> Result<u64> {
        let status = format!("/proc/{}/status", self.id());
        let mut peak = 0;
        within(patience, "the program ends", || {
            let text = fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes: Option<u64> =
                line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            peak = peak.max(kilobytes.unwrap_or(0) * 1024);
            matches!(self.is_running(), Ok(false)).then_some(())
        })?;
        Ok(peak)
    }

    /// Whether its execution was stopped, by [`pause`](Self::pause) or by itself.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('T'))
    }
}

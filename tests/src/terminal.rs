//! A terminal, and the person in front of it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::wait::until;

/// A terminal on which programs can be started: [`Start::terminal`](crate::Start::terminal).
#[derive(Debug)]
pub struct Terminal {
    person: File,
    program: OwnedFd,
    shown: Vec<u8>,
}

impl Terminal {
    /// A fresh one.
    ///
    /// # Errors
    ///
    /// When the system has none left.
    pub fn new() -> Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let person = openpt(flags)?;
        grantpt(&person)?;
        unlockpt(&person)?;
        let name = ptsname(&person, Vec::new())?;
        let program = open(
            name,
            OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        fcntl_setfl(&person, OFlags::RDWR | OFlags::NONBLOCK)?;
        Ok(Self {
            person: person.into(),
            program,
            shown: Vec::new(),
        })
    }

    /// Waits until the terminal shows these words, and gives all that it has shown.
    ///
    /// # Errors
    ///
    /// When they do not come within [`PATIENCE`](crate::PATIENCE).
    pub fn shows(&mut self, words: &str) -> Result<String> {
        let found = until(&format!("the terminal shows {words:?}"), || {
            let shown = self.shown();
            shown.contains(words).then_some(shown)
        });
        found.with_context(|| format!("it shows {:?}", self.shown()))
    }

    /// Types: `\n` is the return key.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn types(&mut self, keys: &str) -> Result<()> {
        Ok(self.person.write_all(keys.as_bytes())?)
    }

    /// All that was shown so far, what was typed included.
    pub fn shown(&mut self) -> String {
        let mut more = [0; 4096];
        loop {
            match self.person.read(&mut more) {
                Ok(0) | Err(_) => break,
                Ok(count) => self.shown.extend_from_slice(&more[..count]),
            }
        }
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    /// The program's side of it.
    pub(crate) fn line(&self) -> std::io::Result<OwnedFd> {
        self.program.try_clone()
    }
}

//! The management API: as much HTTP as a test needs, without an HTTP library.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use crate::error::Error;

/// `guest:guest`, RabbitMQ's default administrator, in base64.
const GUEST: &str = "Z3Vlc3Q6Z3Vlc3Q=";
const PATIENCE: Duration = Duration::from_secs(30);

/// The management API of one node, spoken to as its administrator.
#[derive(Clone, Debug)]
pub struct Management {
    port: u16,
}

impl Management {
    pub(crate) fn new(port: u16) -> Self {
        Self { port }
    }

    /// The address for a person's browser, with user and password.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://guest:guest@127.0.0.1:{}/", self.port)
    }

    /// What `path` (as in `/queues/VHOST`, below `/api`) answers: JSON.
    ///
    /// # Errors
    ///
    /// When the node does not answer, or with anything but 2xx.
    pub fn get(&self, path: &str) -> Result<String, Error> {
        self.request("GET", path, "")
    }

    /// Creates or replaces `path` by the JSON `body`.
    ///
    /// # Errors
    ///
    /// When the node does not answer, or with anything but 2xx.
    pub fn put(&self, path: &str, body: &str) -> Result<String, Error> {
        self.request("PUT", path, body)
    }

    /// Sends the JSON `body` to `path`.
    ///
    /// # Errors
    ///
    /// When the node does not answer, or with anything but 2xx.
    pub fn post(&self, path: &str, body: &str) -> Result<String, Error> {
        self.request("POST", path, body)
    }

    /// Deletes `path`.
    ///
    /// # Errors
    ///
    /// When the node does not answer, or with anything but 2xx.
    pub fn delete(&self, path: &str) -> Result<String, Error> {
        self.request("DELETE", path, "")
    }

    fn request(&self, method: &str, path: &str, body: &str) -> Result<String, Error> {
        let failed = |answer: String| Error::Management {
            request: format!("{method} {path}"),
            answer,
        };
        let answer = self
            .exchange(method, path, body)
            .map_err(|error| failed(error.to_string()))?;
        let (head, content) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.lines().next().unwrap_or_default();
        match status.split(' ').nth(1) {
            Some(code) if code.starts_with('2') => Ok(content.to_owned()),
            _ => Err(failed(format!("{status} {content}"))),
        }
    }

    /// HTTP 1.0, so that the answer ends with the connection and comes in one piece.
    fn exchange(&self, method: &str, path: &str, body: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "{method} /api{path} HTTP/1.0\r\nhost: localhost\r\nauthorization: Basic {GUEST}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

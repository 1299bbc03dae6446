//! Ports that are free and stay so.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// Below the range from which Linux takes the ports of outgoing connections (32768 and up): a
/// node that is killed finds its port free when it starts again.
const FIRST: u16 = 15_000;
const COUNT: u16 = 17_000;

/// A TCP port of the loopback interface on which nothing listens.
///
/// # Errors
///
/// When 100 ports in a row were taken, with the reason for the last.
pub fn free_port() -> io::Result<u16> {
    let start = RandomState::new().hash_one(0) % u64::from(COUNT);
    let mut refused = io::Error::from(io::ErrorKind::AddrInUse);
    for step in 0..100 {
        // Smaller than COUNT, so it fits.
        let offset = u16::try_from((start + step * 7) % u64::from(COUNT)).unwrap_or(0);
        match TcpListener::bind((Ipv4Addr::LOCALHOST, FIRST + offset)) {
            Ok(_) => return Ok(FIRST + offset),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

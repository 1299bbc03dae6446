//! NSCA, protocol version 3: one packet, and never a reply.

mod packet;

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout_at},
};

use self::packet::{GREETING, Packet};
use super::{Answer, CheckResult, Section, Threshold};
use crate::{config::Secret, sink::http::is_loopback};

/// How long a reset may take beyond some round trips.
const RESET_MARGIN: Duration = Duration::from_millis(10);

/// How packets are hidden from onlookers, weakly: NSCA's methods 0 and 1 are the only ones that
/// need no library of ciphers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    None,
    Xor,
}

/// An NSCA server.
pub(super) struct Nsca {
    address: (String, u16),
    /// `None` for no encryption at all; an empty one for XOR with the greeting alone.
    password: Option<Secret>,
    timeout: Duration,
}

pub(super) fn build(section: &mut Section<'_>) -> Option<Nsca> {
    let address = section.required("address", "names the host of the NSCA server");
    let port = section.integer("port", 1..=65535).unwrap_or(5667);
    let methods = [("none", Encryption::None), ("xor", Encryption::Xor)];
    let remedy = " (give the server decryption_method = 0 or 1 for them, or use way = \"nrdp\" with \
                  https)";
    let encryption = section.choice_or("encryption", &methods, remedy);
    let encryption = encryption.unwrap_or(Encryption::Xor);
    let given = section.has_secret("password");
    let password = section.secret("password");
    if encryption == Encryption::None && given {
        section.problem("encryption", "is \"none\": leave the password out");
    }
    // Neither method hides anything from whoever sees the packets.
    let plain = section.flag("allow_plain").unwrap_or(false);
    if address.is_some_and(|address| !is_loopback(address)) && !plain {
        section.problem(
            "address",
            "is another host, and NSCA is no encryption to speak of: say allow_plain = true, or \
             use way = \"nrdp\" with https",
        );
    }
    let timeout = section
        .duration("timeout")
        .unwrap_or(Duration::from_secs(10));
    Some(Nsca {
        address: (address?.to_owned(), port.try_into().ok()?),
        password: match encryption {
            Encryption::None => None,
            Encryption::Xor => Some(password.unwrap_or_default()),
        },
        timeout,
    })
}

impl Nsca {
    pub(super) async fn send(&self, result: &CheckResult, threshold: &Threshold) -> Answer {
        let packet = match Packet::new(result) {
            Ok(packet) => packet,
            Err(words) => return Answer::Refused(words),
        };
        let deadline = Instant::now() + self.timeout;
        let mut greeting = [0; GREETING];
        let greeted = timeout_at(deadline, async {
            let begun = Instant::now();
            let mut stream = TcpStream::connect(&self.address).await?;
            let round_trip = begun.elapsed();
            stream.read_exact(&mut greeting).await?;
            Ok::<_, std::io::Error>((stream, round_trip))
        });
        let (stream, round_trip) = match greeted.await {
            Ok(Ok(greeted)) => greeted,
            Ok(Err(error)) => return Answer::not_taken(format!("no greeting: {error}")),
            Err(_) => return Answer::not_taken("no greeting in time"),
        };
        let password = self.password.as_ref().map(|p| p.reveal().as_bytes());
        let bytes = packet.sealed(&greeting, password);
        let begun = match threshold.begin().await {
            Ok(begun) => begun,
            Err(answer) => return answer,
        };
        begun.cross();
        // As long again for the packet, which needs one round trip.
        let deadline = Instant::now() + self.timeout;
        match timeout_at(deadline, hand_over(stream, &bytes, round_trip)).await {
            Ok(Ok(())) => Answer::Delivered("the server took the packet".to_owned()),
            Ok(Err(error)) => Answer::Unknown(format!("the packet: {error}")),
            Err(_) => Answer::Unknown("the packet: no end in time".to_owned()),
        }
    }

    pub(super) fn longest(&self) -> Duration {
        self.timeout.saturating_mul(2)
    }

    /// Up to the greeting.
    pub(super) fn longest_approach(&self) -> Duration {
        self.timeout
    }
}

/// Writes, says that this was all, and waits until the server closes in its turn. A server that
/// died, or had not read everything, resets the connection instead; one that closed before the
/// packet came does so a round trip after its good-bye.
async fn hand_over(
    mut stream: TcpStream,
    bytes: &[u8],
    round_trip: Duration,
) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    stream.shutdown().await?;
    let mut rest = [0; 64];
    while stream.read(&mut rest).await? > 0 {}
    sleep(RESET_MARGIN + round_trip * 4).await;
    stream.take_error()?.map_or(Ok(()), Err)
}

//! The server's side of NSCA, protocol version 3, method 1 (XOR): it answers by closing.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use rustix::net::sockopt::set_socket_linger;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Desk;
use crate::faults::Fault;

const PACKET: usize = 4304;
/// Any bytes would do: they hide nothing.
const IV: [u8; 128] = [0x5a; 128];

pub(crate) async fn listen(
    listener: TcpListener,
    password: Vec<u8>,
    desk: Arc<Desk>,
) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let (desk, password) = (Arc::clone(&desk), password.clone());
        tokio::spawn(async move {
            if let Err(error) = session(stream, &password, &desk).await {
                eprintln!("nsca: {error:#}");
            }
        });
    }
}

async fn session(mut stream: TcpStream, password: &[u8], desk: &Desk) -> Result<()> {
    if desk.faults.before_body("nsca") {
        // Closed without a lingering, the system sends a reset.
        return Ok(set_socket_linger(&stream, Some(Duration::ZERO))?);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let now = u32::try_from(now)?;
    stream.write_all(&IV).await?;
    stream.write_all(&now.to_be_bytes()).await?;
    let mut packet = [0; PACKET];
    stream.read_exact(&mut packet).await?;
    uncover(&mut packet, &IV);
    if !password.is_empty() {
        uncover(&mut packet, password);
    }
    let check = read(&packet, now)?;
    desk.log.accept("nsca", "nsca", &check)?;
    match desk.faults.after_body("nsca", &check) {
        Some(Fault::AcceptHang) => pending().await,
        _ => Ok(()),
    }
}

fn uncover(packet: &mut [u8], key: &[u8]) {
    for (byte, key) in packet.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// `host;service;state;output`, if the packet is what the protocol says.
fn read(packet: &[u8; PACKET], now: u32) -> Result<String> {
    let number = |at: usize| {
        let bytes = [packet[at], packet[at + 1], packet[at + 2], packet[at + 3]];
        u32::from_be_bytes(bytes)
    };
    let text = |from: usize, size: usize| {
        let field = &packet[from..from + size];
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(size);
        String::from_utf8_lossy(&field[..end]).into_owned()
    };
    ensure!(packet[..2] == [0, 3], "version {:?}", &packet[..2]);
    let mut plain = *packet;
    plain[4..8].fill(0);
    ensure!(number(4) == crc32(&plain), "the check sum is wrong");
    ensure!(number(8) == now, "the time is not the server's");
    let state = u16::from_be_bytes([packet[12], packet[13]]);
    let (host, service) = (text(14, 64), text(78, 128));
    Ok(format!("{host};{service};{state};{}", text(206, 4096)))
}

/// CRC-32 as in ISO 3309, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

//! Something between `declare` and the broker that lets one channel of a connection come late, as
//! the broker may: only within a channel is there an order.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;

/// What a client says before its first frame.
const GREETING: usize = 8;

/// A frame's type, channel, and size.
const HEAD: usize = 7;

/// How the frames of methods begin: class and method.
const DELIVER: [u8; 4] = [0, 60, 0, 60];
const CLOSE_CHANNEL: [u8; 4] = [0, 20, 0, 40];

/// Of every other connection that has deliveries, keeps them back, and what follows them on their
/// channel, until the client closes the channel.
pub(crate) struct Late {
    port: u16,
    delivering: Arc<AtomicUsize>,
}

/// What goes to one client.
struct Out {
    client: TcpStream,
    /// A channel and what is kept of it.
    kept: Option<([u8; 2], Vec<u8>)>,
}

impl Late {
    /// Stands before the broker at `behind`.
    pub(crate) fn before(behind: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let delivering = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&delivering);
        // Its threads end with their connections, this one with the process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                thread::spawn(move || serve(client, behind, &counted));
            }
        });
        Ok(Self { port, delivering })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many connections had deliveries; the first of them was late, and every other one.
    pub(crate) fn connections(&self) -> usize {
        self.delivering.load(Ordering::Relaxed)
    }
}

fn serve(client: TcpStream, behind: u16, delivering: &AtomicUsize) -> io::Result<()> {
    let mut broker = TcpStream::connect((Ipv4Addr::LOCALHOST, behind))?;
    let (asking, asked) = (client.try_clone()?, broker.try_clone()?);
    let out = Arc::new(Mutex::new(Out { client, kept: None }));
    let answers = Arc::clone(&out);
    thread::spawn(move || ask(asking, asked, &answers));
    let mut has_delivered = false;
    loop {
        let mut frame = next_frame(&mut broker)?;
        let mut to = out.lock().unwrap_or_else(PoisonError::into_inner);
        if !has_delivered && is_method(&frame, DELIVER) {
            has_delivered = true;
            if delivering.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                to.kept = Some((channel(&frame), Vec::new()));
            }
        }
        match &mut to.kept {
            Some((late, kept)) if *late == channel(&frame) => kept.append(&mut frame),
            _ => to.client.write_all(&frame)?,
        }
    }
}

/// Passes on what the client says.
fn ask(mut client: TcpStream, mut broker: TcpStream, out: &Mutex<Out>) -> io::Result<()> {
    let mut greeting = [0; GREETING];
    client.read_exact(&mut greeting)?;
    broker.write_all(&greeting)?;
    while let Ok(frame) = next_frame(&mut client) {
        if is_method(&frame, CLOSE_CHANNEL) {
            let mut to = out.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, kept)) = to.kept.take_if(|(late, _)| *late == channel(&frame)) {
                to.client.write_all(&kept)?;
            }
        }
        broker.write_all(&frame)?;
    }
    broker.shutdown(Shutdown::Write)
}

/// The next frame, with its head and its end.
fn next_frame(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; HEAD];
    from.read_exact(&mut frame)?;
    let size = u32::from_be_bytes([frame[3], frame[4], frame[5], frame[6]]);
    frame.resize(HEAD + size as usize + 1, 0);
    from.read_exact(&mut frame[HEAD..])?;
    Ok(frame)
}

fn channel(frame: &[u8]) -> [u8; 2] {
    [frame[1], frame[2]]
}

fn is_method(frame: &[u8], method: [u8; 4]) -> bool {
    frame[0] == 1 && frame[HEAD..].starts_with(&method)
}

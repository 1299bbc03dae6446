//! Something between `declare` and the broker that lets one channel of a connection come late, as
//! the broker may: only within a channel is there an order.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;

/// A frame's type, channel, and size.
const HEAD: usize = 7;

/// How Basic.Deliver begins: a method's frame of class 60, method 60.
const DELIVER: [u8; 4] = [0, 60, 0, 60];

/// Lets the deliveries of every other connection that has any come late, and what follows them on
/// their channel.
pub(crate) struct Late {
    port: u16,
    delayed: Arc<AtomicUsize>,
}

/// What goes to one client.
struct Out {
    client: TcpStream,
    /// A channel and what is kept of it.
    kept: Option<([u8; 2], Vec<u8>)>,
}

impl Late {
    /// Stands before the broker at `behind`, and keeps deliveries back for so long.
    pub(crate) fn before(behind: u16, by: Duration) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let delayed = Arc::new(AtomicUsize::new(0));
        let connections = Arc::clone(&delayed);
        // Its threads end with their connections, this one with the process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let connections = Arc::clone(&connections);
                thread::spawn(move || serve(client, behind, by, &connections));
            }
        });
        Ok(Self { port, delayed })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many connections had deliveries, of which every other was late.
    pub(crate) fn connections(&self) -> usize {
        self.delayed.load(Ordering::Relaxed)
    }
}

fn serve(
    client: TcpStream,
    behind: u16,
    by: Duration,
    connections: &AtomicUsize,
) -> io::Result<()> {
    let mut broker = TcpStream::connect((Ipv4Addr::LOCALHOST, behind))?;
    let (mut asking, mut asked) = (client.try_clone()?, broker.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut asking, &mut asked);
        asked.shutdown(Shutdown::Write)
    });
    let out = Arc::new(Mutex::new(Out { client, kept: None }));
    let mut has_delivered = false;
    loop {
        let mut frame = vec![0; HEAD];
        broker.read_exact(&mut frame)?;
        let channel = [frame[1], frame[2]];
        let size = u32::from_be_bytes([frame[3], frame[4], frame[5], frame[6]]);
        // And its end.
        frame.resize(HEAD + size as usize + 1, 0);
        broker.read_exact(&mut frame[HEAD..])?;
        let mut to = out.lock().unwrap_or_else(PoisonError::into_inner);
        if !has_delivered && frame[0] == 1 && frame[HEAD..].starts_with(&DELIVER) {
            has_delivered = true;
            if connections
                .fetch_add(1, Ordering::Relaxed)
                .is_multiple_of(2)
            {
                to.kept = Some((channel, Vec::new()));
                let out = Arc::clone(&out);
                thread::spawn(move || {
                    thread::sleep(by);
                    let mut to = out.lock().unwrap_or_else(PoisonError::into_inner);
                    let (_, kept) = to.kept.take().unwrap_or_default();
                    to.client.write_all(&kept)
                });
            }
        }
        match &mut to.kept {
            Some((late, kept)) if *late == channel => kept.append(&mut frame),
            _ => to.client.write_all(&frame)?,
        }
    }
}

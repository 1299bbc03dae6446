//! The auditor: owns shards, runs the over-purchase machine over them, and routes the front
//! door. With `--file` the same machine without a broker.

mod chunks;
mod flags;
mod lines;
mod machine;
mod misplaced;
mod offline;
mod rejected;
mod router;
mod service;
mod tally;

use std::process::ExitCode;

use flags::Flags;
use mimalloc::MiMalloc;
use program::Fault;
use tokio_util::sync::CancellationToken;

/// Asks the kernel for huge pages, in which millions of books are found with fewer detours, and
/// gives back the memory of each message to it rarely.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    program::run(|flags: &Flags| &flags.logs, audit)
}

async fn audit(flags: Flags, stop: CancellationToken) -> Result<(), Fault> {
    match &flags.file {
        Some(file) => offline::audit(file, &flags, &stop),
        None => service::audit(&flags, stop).await,
    }
}

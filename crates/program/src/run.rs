//! From the command line to the exit code.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::{Fault, LogArgs, LogFormat};

/// Runs a program: reads its flags, starts its logs, calls `main` on a runtime of several
/// threads with a token that SIGTERM and Ctrl-C cancel, and turns what comes out into an exit
/// code: 0 done, 1 failed, 2 wrong usage or a wrong file, others by program. A second signal
/// ends the program at once, with 130.
pub fn run<A, F>(logs: fn(&A) -> &LogArgs, main: impl FnOnce(A, CancellationToken) -> F) -> ExitCode
where
    A: Parser,
    F: Future<Output = Result<(), Fault>>,
{
    let arguments = A::parse();
    start_logs(logs(&arguments));
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return ended(&Fault::Failed(error.into())),
    };
    let outcome = runtime.block_on(async {
        let stop = CancellationToken::new();
        cancel_on_signals(stop.clone())?;
        Box::pin(main(arguments, stop)).await
    });
    // Threads that still wait for standard input or a dead peer must not keep the process.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => ended(&fault),
    }
}

fn ended(fault: &Fault) -> ExitCode {
    let message = fault.message();
    if !message.is_empty() {
        let _ = writeln!(std::io::stderr(), "{message}");
    }
    ExitCode::from(fault.code())
}

fn cancel_on_signals(stop: CancellationToken) -> Result<(), Fault> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        for _ in 0..2 {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if stop.is_cancelled() {
                std::process::exit(130);
            }
            stop.cancel();
        }
    });
    Ok(())
}

fn start_logs(args: &LogArgs) {
    let level = match (args.quiet, args.verbose) {
        (true, _) => "warn",
        (false, 0) => "info",
        (false, 1) => "debug",
        (false, _) => "trace",
    };
    // The AMQP library's traces hold URLs with passwords, and its errors come back to us as
    // values anyway.
    let filter = EnvFilter::new(format!(
        "{level},lapin=off,amq_protocol=off,amq_protocol_tcp=off,amq_protocol_uri=off,\
         rustls=warn,hyper=warn,hyper_util=warn,reqwest=warn,h2=warn"
    ));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // Set once, here; a second call in the same process (a test) keeps the first.
    let _ = match args.log_format {
        LogFormat::Text => builder
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

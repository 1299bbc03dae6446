//! One run after another, each of a seed of its own.

use tokio::runtime::Builder;

/// How many runs there are of a kind, unless `ALDEBARAN_RUNS` says another number.
pub const RUNS: u64 = 500;

/// Runs a test with the seeds from 0 on, or only with that of `ALDEBARAN_SEED`. Time goes on only
/// when nothing else can. When a run panics, the command that repeats it is printed; `target` is
/// what it says of the test: `-p engine --test simulation`.
///
/// # Panics
/// When a run does, or there is no runtime to be had.
pub fn each_seed(target: &str, mut run: impl AsyncFnMut(u64)) {
    for seed in seeds() {
        let _repeat = Repeat { target, seed };
        simulated(run(seed));
    }
}

/// Runs a future while time goes on only when nothing else can.
///
/// # Panics
/// When the future does, or there is no runtime to be had.
#[expect(clippy::expect_used, reason = "for tests, which end here")]
pub fn simulated<T>(run: impl Future<Output = T>) -> T {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(run)
}

fn seeds() -> std::ops::Range<u64> {
    let number = |name| {
        let value = std::env::var(name).ok();
        value.and_then(|value| value.parse::<u64>().ok())
    };
    match number("ALDEBARAN_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("ALDEBARAN_RUNS").unwrap_or(RUNS),
    }
}

/// Says how a run is repeated if it panics.
struct Repeat<'a> {
    target: &'a str,
    seed: u64,
}

impl Drop for Repeat<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Repeat { target, seed } = self;
            let thread = std::thread::current();
            let test = thread.name().unwrap_or_default();
            eprintln!(
                "repeat it: ALDEBARAN_SEED={seed} cargo test --release {target} -- --exact {test}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_runs_as_seeds_and_time_takes_none() {
        let mut seen = Vec::new();
        each_seed("-p simulation", async |seed| {
            tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
            seen.push(seed);
        });
        assert_eq!(seen, seeds().collect::<Vec<_>>());
    }
}

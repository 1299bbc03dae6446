//! Who used the processor while something was measured.

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use rustix::param::clock_ticks_per_second;

/// The processor time of some processes and of the whole machine, from a start on.
#[derive(Debug)]
pub(crate) struct Cpu {
    began: Instant,
    machine: Whole,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    name: &'static str,
    id: u32,
    first: u64,
    last: u64,
}

/// Of all processors, since the machine started.
#[derive(Debug, Clone, Copy, Default)]
struct Whole {
    /// In ticks.
    busy: u64,
    /// What the host gave to others, in ticks.
    stolen: u64,
    /// How often a processor went from one thread to another.
    switches: u64,
}

impl Cpu {
    /// Starts with these processes.
    pub(crate) fn start(parts: &[(&'static str, u32)]) -> Self {
        let parts = parts.iter().map(|(name, id)| {
            let used = used(*id).unwrap_or_default();
            Part {
                name,
                id: *id,
                first: used,
                last: used,
            }
        });
        Self {
            began: Instant::now(),
            machine: Whole::now(),
            parts: parts.collect(),
        }
    }

    /// Looks again: a process that has ended keeps what was seen last.
    pub(crate) fn look(&mut self) {
        for part in &mut self.parts {
            part.last = used(part.id).unwrap_or(part.last);
        }
    }

    /// Cores used on average, by name: `cpu_publisher`; `cpu_others` is the rest of the machine,
    /// `cpu_stolen` what its host took away. `switches` are changes of thread per second, on the
    /// whole machine.
    pub(crate) fn figures(&self) -> BTreeMap<String, f64> {
        let now = Whole::now();
        let seconds = self.began.elapsed().as_secs_f64();
        let ticks = seconds * clock_ticks_per_second() as f64;
        let share = |used: u64| used as f64 / ticks.max(1.0);
        let mut figures: BTreeMap<String, f64> = BTreeMap::new();
        let mut ours = 0;
        for part in &self.parts {
            let used = part.last.saturating_sub(part.first);
            ours += used;
            *figures.entry(format!("cpu_{}", part.name)).or_default() += share(used);
        }
        let busy = now.busy.saturating_sub(self.machine.busy);
        let stolen = now.stolen.saturating_sub(self.machine.stolen);
        figures.insert("cpu_others".to_owned(), share(busy.saturating_sub(ours)));
        figures.insert("cpu_stolen".to_owned(), share(stolen));
        let switches = now.switches.saturating_sub(self.machine.switches);
        figures.insert("switches".to_owned(), switches as f64 / seconds.max(1e-3));
        figures
    }
}

impl Whole {
    fn now() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = stat.lines().next().unwrap_or_default();
        let fields: Vec<u64> = line
            .split_whitespace()
            .skip(1)
            .filter_map(|field| field.parse().ok())
            .collect();
        let [
            user,
            nice,
            system,
            _idle,
            _waiting,
            irq,
            soft_irq,
            stolen,
            ..,
        ] = fields[..]
        else {
            return Self::default();
        };
        let switches = stat.lines().find_map(|line| line.strip_prefix("ctxt "));
        Self {
            busy: user + nice + system + irq + soft_irq,
            stolen,
            switches: switches.and_then(|n| n.trim().parse().ok()).unwrap_or(0),
        }
    }
}

/// The processor time of a process in ticks, with all its threads.
fn used(id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in brackets may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

/// The largest resident memory of a process so far, in bytes.
pub(crate) fn peak_bytes(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().split(' ').next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_process_is_seen() {
        let mut cpu = Cpu::start(&[("test", std::process::id())]);
        let began = Instant::now();
        while began.elapsed().as_millis() < 200 {
            std::hint::black_box(began.elapsed());
        }
        cpu.look();
        let figures = cpu.figures();
        assert!(figures["cpu_test"] > 0.2, "{figures:?}");
        assert!(figures["switches"] > 0.0, "{figures:?}");
        assert!(peak_bytes(std::process::id()).unwrap() > 1 << 20);
    }
}

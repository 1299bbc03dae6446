//! Where one measurement takes place: a fresh vhost, so that no earlier run's streams and queues
//! disturb it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use private_broker::PrivateBroker;
use tests::{Finished, Program, Stage, Start};

use crate::cpu::Cpu;

/// The only channel: one queue gets the alerts, and it is the one that is read.
const CHANNEL: &str = "stdout";

/// How often the processor time of what runs is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A vhost with the topology, declared by the real program.
pub(crate) struct Field {
    pub(crate) stage: Stage,
    sets: [String; 4],
    shards: u32,
}

impl Field {
    pub(crate) fn open(broker: &PrivateBroker, shards: u32) -> Result<Self> {
        let stage = Stage::on(broker)?;
        let shards_set = format!("shards={shards}");
        let channel_set = format!("channels={CHANNEL}");
        let sets = ["--set".into(), shards_set, "--set".into(), channel_set];
        stage.declare(&sets.each_ref().map(String::as_str))?;
        Ok(Self {
            stage,
            sets,
            shards,
        })
    }

    /// The real publisher, ready to be started.
    pub(crate) fn publisher(&self) -> Result<Start> {
        self.stage.program("publisher")
    }

    /// The variables of the topology, for a program's command line.
    pub(crate) fn sets(&self) -> &[String] {
        &self.sets
    }

    /// A real auditor that owns all shards and routes the front door.
    pub(crate) fn auditor(&self) -> Result<Program> {
        let auditor = self.stage.program("auditor")?.args(["--ttl", "60s"]);
        let mut auditor = auditor.args(&self.sets).start()?;
        for shard in 0..self.shards {
            auditor.says(&format!("took over shard={shard}"))?;
        }
        Ok(auditor)
    }

    /// A plain consumer in the auditor's place, in a process of its own as well.
    pub(crate) fn plain_consumer(&self) -> Result<Program> {
        let shards = self.shards.to_string();
        let consumer = self.stage.program("plain-lapin")?;
        let mut consumer = consumer.args(["consume", "--shards", &shards]).start()?;
        consumer.says("reading")?;
        Ok(consumer)
    }

    /// A plain publisher.
    pub(crate) fn plain_publisher(&self) -> Result<Start> {
        let shards = self.shards.to_string();
        let publisher = self.stage.program("plain-lapin")?;
        Ok(publisher.args(["publish", "--shards", &shards]))
    }
}

/// Waits until a program has ended, and watches what it and the others use meanwhile.
pub(crate) fn follow(mut program: Program, cpu: &mut Cpu, patience: Duration) -> Result<Finished> {
    let deadline = Instant::now() + patience;
    while program.is_running()? {
        let name = program.name();
        ensure!(
            Instant::now() < deadline,
            "wait for {name}: it did not end in {patience:?}"
        );
        cpu.look();
        sleep(LOOK_EVERY);
    }
    program.finish(LOOK_EVERY)
}

//! `demo`: the whole system, and nothing of it left afterwards.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use tests::{Outcome, Stage, Start, binary, on_a_stage, until};

#[test]
fn it_plays_on_a_broker_of_its_own_and_ends_with_a_right_table_in_plain_lines() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let temporary = temporary(stage)?;
        let played = demo(stage, &temporary)?
            .args(["--trades", "20000"])
            .run()?
            .successful()?;
        for (name, figure) in [
            ("trades", "20,004"),
            ("over-purchased", "41"),
            ("mails received", "41"),
            ("webhook posts received", "41"),
            ("duplicates", "0"),
            ("missed", "0"),
        ] {
            let row = played
                .output
                .lines()
                .find_map(|line| line.trim().strip_prefix(name));
            let row = row.with_context(|| format!("no row {name}:\n{}", played.output))?;
            ensure!(
                row.split_whitespace().next() == Some(figure),
                "{name}: {row}"
            );
        }
        ensure!(
            !played.output.contains('\x1b'),
            "no colours in a pipe:\n{}",
            played.output
        );
        leaves_nothing(&temporary)
    })
}

#[test]
fn on_an_existing_broker_the_vhost_is_left_as_it_was() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let temporary = temporary(stage)?;
        let on_the_vhost = || {
            Ok::<_, anyhow::Error>(
                demo(stage, &temporary)?.env("ALDEBARAN_AMQP_URL", stage.vhost().url()),
            )
        };
        let before = stage.objects()?;
        on_the_vhost()?
            .args(["--trades", "1000"])
            .run()?
            .successful()?;
        let after = stage.objects()?;
        ensure!(before == after, "{after:?}");

        stage.declare(&[])?;
        let refused = on_the_vhost()?.run()?.with_code(1)?;
        ensure!(
            refused.log.contains("use an empty vhost"),
            "{}",
            refused.log
        );
        stage.amqp()?.counts("Aldebaran.Trade_Data")?;
        Ok(())
    })
}

#[test]
fn interrupted_or_killed_in_the_middle_it_leaves_nothing_behind() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let temporary = temporary(stage)?;
        for how in ["interrupted", "killed"] {
            let mut demo = demo(stage, &temporary)?.start()?;
            until("it is in the middle", || {
                demo.output().contains("25% of").then_some(())
            })?;
            ensure!(
                processes_of(&temporary)?.len() > 8,
                "{:?}",
                processes_of(&temporary)?
            );
            if how == "killed" {
                demo.kill()?;
            } else {
                demo.interrupt()?.with_code(130)?;
            }
            leaves_nothing(&temporary).context(how)?;
        }
        Ok(())
    })
}

fn demo(stage: &Stage, temporary: &Path) -> Result<Start> {
    Ok(Start::new("demo", binary("demo")?, stage.folder()).env("TMPDIR", temporary))
}

/// A temporary folder for the demo alone: whatever is the demo's names it.
fn temporary(stage: &Stage) -> Result<std::path::PathBuf> {
    let folder = stage.folder().join("temporary");
    fs::create_dir(&folder)?;
    Ok(folder)
}

fn leaves_nothing(temporary: &Path) -> Outcome {
    let left =
        || Ok::<_, anyhow::Error>((processes_of(temporary)?, fs::read_dir(temporary)?.count()));
    let nothing = || matches!(left(), Ok((processes, 0)) if processes.is_empty()).then_some(());
    until("nothing is left", nothing).with_context(|| format!("left: {:?}", left()))
}

/// The names of all processes that have this folder in their arguments or their environment.
fn processes_of(folder: &Path) -> Result<Vec<String>> {
    let needle = folder.as_os_str().as_encoded_bytes();
    let mentions = |file: std::path::PathBuf| {
        fs::read(file).is_ok_and(|text| text.windows(needle.len()).any(|part| part == needle))
    };
    let mut names = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let process = entry?.path();
        if mentions(process.join("cmdline")) || mentions(process.join("environ")) {
            names.push(fs::read_to_string(process.join("comm")).unwrap_or_default());
        }
    }
    Ok(names)
}

//! `declare`: the topology file onto a broker.

use anyhow::ensure;
use private_broker::{Release, free_port};
use tests::{Outcome, on_a_stage, on_each_release};

#[test]
fn applying_twice_changes_nothing() -> Outcome {
    on_each_release(|stage| {
        ensure!(
            stage
                .objects()?
                .iter()
                .all(|object| !object.contains("Aldebaran"))
        );
        let first = stage.declare(&[])?.output;
        ensure!(first.contains(" 0 already there"), "{first}");
        let once = stage.objects()?;
        let second = stage.declare(&[])?.output;
        ensure!(second.contains(" 0 created"), "{second}");
        ensure!(stage.objects()? == once, "the broker differs");
        Ok(())
    })
}

#[test]
fn shards_are_a_number_from_the_file_the_environment_or_the_command_line() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let from_environment = stage.program("declare")?.env("ALDEBARAN_SET_SHARDS", "2");
        from_environment
            .args(["apply", "--yes"])
            .run()?
            .successful()?;
        let both = stage.program("declare")?.env("ALDEBARAN_SET_SHARDS", "2");
        both.args(["apply", "--yes", "--set", "shards=7"])
            .run()?
            .successful()?;
        for shards in [4, 2, 7] {
            for shard in 0..shards {
                stage
                    .amqp()?
                    .counts(&topology::names::shard_stream(shards, shard))?;
                stage
                    .amqp()?
                    .counts(&topology::names::progress_queue(shards, shard))?;
            }
            let beyond = topology::names::shard_stream(shards, shards);
            ensure!(
                stage.amqp()?.counts(&beyond).is_err(),
                "{beyond} is too many"
            );
        }
        Ok(())
    })
}

#[test]
fn a_conflict_is_told_in_the_brokers_words_and_the_rest_is_created() -> Outcome {
    on_each_release(|stage| {
        let other = r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#;
        stage
            .vhost()
            .create_object("queues/Aldebaran.Auditors", other)?;
        let before = stage.objects()?;
        let declared = stage
            .program("declare")?
            .args(["apply", "--yes"])
            .run()?
            .with_code(11)?
            .output;
        let conflict = declared.lines().find(|line| line.starts_with("conflict"));
        ensure!(
            conflict.is_some_and(|line| line.ends_with("Aldebaran.Auditors")),
            "{declared}"
        );
        ensure!(
            declared.contains("inequivalent arg 'x-queue-type'"),
            "{declared}"
        );
        ensure!(
            before.is_subset(&stage.objects()?),
            "the queue should be left as it is"
        );
        ensure!(declared.contains("1 in conflict"), "{declared}");
        stage.amqp()?.counts("Aldebaran.Trade_Data")?;
        Ok(())
    })
}

#[test]
fn a_wrong_file_is_told_whole_with_lines_and_needs_no_broker() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let file = stage.file(
            "wrong.toml",
            "[queue.a]\ntype = \"quorums\"\n\n[queue.b]\ntype = \"stream\"\n\
             bindings = [{ from = \"nowhere\", key = \"\" }]\n\n\
             [exchange.c]\ntype = \"direct\"\narguments.alternate-exchange = \"${undefined}\"\n",
        )?;
        let check = stage.command(tests::binary("declare")?.to_str().unwrap_or_default());
        let checked = check
            .arg("check")
            .arg("--topology")
            .arg(file)
            .run()?
            .with_code(2)?;
        for (line, word) in [(2, "quorums"), (6, "nowhere"), (10, "undefined")] {
            let problem =
                |told: &str| told.contains(&format!("wrong.toml:{line}")) && told.contains(word);
            ensure!(
                checked.log.lines().any(problem),
                "line {line} is missing:\n{}",
                checked.log
            );
        }
        Ok(())
    })
}

#[test]
fn a_broker_that_is_not_there_is_told_without_the_password() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let url = format!("amqp://someone:a-secret@127.0.0.1:{}/%2f", free_port()?);
        let declare = stage
            .program("declare")?
            .env("ALDEBARAN_AMQP_URL", url)
            .args(["apply", "--yes"]);
        let failed = declare.run()?.with_code(1)?;
        ensure!(failed.log.contains("failed to"), "{}", failed.log);
        ensure!(
            !(failed.log + &failed.output).contains("a-secret"),
            "the password is told"
        );
        Ok(())
    })
}

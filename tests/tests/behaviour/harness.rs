//! The harness itself, where a mistake would make other tests green.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use oracle::Expected;
use private_broker::Release;
use serde_json::json;
use tests::{MailServer, Outcome, Webhook, on_a_stage, on_each_release, same_alerts, within};
use trade::{Alert, OVER_PURCHASE, alert_id};

#[test]
fn the_witness_takes_what_it_publishes_and_says_what_no_queue_took() -> Outcome {
    on_each_release(|stage| {
        let stream = r#"{"durable":true,"arguments":{"x-queue-type":"stream"}}"#;
        stage.vhost().create_object("queues/log", stream)?;
        stage
            .vhost()
            .create_object("queues/queue", r#"{"durable":true}"#)?;
        let amqp = stage.amqp()?;
        let headers = [("text", json!("a")), ("number", json!(-7))];
        amqp.publish_with("", "queue", b"\xff", &headers)?;
        amqp.publish("", "queue", "second")?;
        let taken = amqp.take("queue", 2)?;
        ensure!(
            taken[0].body == b"\xff" && taken[1].body == b"second",
            "{taken:?}"
        );
        ensure!((taken[0].header("text"), taken[0].header("number")) == ("a".into(), "-7".into()));
        ensure!(amqp.next("queue")?.is_none());

        for body in ["1", "2", "3"] {
            amqp.publish("", "log", body)?;
        }
        ensure!(amqp.read_stream("log", 2)?.len() == 2);
        ensure!(amqp.read_whole_stream("log")?.len() == 3);

        ensure!(
            amqp.publish("", "nowhere", "lost").is_err(),
            "no queue takes it"
        );
        ensure!(amqp.has_queue("queue")? && !amqp.has_queue("nowhere")?);
        ensure!(amqp.has_exchange("amq.topic")? && !amqp.has_exchange("nowhere")?);
        Ok(())
    })
}

#[test]
fn a_mail_and_a_post_are_kept_before_they_are_answered() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let mail = MailServer::start(stage.folder())?;
        let webhook = Webhook::start(stage.folder())?;
        ensure!(mail.count()? == 0 && webhook.count()? == 0);

        let text = stage.file("mail", "subject: a mail\r\n\r\norder       7\r\n")?;
        let python = stage.command("/usr/bin/python3").arg("-c").arg(
            "import smtplib, sys; smtplib.SMTP('127.0.0.1', sys.argv[1])\
             .sendmail('a@example.com', ['b@example.com'], open(sys.argv[2]).read())",
        );
        python
            .arg(mail.port().to_string())
            .arg(text)
            .run()?
            .successful()?;
        ensure!(mail.orders()? == ["7"], "{:?}", mail.mails()?);

        let address = webhook.url().replace("http://", "").replace("/alerts", "");
        let mut post = TcpStream::connect(address)?;
        post.write_all(
            b"POST /alerts HTTP/1.1\r\nhost: x\r\nidempotency-key: k\r\ncontent-length: 2\r\n\
              connection: close\r\n\r\n{}",
        )?;
        let mut answer = String::new();
        post.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let posts = webhook.posts()?;
        ensure!(
            posts.len() == 1 && posts[0]["headers"]["idempotency-key"] == "k",
            "{posts:?}"
        );
        Ok(())
    })
}

#[test]
fn a_program_can_be_paused_killed_and_read() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        let counting = || {
            stage
                .command("sh")
                .args(["-c", "while echo tick; do sleep 0.01; done"])
        };
        let mut program = counting().start()?;
        let ticks = |count: usize| move |text: String| (text.lines().count() > count).then_some(());
        within(Duration::from_secs(10), "it ticks", || {
            ticks(0)(program.output())
        })?;
        program.pause()?;
        let state = format!("/proc/{}/stat", program.id());
        let is_paused = || {
            std::fs::read_to_string(&state)
                .ok()?
                .contains(") T ")
                .then_some(())
        };
        within(Duration::from_secs(10), "it is paused", is_paused)?;
        let paused_at = program.output().lines().count();
        program.resume()?;
        within(Duration::from_secs(10), "it goes on", || {
            ticks(paused_at)(program.output())
        })?;
        ensure!(program.is_running()?);
        program.kill()?;
        ensure!(!program.is_running()?);

        let ended = counting().start()?.terminate()?;
        ensure!(ended.code.is_none(), "a signal ended it: {ended:?}");
        ensure!(
            stage
                .command("sh")
                .args(["-c", "exit 3"])
                .run()?
                .successful()
                .is_err()
        );
        Ok(())
    })
}

#[test]
fn a_failed_test_shows_what_its_programs_said() -> Outcome {
    let failed = on_a_stage(Release::Installed, |stage| {
        stage
            .command("sh")
            .args(["-c", "echo the reason >&2"])
            .run()?;
        bail!("it went wrong")
    });
    let failure = format!("{:#}", failed.err().context("it should fail")?);
    ensure!(
        failure.contains("it went wrong") && failure.contains("the reason"),
        "{failure}"
    );
    Ok(())
}

#[test]
fn alerts_missing_repeated_invented_or_wrong_are_told() -> Outcome {
    let expected = Expected {
        order_id: "1".to_owned(),
        client: "c".to_owned(),
        stock: "s".to_owned(),
        requested: 100,
        purchased_total: 130,
    };
    let alert = |order: &str, purchased: u128| {
        Alert {
            alert_id: alert_id(OVER_PURCHASE, order),
            kind: OVER_PURCHASE.to_owned(),
            order_id: order.to_owned(),
            client: "c".to_owned(),
            stock: "s".to_owned(),
            requested: 100,
            purchased,
            excess: purchased.saturating_sub(100),
            tipped_by: "3".to_owned(),
            opened_time_us: None,
            raised_time_us: None,
        }
        .to_json()
    };
    let expected = [expected];
    let told = |alerts: &[Vec<u8>]| same_alerts(alerts.iter().map(Vec::as_slice), &expected);
    told(&[alert("1", 120)])?;
    for (wrong, alerts) in [
        ("missing", vec![]),
        ("repeated", vec![alert("1", 120), alert("1", 120)]),
        ("invented", vec![alert("1", 120), alert("2", 120)]),
        ("not over-purchased", vec![alert("1", 100)]),
        ("more than was bought", vec![alert("1", 131)]),
    ] {
        ensure!(told(&alerts).is_err(), "{wrong} should be told");
    }
    Ok(())
}

//! `channel-boy`: each alert once, to people and programs.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use private_broker::{Folder, Release};
use tests::{
    Finished, MailServer, Outcome, Program, Stage, Start, Webhook, alert_of, binary, on_a_stage,
    on_each_release, until,
};
use topology::names::ALERT;
use trade::{Alert, OVER_PURCHASE, alert_id};

#[test]
fn an_alert_published_thrice_is_one_mail() -> Outcome {
    on_each_release(|stage| {
        stage.declare(&[])?;
        let mail = MailServer::start(stage.folder())?;
        let channel_boy = deliver(stage, "email", &mail_channel(stage, &mail)?)?;
        for order in ["1", "1", "1", "2"] {
            raise(stage, order)?;
        }
        until("two are mailed", || (mail.count().ok()? >= 2).then_some(()))?;
        channel_boy.terminate()?.successful()?; // it sends what it has, so nothing comes later
        let mut orders = mail.orders()?;
        orders.sort();
        ensure!(orders == ["1", "2"], "{orders:?}");
        Ok(())
    })
}

#[test]
fn after_kill_9_what_was_mailed_is_not_mailed_again() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let mail = MailServer::start(stage.folder())?;
        let configuration = mail_channel(stage, &mail)?;
        let mut channel_boy = deliver(stage, "email", &configuration)?;
        raise(stage, "1")?;
        until("the first is mailed", || {
            (mail.count().ok()? == 1).then_some(())
        })?;
        // By its log it has recorded the delivery; until then it would be in doubt, and held.
        channel_boy.says("delivered")?;
        channel_boy.kill()?;

        let again = deliver(stage, "email", &configuration)?;
        raise(stage, "1")?;
        raise(stage, "2")?;
        until("another is mailed", || {
            (mail.count().ok()? >= 2).then_some(())
        })?;
        again.terminate()?.successful()?;
        let mut orders = mail.orders()?;
        orders.sort();
        ensure!(orders == ["1", "2"], "{orders:?}");
        Ok(())
    })
}

#[test]
fn an_alert_raised_while_nobody_delivers_is_delivered_later() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        raise(stage, "early")?;
        let mail = MailServer::start(stage.folder())?;
        let _channel_boy = deliver(stage, "email", &mail_channel(stage, &mail)?)?;
        until("it is mailed", || {
            (mail.orders().ok()? == ["early"]).then_some(())
        })
    })
}

#[test]
fn a_mail_server_that_is_away_is_waited_for() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let mail = MailServer::start(stage.folder())?;
        let configuration = mail_channel(stage, &mail)?;
        mail.process().kill()?;
        let mut channel_boy = deliver(stage, "email", &configuration)?;
        raise(stage, "1")?;
        channel_boy.says("Connection refused")?;
        let mail = mail.start_again()?;
        until("it is mailed", || {
            (mail.orders().ok()? == ["1"]).then_some(())
        })
    })
}

#[test]
fn a_webhook_gets_each_alert_once_with_its_id_as_idempotency_key() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let webhook = Webhook::start(stage.folder())?;
        let configuration = stage.file("channels.toml", webhook.channel("webhook"))?;
        let channel_boy = deliver(stage, "webhook", &configuration)?;
        for order in ["1", "1", "2"] {
            raise(stage, order)?;
        }
        until("two are posted", || {
            (webhook.count().ok()? >= 2).then_some(())
        })?;
        channel_boy.terminate()?.successful()?;
        let posts = webhook.posts()?;
        ensure!(posts.len() == 2, "{posts:?}");
        for post in posts {
            let alert = Alert::from_json(post["body"].as_str().unwrap_or_default().as_bytes())?;
            ensure!(
                post["headers"]["idempotency-key"] == alert.alert_id.to_string(),
                "{post}"
            );
            ensure!(
                alert.alert_id == alert_id(OVER_PURCHASE, &alert.order_id),
                "{post}"
            );
        }
        Ok(())
    })
}

/// Starts a channel-boy whose ledger stays in the test's folder.
/// NSCA's own numbers and names of its methods, beside the two that are there.
#[test]
fn check_refuses_every_method_of_nsca_that_is_not_there_and_says_what_to_do() -> Outcome {
    let folder = Folder::temporary("aldebaran-check-")?;
    let file = folder.path().join("channels.toml");
    let check = |method: &str| -> Result<Finished> {
        let keys = "[channel.nagios]\nsink = 'nagios'\nway = 'nsca'\naddress = '127.0.0.1'\n\
                    host = 'desk'\nservice = 'alerts'\n";
        fs::write(&file, format!("{keys}encryption = {method}\n"))?;
        let channel_boy = Start::new("check", binary("channel-boy")?, folder.path());
        let channel_boy = channel_boy.arg("check").arg("--config").arg(&file);
        channel_boy.run()
    };
    for method in ["'none'", "'xor'"] {
        check(method)?.successful()?;
    }
    let numbers = (0..=26).map(|number| number.to_string());
    let names = ["DES", "3DES", "BLOWFISH", "RIJNDAEL-256", "XOR", "1", ""];
    let names = names.into_iter().map(|name| format!("'{name}'"));
    for method in numbers.chain(names) {
        let said = check(&method)?.with_code(2)?.log;
        let place = format!("{}:7: encryption ", file.display());
        ensure!(said.contains(&place), "{method}: {said}");
        let remedy = "one of: none, xor (give the server decryption_method = 0 or 1 for them, or \
                      use way = \"nrdp\" with https)";
        ensure!(said.contains(remedy), "{method}: {said}");
        ensure!(said.matches("channels.toml:").count() == 1, "once: {said}");
    }
    Ok(())
}

fn deliver(stage: &Stage, channel: &str, configuration: &PathBuf) -> Result<Program> {
    let ledger = stage.folder().join("ledger");
    let channel_boy = stage
        .program("channel-boy")?
        .args(["-v", "--channel", channel]);
    channel_boy
        .arg("--config")
        .arg(configuration)
        .arg("--ledger")
        .arg(ledger)
        .start()
}

fn mail_channel(stage: &Stage, mail: &MailServer) -> Result<PathBuf> {
    stage.file("channels.toml", mail.channel("email"))
}

/// Publishes an over-purchase alert for an order, as an auditor does.
fn raise(stage: &Stage, order: &str) -> Outcome {
    let alert = alert_of(order);
    stage
        .amqp()?
        .publish(ALERT, &alert.routing_key(), alert.to_json())
}

//! Users, permissions and passwords; and how little a user needs.

use anyhow::ensure;
use tests::{Finished, Outcome};

use crate::world::{World, on_each};

fn with_password(
    world: &World<'_>,
    word: &str,
    arguments: &[&str],
    code: i32,
) -> anyhow::Result<Finished> {
    let start = world.start()?.env("THE_PASSWORD", word);
    start.args(arguments).run()?.with_code(code)
}

#[test]
fn a_password_comes_from_the_environment_is_noticed_when_it_differs_and_never_shown() -> Outcome {
    on_each(|world| {
        let user = format!("{}-shop", world.vhost());
        world.topology(&format!(
            "[user.\"{user}\"]\ntags = [\"monitoring\"]\npassword = {{ env = \"THE_PASSWORD\" }}\n\
             [permission.\"{user}\"]\nconfigure = \"\"\nwrite = \"^a\"\nread = \".*\"\n\
             [topic-permission.\"{user}\".\"amq.topic\"]\nwrite = \"^a\"\nread = \".*\"\n"
        ))?;
        let unset = world.declare(&["plan"], 2)?.log;
        ensure!(
            unset.contains("t.toml:1") && unset.contains("THE_PASSWORD"),
            "{unset}"
        );
        let mut said = String::new();
        for (word, arguments, code) in [
            ("first-s3cret", &["plan"][..], 10),
            ("first-s3cret", &["apply", "--yes", "-vv"], 0),
            ("first-s3cret", &["plan", "--output", "json"], 0),
            ("other-s3cret", &["plan"], 10),
            ("other-s3cret", &["apply", "--yes"], 0),
            ("other-s3cret", &["plan"], 0),
        ] {
            let ended = with_password(world, word, arguments, code)?;
            said += &(ended.output + &ended.log);
        }
        ensure!(!said.contains("s3cret"), "{said}");
        ensure!(said.contains("changed        user"), "{said}");
        world.admin()?.delete(&format!("/users/{user}"))?;
        Ok(())
    })
}

#[test]
fn a_password_comes_from_a_file_is_noticed_when_it_differs_and_never_shown() -> Outcome {
    on_each(|world| {
        let user = format!("{}-file", world.vhost());
        let word = |word: &str| world.stage.file("password", word);
        let path = word("first-s3cret\n")?;
        let path = path.display();
        world.topology(&format!(
            "[user.\"{user}\"]\ntags = []\npassword = {{ file = \"{path}\" }}\n\
             [permission.\"{user}\"]\nconfigure = \"\"\nwrite = \"\"\nread = \".*\"\n"
        ))?;
        let mut said = String::new();
        let mut run = |arguments: &[&str], code: i32| -> anyhow::Result<()> {
            let ended = world.declare(arguments, code)?;
            said += &(ended.output + &ended.log);
            Ok(())
        };
        run(&["apply", "--yes", "-vv"], 0)?;
        run(&["plan", "--output", "json"], 0)?;
        // The broker lets in who knows the word, without the line break at the end of the file.
        let login = |word: &str| {
            let login = format!("{user}:{word}@");
            let url = world.broker.url().replace("guest:guest@", &login);
            tests::Amqp::connect(&url.replace("/%2f", &format!("/{}", world.vhost())))
        };
        login("first-s3cret")?;
        word("other-s3cret\n")?;
        run(&["plan"], 10)?;
        run(&["apply", "--yes"], 0)?;
        login("other-s3cret")?;
        ensure!(
            login("first-s3cret").is_err(),
            "the former password still works"
        );
        word("")?;
        run(&["plan"], 2)?;
        std::fs::remove_file(path.to_string())?;
        run(&["plan"], 2)?;
        ensure!(!said.contains("s3cret"), "{said}");
        ensure!(
            said.contains("it is empty") && said.contains("No such file"),
            "{said}"
        );
        world.admin()?.delete(&format!("/users/{user}"))?;
        Ok(())
    })
}

/// A user of the vhost with these tags, and `declare` as that user.
fn as_user(
    world: &World<'_>,
    tags: &str,
    arguments: &[&str],
    code: i32,
) -> anyhow::Result<Finished> {
    let user = format!("{}-least", world.vhost());
    let admin = world.admin()?;
    let body = format!(r#"{{"password":"least","tags":"{tags}"}}"#);
    admin.put(&format!("/users/{user}"), &body)?;
    let rights = r#"{"configure":"^ours","write":"^ours","read":"^ours"}"#;
    admin.put(&format!("/permissions/{}/{user}", world.vhost()), rights)?;
    let amqp = world
        .broker
        .url()
        .replace("guest:guest", &format!("{user}:least"));
    let amqp = amqp.replace("/%2f", &format!("/{}", world.vhost()));
    // Without user and password: those of the AMQP URL count.
    let management = admin.url().replace("guest:guest@", "");
    let start = world.start()?.env("ALDEBARAN_AMQP_URL", amqp);
    let start = start.env("ALDEBARAN_MANAGEMENT_URL", management);
    let ended = start.args(arguments).run()?.with_code(code);
    admin.delete(&format!("/users/{user}"))?;
    ended
}

const OURS: &str = r#"
[exchange."ours.e"]
type = "direct"
[queue."ours.q"]
type = "classic"
bindings = [{ from = "ours.e", key = "a" }]
[manage]
queues = "ours*"
"#;

#[test]
fn the_tag_management_and_permissions_on_the_names_are_enough() -> Outcome {
    on_each(|world| {
        world.topology(OURS)?;
        as_user(world, "management", &["apply", "--yes"], 0)?;
        as_user(world, "management", &["plan"], 0)?;
        world.put("queues", "ours.old", r#"{"durable":true}"#)?;
        world.bind("ours.e", "ours.q", r#"{"routing_key":"stale"}"#)?;
        as_user(world, "management", &["plan"], 12)?;
        as_user(world, "management", &["prune", "--yes"], 0)?;
        as_user(world, "management", &["plan"], 0)?;
        Ok(())
    })
}

#[test]
fn policies_need_policymaker_and_users_an_administrator_and_both_are_said() -> Outcome {
    on_each(|world| {
        let policy = "[policy.p]\npattern = \"^ours\"\ndefinition.expires = 1000";
        world.topology(policy)?;
        let refused = as_user(world, "management", &["apply", "--yes"], 1)?.output;
        ensure!(refused.contains("failed         policy    p"), "{refused}");
        as_user(world, "policymaker", &["apply", "--yes"], 0)?;
        as_user(world, "management", &["plan"], 0)?;
        world.topology("[user.x]\ntags = []")?;
        let hidden = as_user(world, "policymaker", &["plan"], 13)?.output;
        ensure!(hidden.contains("the tag administrator"), "{hidden}");
        Ok(())
    })
}

#[test]
fn a_user_without_the_tag_is_told_what_to_ask_for() -> Outcome {
    on_each(|world| {
        world.topology(OURS)?;
        let told = as_user(world, "", &["plan"], 1)?.log;
        ensure!(told.contains("tag `management`"), "{told}");
        ensure!(told.contains("--management-url none"), "{told}");
        Ok(())
    })
}

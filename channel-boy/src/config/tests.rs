//! What is right is taken, and all that is wrong is said, with its line.

use super::*;

fn problems(text: &str) -> Vec<String> {
    match parse(Path::new("c.toml"), text, "mail") {
        Ok(_) => Vec::new(),
        Err(problems) => problems.to_string().lines().map(str::to_owned).collect(),
    }
}

const MAIL: &str = "[channel.mail]
sink = 'email'
host = 'smtp.example.com'
from = 'a@example.com'
recipients = ['b@example.com']
";

#[test]
fn the_least_there_is_works_with_defaults() {
    let channel = parse(Path::new("c.toml"), MAIL, "mail").unwrap_or_else(|p| panic!("{p}"));
    assert_eq!(channel.recipients, ["b@example.com"]);
    assert_eq!((channel.concurrency, channel.backlog), (4, 10_000));
    assert_eq!(channel.on_in_doubt, OnInDoubt::Hold);
}

#[test]
fn every_problem_of_every_channel_is_said_at_once() {
    let text = "
[channel.mail]
sink = 'email'
port = 70000
tls = 'maybe'
from = 'nobody'
recipients = ['a@example.com', 'b', 'a@example.com']
user = 'u'
password = 'hunter2'
concurrency = 0
retry_first = '1h'
retry_longest = '1s'
give_up_after = 'soon'
colour = 'red'

[channel.'two words']
sink = 'pigeon'

[channel.hook]
sink = 'webhook'
url = 'ftp://example.com'
on_in_doubt = 'perhaps'

[channel.bare]

[other]
";
    let found = problems(text);
    let expected = [
        "c.toml:2: host is missing",
        "c.toml:2: password_env or password_file is missing",
        "c.toml:4: port must be a whole number from 1 to 65535",
        "c.toml:5: tls is \"maybe\"; it may be one of: none, starttls, required, wrapper",
        "c.toml:6: from must be an address",
        "c.toml:7: recipients: \"a@example.com\" is listed twice",
        "c.toml:7: recipients: \"b\" is not an address",
        "c.toml:9: password does not belong into this file: use password_env or password_file",
        "c.toml:10: concurrency must be",
        "c.toml:12: retry_longest is shorter",
        "c.toml:13: give_up_after must be a length of time",
        "c.toml:14: \"colour\" is not known to this sink; it knows: backlog, ca_file",
        "c.toml:16: the channel name \"two words\"",
        "c.toml:17: sink is \"pigeon\"; it may be one of: amqp, ",
        "c.toml:21: url must begin with https://host",
        "c.toml:22: on_in_doubt is \"perhaps\"; it may be one of: hold, resend, ask",
        "c.toml:24: sink is missing",
        "c.toml:26: \"other\" is not known here",
    ];
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found:?} is not {expected:?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    assert!(!found.concat().contains("hunter2"));
}

#[test]
fn every_error_of_syntax_is_said_at_once() {
    let found = problems("[channel.mail]\nsink = \n\nhost == 'x'\n");
    assert!(found.len() >= 2, "{found:?}");
    assert!(found[0].starts_with("c.toml:2:"), "{found:?}");
    assert!(found[1].starts_with("c.toml:4:"), "{found:?}");
}

#[test]
fn a_channel_that_is_not_there_is_said() {
    let found = problems("[channel.other]\nsink = 'stdout'\n");
    assert_eq!(
        found,
        ["c.toml: no [channel.mail] in it, which --channel asks for"]
    );
}

#[test]
fn secrets_come_from_elsewhere_and_stay_unsaid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.toml");
    let load = |more: &str| {
        let text = format!("{MAIL}user = 'u'\n{more}");
        std::fs::write(&file, text).unwrap();
        load(&file, "mail")
            .err()
            .map(|problems| problems.to_string())
    };
    std::fs::write(folder.path().join("good"), "hunter2\n").unwrap();
    std::fs::write(folder.path().join("bad"), "hunter2\nhunter3\n").unwrap();
    assert_eq!(load("password_file = 'good'"), None);
    for (more, words) in [
        ("password_file = 'bad'", "more than one line"),
        ("password_file = 'none'", "cannot be read"),
        ("password_env = 'ALDEBARAN_TEST_NOT_SET'", "is not set"),
        ("password_env = 'A'\npassword_file = 'good'", "both given"),
        ("password_file = 'good'\ntls = 'none'", "in the clear"),
        (
            "password_file = 'good'\nca_file = 'good'",
            "without certificates",
        ),
    ] {
        let said = load(more).unwrap();
        assert!(said.contains(words), "{said}");
        assert!(said.contains(":7:") || said.contains(":8:"), "{said}");
        assert!(!said.contains("hunter"), "{said}");
    }
    assert_eq!(format!("{:?}", Secret::new("hunter2")), "Some((secret))");
}

/// Another channel's secrets need not be there for this one to run.
#[test]
fn only_the_chosen_channel_is_resolved() {
    let other = "[channel.hook]\nsink = 'webhook'\nurl_env = 'ALDEBARAN_TEST_NOT_SET'\n\
                 ca_file = 'none'\n";
    assert_eq!(problems(&format!("{MAIL}{other}")), [""; 0]);
    let hook = parse(Path::new("c.toml"), &format!("{MAIL}{other}"), "hook");
    assert_eq!(hook.err().map(|p| p.to_string().lines().count()), Some(2));
}

#[test]
fn a_url_with_credentials_belongs_elsewhere() {
    let hook = |url: &str| {
        let text = format!("[channel.mail]\nsink = 'webhook'\nurl = '{url}'");
        problems(&text).concat()
    };
    assert_eq!(hook("https://example.com/x"), "");
    let said = hook("https://u:hunter2@example.com/x");
    assert!(
        said.contains("credentials") && !said.contains("hunter2"),
        "{said}"
    );
}

/// The example at the top of the repository is right as it stands.
#[test]
fn the_example_is_right() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../channels.toml");
    let summary = check(&file, &Resolve::All).unwrap_or_else(|p| panic!("{p}"));
    let names: Vec<_> = summary.iter().map(|line| line.split(':').next()).collect();
    assert_eq!(names, [Some("email"), Some("stdout"), Some("webhook")]);
}

/// So is every channel in it that stands behind number signs, but for the secrets that are not
/// here; together they show every sink.
#[test]
fn the_examples_in_comments_are_right() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../channels.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let blocks = text
        .split("\n\n")
        .filter(|block| block.starts_with("# [channel."));
    let examples: Vec<String> = blocks
        .map(|block| {
            let lines = block.lines().map(|line| format!("{}\n", &line[2..]));
            lines.collect()
        })
        .collect();
    let mut problems = Problems::new(&file, &text);
    let checked = check_text(&examples.concat(), &Resolve::None, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(checked.len(), examples.len());
    for kind in sink::KINDS {
        let key = format!("sink = {:?}", kind.name);
        assert!(text.contains(&key), "no example of {key}");
    }
}

#[test]
fn asking_needs_a_provider_that_can_be_asked() {
    let found = problems(&format!("{MAIL}on_in_doubt = 'ask'"));
    assert!(
        found[0].contains("cannot be asked: use \"hold\""),
        "{found:?}"
    );
    assert_eq!(found.len(), 1);
}

#[test]
fn limits_are_read_or_refused() {
    let more = "rate_limit = '30/m'\nquiet_hours = '22:00-07:00 +02:00'\n\
                per_recipient_per_minute = 3\n";
    let channel = parse(Path::new("c.toml"), &format!("{MAIL}{more}"), "mail");
    let limits = channel.unwrap_or_else(|p| panic!("{p}")).limits;
    assert_eq!(limits.per_minute, Some(3));
    assert!(limits.rate.is_some() && limits.quiet.is_some());
    let more = "rate_limit = 'fast'\nquiet_hours = 'at night'\nper_recipient_per_minute = 0\n";
    assert_eq!(problems(&format!("{MAIL}{more}")).len(), 3);
}

/// The ledger's URL may stand in the file, its password may not.
#[test]
fn a_ledger_s_password_belongs_elsewhere() {
    let found = problems(&format!("{MAIL}ledger = 'postgres://u:hunter2@h/d'"));
    assert!(found[0].contains("use ledger_url_env"), "{found:?}");
    assert!(!found.concat().contains("hunter2"));
    let text = format!("{MAIL}ledger = 'postgres://u@h/d'");
    let channel = parse(Path::new("c.toml"), &text, "mail").unwrap_or_else(|p| panic!("{p}"));
    assert_eq!(format!("{:?}", channel.ledger), "Some(database d at h)");
    let text = format!("{MAIL}ledger = 'mail.ledger'");
    let channel = parse(Path::new("/etc/c.toml"), &text, "mail").unwrap_or_else(|p| panic!("{p}"));
    assert_eq!(format!("{:?}", channel.ledger), "Some(/etc/mail.ledger)");
}

#[test]
fn a_check_reads_the_secrets_that_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.toml");
    let hook = "sink = 'webhook'\nurl_env = 'ALDEBARAN_TEST_NOT_SET'\n";
    let text = format!("[channel.a]\n{hook}\n[channel.b]\n{hook}");
    std::fs::write(&file, text).unwrap();
    let count = |resolve: Resolve<'_>| match check(&file, &resolve) {
        Ok(_) => 0,
        Err(problems) => problems.to_string().lines().count(),
    };
    assert_eq!(count(Resolve::All), 2);
    assert_eq!(count(Resolve::None), 0);
    assert_eq!(count(Resolve::Only(&["a".to_owned()])), 1);
    assert_eq!(count(Resolve::Only(&["a".to_owned(), "c".to_owned()])), 2);
}

#[test]
fn words_filters_and_the_clear_are_checked() {
    let said = |keys: &str| problems(&format!("{MAIL}{keys}")).concat();
    let right = "only_clients = ['Gold*']\nexcess_above = 5\nsubject = '{{ stock }}'";
    assert_eq!(said(right), "");
    for (keys, words) in [
        (
            "text = '{{ colour }}'",
            "c.toml:6: text cannot be used: colour is not known",
        ),
        ("html = '{{ stock }'", "line 1 of the template"),
        ("only_stocks = []", "c.toml:6: only_stocks must be a list"),
        (
            "excess_above = -1",
            "c.toml:6: excess_above must be a whole number",
        ),
    ] {
        let said = said(keys);
        assert!(said.contains(words), "{said}");
    }
    let hook = |more: &str| {
        let url = "url = 'http://example.com/x'";
        problems(&format!("[channel.mail]\nsink = 'webhook'\n{url}\n{more}")).concat()
    };
    assert!(hook("").contains("c.toml:3: url must begin with https://"));
    assert_eq!(hook("allow_plain = true"), "");
}

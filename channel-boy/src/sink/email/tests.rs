//! A scripted server breaks off at every step; the answer must say what can be known.

use super::*;
use crate::sink::samples::{self, Turn, Turn::*, closed_port, scripted};

fn keys(port: u16, more: &str) -> String {
    format!(
        "sink = 'email'\nhost = '127.0.0.1'\nport = {port}\nfrom = 'Desk <desk@example.com>'\n\
         recipients = ['ops@example.com']\n{more}"
    )
}

/// An exchange up to and with the mail's data, and what follows it.
fn up_to_the_dot(then: Vec<Turn>) -> Vec<Turn> {
    let mut turns = up_to_data("354 go\r\n");
    turns.push(Hear("\r\n.\r\n"));
    turns.extend(then);
    turns
}

fn up_to_data(reply: &'static str) -> Vec<Turn> {
    let mut turns = up_to_the_recipient("250 ok\r\n");
    turns.extend([Hear("DATA\r\n"), Say(reply)]);
    turns
}

fn up_to_the_recipient(reply: &'static str) -> Vec<Turn> {
    let mut turns = up_to_the_sender("250 ok\r\n");
    turns.extend([Hear("RCPT TO:<ops@example.com>\r\n"), Say(reply)]);
    turns
}

fn up_to_the_sender(reply: &'static str) -> Vec<Turn> {
    vec![
        Say("220 hi\r\n"),
        Hear("\r\n"),
        Say("250-hi\r\n250 8BITMIME\r\n"),
        Hear("MAIL FROM:<desk@example.com>\r\n"),
        Say(reply),
    ]
}

async fn attempt(turns: Vec<Turn>, more: &str) -> Answer {
    let tls = if more.contains("tls") {
        ""
    } else {
        "tls = 'none'\n"
    };
    let (port, _server) = scripted(turns).await;
    let built = samples::built(&keys(port, &format!("{tls}{more}")));
    samples::send(&built, &samples::alert("1")).await
}

fn is_not_taken(answer: &Answer) -> bool {
    matches!(answer, Answer::NotTaken { .. })
}

#[tokio::test]
async fn a_2xx_to_the_final_dot_is_delivered() {
    let answer = attempt(up_to_the_dot(vec![Say("250 2.0.0 queued\r\n")]), "").await;
    assert_eq!(answer, Answer::Delivered("250 2.0.0 queued".to_owned()));
}

#[tokio::test]
async fn a_4xx_is_not_taken_at_every_step() {
    for turns in [
        up_to_the_sender("451 later\r\n"),
        up_to_the_recipient("450 greylisted\r\n"),
        up_to_data("421 closing\r\n"),
        up_to_the_dot(vec![Say("452 disk full\r\n")]),
    ] {
        let answer = attempt(turns, "").await;
        assert!(is_not_taken(&answer), "{answer:?}");
    }
}

#[tokio::test]
async fn a_5xx_to_the_mail_is_refused_at_every_step() {
    for turns in [
        up_to_the_sender("550 not you\r\n"),
        up_to_the_recipient("550 no such user\r\n"),
        up_to_data("554 no\r\n"),
        up_to_the_dot(vec![Say("552 too large\r\n")]),
    ] {
        let answer = attempt(turns, "").await;
        assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
    }
}

#[tokio::test]
async fn a_session_that_does_not_come_about_says_nothing_of_the_mail() {
    for turns in [
        up_to_the_sender("530 5.7.0 log in first\r\n"),
        vec![Say("554 no service\r\n")],
        vec![Say("220 hi\r\n"), Hear("\r\n"), Say("550 go away\r\n")],
        vec![],
    ] {
        let answer = attempt(turns, "").await;
        assert!(is_not_taken(&answer), "{answer:?}");
    }
    let built = samples::built(&keys(closed_port().await, "tls = 'none'"));
    let answer = samples::send(&built, &samples::alert("1")).await;
    assert!(is_not_taken(&answer), "{answer:?}");
}

#[tokio::test]
async fn a_loss_before_the_final_dot_is_not_taken() {
    let mut sender = up_to_the_sender("");
    sender.pop();
    for turns in [sender, up_to_the_recipient("")] {
        let answer = attempt(turns, "").await;
        assert!(is_not_taken(&answer), "{answer:?}");
    }
}

#[tokio::test]
async fn a_silence_before_the_final_dot_is_not_taken() {
    let mut recipient = up_to_the_recipient("");
    recipient.push(Hang);
    for turns in [vec![Hang], recipient] {
        let answer = attempt(turns, "timeout = '200ms'").await;
        assert!(is_not_taken(&answer), "{answer:?}");
    }
}

#[tokio::test]
async fn what_follows_the_final_dot_without_a_reply_is_unknown() {
    for then in [
        vec![],
        vec![Hang],
        vec![Say("what?\r\n")],
        vec![Say("354 more\r\n")],
    ] {
        let answer = attempt(
            up_to_the_dot(then),
            "timeout = '2s'\nreply_timeout = '200ms'",
        )
        .await;
        assert!(matches!(answer, Answer::Unknown(_)), "{answer:?}");
    }
}

/// The data goes out in parts larger than any buffer on the way, so that the server is gone
/// while the mail is being written.
#[tokio::test]
async fn a_loss_inside_the_mail_is_not_taken() {
    let (port, server) = scripted(up_to_data("354 go\r\n")).await;
    let session = Session {
        host: "127.0.0.1".to_owned(),
        port,
        hello: ClientId::default(),
        tls: Tls::None,
        tls_parameters: None,
        credentials: None,
        timeout: Duration::from_secs(20),
        reply_timeout: Duration::from_secs(20),
    };
    let (from, to) = (
        address("desk@example.com").unwrap(),
        address("ops@example.com").unwrap(),
    );
    let mail = "0123456789\r\n".repeat(10 << 20);
    let threshold = Threshold::default();
    let answer = session.send(&from, &to, mail.as_bytes(), &threshold).await;
    assert!(is_not_taken(&answer), "{answer:?}");
    server.await.unwrap();
}

#[tokio::test]
async fn a_late_reply_to_the_final_dot_counts() {
    let (port, _server) = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (inner, server) = scripted(up_to_the_dot(vec![Say("250 ok\r\n")])).await;
        // Passes everything on, and the server's last word only after the session's own timeout.
        let relay = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (client, _) = listener.accept().await.unwrap();
            let server = tokio::net::TcpStream::connect(("127.0.0.1", inner))
                .await
                .unwrap();
            let (mut client_in, mut client_out) = client.into_split();
            let (mut server_in, mut server_out) = server.into_split();
            let up = tokio::io::copy(&mut client_in, &mut server_out);
            let down = async {
                let mut buffer = [0; 4096];
                let mut replies = 0;
                while let Ok(n @ 1..) = server_in.read(&mut buffer).await {
                    replies += 1;
                    if replies == 6 {
                        tokio::time::sleep(Duration::from_millis(1500)).await;
                    }
                    client_out.write_all(&buffer[..n]).await.unwrap();
                }
            };
            let _ = tokio::join!(up, down);
        });
        (port, (server, relay))
    };
    let built = samples::built(&keys(
        port,
        "tls = 'none'\ntimeout = '1s'\nreply_timeout = '20s'",
    ));
    let answer = samples::send(&built, &samples::alert("1")).await;
    assert!(matches!(answer, Answer::Delivered(_)), "{answer:?}");
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_where_tls_is_required() {
    let hello = vec![Say("220 hi\r\n"), Hear("\r\n"), Say("250 hi\r\n")];
    let answer = attempt(hello, "tls = 'required'").await;
    assert!(is_not_taken(&answer), "{answer:?}");
    let answer = attempt(
        vec![Say("220 hi\r\n"), Hang],
        "tls = 'wrapper'\ntimeout = '2s'",
    )
    .await;
    assert!(is_not_taken(&answer), "{answer:?}");
}

fn headers(mail: &str) -> Vec<String> {
    let head = mail.split("\r\n\r\n").next().unwrap();
    let names = head
        .split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']));
    names
        .map(|line| line.split(':').next().unwrap().to_owned())
        .collect()
}

async fn heard(alert: &trade::Alert) -> String {
    let (port, server) = scripted(up_to_the_dot(vec![Say("250 ok\r\n")])).await;
    let built = samples::built(&keys(port, "tls = 'none'"));
    let answer = samples::send(&built, alert).await;
    assert!(matches!(answer, Answer::Delivered(_)), "{answer:?}");
    server
        .await
        .unwrap()
        .split_once("DATA\r\n")
        .unwrap()
        .1
        .to_owned()
}

#[tokio::test]
async fn every_attempt_writes_the_same_mail() {
    let mail = heard(&samples::alert("1")).await;
    assert_eq!(mail, heard(&samples::alert("1")).await);
    let id = |mail: &str| {
        let line = mail.lines().find(|line| line.starts_with("Message-ID: "));
        line.unwrap().to_owned()
    };
    assert!(id(&mail).ends_with("@example.com>"), "{mail}");
    assert_ne!(id(&mail), id(&heard(&samples::alert("2")).await));
    assert!(
        mail.contains("Subject: Over-purchased: order 1, 120 of 100 AAPL\r\n"),
        "{mail}"
    );
    assert!(
        mail.contains("Fri, 26 Jun 2015 00:00:00 +0000\r\n"),
        "{mail}"
    );
}

#[tokio::test]
async fn strangers_add_no_header_and_no_recipient() {
    let plain = heard(&samples::alert("1")).await;
    for poison in [
        "1\r\nBcc: victim@example.com\r\n\r\nhello",
        "1\nBcc: victim@example.com",
        "1\rBcc: victim@example.com",
        "1\r\n.\r\nMAIL FROM:<x@example.com>\r\n",
        "1\u{0}\u{b}\u{85}\u{2028}Bcc: victim@example.com",
        "=?utf-8?q?=0D=0ABcc:_victim@example.com?=",
    ] {
        let mut alert = samples::alert(poison);
        alert.client = poison.to_owned();
        alert.stock = poison.to_owned();
        alert.kind = poison.to_owned();
        alert.tipped_by = poison.to_owned();
        let mail = heard(&alert).await;
        assert_eq!(headers(&mail).len(), headers(&plain).len(), "{mail}");
        assert!(!mail.lines().any(|line| line.starts_with("Bcc")), "{mail}");
        assert!(!mail.contains("\r\n.\r\nMAIL"), "{mail}");
        assert!(!mail.replace("\r\n", "").contains(['\r', '\n']), "{mail:?}");
    }
}

#[test]
fn an_address_is_plain() {
    assert!(address("ops@example.com").is_ok());
    for text in [
        "",
        "ops",
        "ops@",
        "a b@example.com",
        "é@example.com",
        "a@b.c\r\nDATA",
        "<a@b.c>",
    ] {
        assert!(address(text).is_err(), "{text}");
    }
    assert!(mailbox("Desk <desk@example.com>").is_ok());
    for text in ["", "Desk", "D\nesk <desk@example.com>", "é@example.com"] {
        assert!(mailbox(text).is_err(), "{text}");
    }
}

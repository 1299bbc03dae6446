//! All three ways in, against servers that answer, break off and keep quiet.

use super::*;
use crate::sink::samples::{self, Turn, Turn::*, closed_port, scripted};

fn nrdp(port: u16) -> Built {
    samples::built(&format!(
        "sink = 'nagios'\nway = 'nrdp'\nurl = 'http://127.0.0.1:{port}/nrdp/'\n\
         token_env = 'HOME'\nhost = 'desk'\nservice = '{{{{ client }}}}'\ntimeout = '300ms'"
    ))
}

fn nsca(port: u16) -> Built {
    samples::built(&format!(
        "sink = 'nagios'\nway = 'nsca'\naddress = '127.0.0.1'\nport = {port}\n\
         host = 'desk'\nservice = '{{{{ client }}}}'\ntimeout = '300ms'"
    ))
}

#[test]
fn the_built_in_line_has_performance_data() {
    let output = Template::new(Style::Nagios, None, OUTPUT).unwrap();
    let mut alert = samples::alert("1");
    assert_eq!(
        output.render(&[&alert]),
        format!(
            "Over-purchased: order 1, 120 of 100 AAPL for Sendence, alert {} | \
             excess=20 purchased=120 requested=100",
            alert.alert_id
        )
    );
    alert.client = "x | excess=0;\n$USER1$ `id` \\n".to_owned();
    let line = output.render(&[&alert]);
    assert_eq!(line.matches('|').count(), 1, "{line}");
    assert!(!line.contains([';', '\n', '$', '`', '\\']), "{line}");
    let many: Vec<_> = (0..LARGEST_DIGEST)
        .map(|i| samples::alert(&i.to_string()))
        .collect();
    let line = output.render(&many.iter().collect::<Vec<_>>());
    assert!(
        line.len() < 4000 && line.ends_with(" | alerts=50"),
        "{line}"
    );
    assert!(
        many.iter()
            .all(|alert| line.contains(&alert.alert_id.to_string()))
    );
}

#[tokio::test]
async fn nrdp_gets_a_form_with_json() {
    let answer = samples::answer(200, r#"{"result":{"status":0,"message":"OK"}}"#);
    let (port, server) = scripted(vec![Request, answer]).await;
    let answer = samples::send(&nrdp(port), &samples::alert("1")).await;
    assert_eq!(answer, Answer::Delivered("status 0 OK".to_owned()));
    let heard = server.await.unwrap();
    let form = heard.split("\r\n\r\n").nth(1).unwrap();
    assert!(
        form.contains("&cmd=submitcheck&JSONDATA=%7B%22checkresults"),
        "{form}"
    );
    assert!(
        form.contains("%22servicename%22%3A%22Sendence%22"),
        "{form}"
    );
}

#[tokio::test]
async fn nrdp_without_an_answer_is_unknown() {
    for then in [vec![], vec![Hang], vec![Say("HTTP/1.1 2")]] {
        let mut turns = vec![Request];
        turns.extend(then);
        let (port, _server) = scripted(turns).await;
        let answer = samples::send(&nrdp(port), &samples::alert("1")).await;
        assert_eq!(answer.word(), "unknown", "{answer:?}");
    }
    let answer = samples::send(&nrdp(closed_port().await), &samples::alert("1")).await;
    assert_eq!(answer.word(), "not taken", "{answer:?}");
}

/// What the server does with so many bytes of the packet.
async fn packet(greeting: usize, reads: usize, then: Turn) -> Answer {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&vec![7; greeting]).await.unwrap();
        let mut packet = vec![0; reads];
        stream.read_exact(&mut packet).await.unwrap();
        match then {
            Hang => std::future::pending().await,
            // With bytes that nobody read the connection is reset.
            _ => drop(stream),
        }
    });
    let answer = samples::send(&nsca(port), &samples::alert("1")).await;
    server.abort();
    answer
}

#[tokio::test]
async fn nsca_is_delivered_when_the_server_read_the_packet_and_closed() {
    assert_eq!(packet(132, 4304, Say("")).await.word(), "delivered");
    assert_eq!(packet(132, 4303, Say("")).await.word(), "unknown");
    assert_eq!(packet(132, 4304, Hang).await.word(), "unknown");
    assert_eq!(packet(132, 0, Say("")).await.word(), "unknown");
    assert_eq!(packet(131, 0, Say("")).await.word(), "not taken");
    assert_eq!(packet(0, 0, Hang).await.word(), "not taken");
    let answer = samples::send(&nsca(closed_port().await), &samples::alert("1")).await;
    assert_eq!(answer.word(), "not taken", "{answer:?}");
}

#[tokio::test]
async fn a_name_that_nsca_cannot_carry_is_refused() {
    let mut alert = samples::alert("1");
    alert.client = "x".repeat(200);
    let answer = samples::send(&nsca(closed_port().await), &alert).await;
    assert_eq!(answer.word(), "refused", "{answer:?}");
}

#[test]
fn alerts_for_a_service_each_are_not_collected() {
    let keys = |service: &str| {
        format!(
            "sink = 'nagios'\nway = 'command_file'\ncommand_file = '/x'\nhost = 'desk'\n\
             service = '{service}'"
        )
    };
    let largest = |service: &str| samples::built(&keys(service)).sink.largest_digest();
    assert_eq!(largest("over-purchase"), LARGEST_DIGEST);
    assert_eq!(largest("over-purchase {{ client }}"), 1);
}

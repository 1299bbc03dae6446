//! Each line of the table, and what goes over the wire.

use super::*;
use crate::sink::samples::{self, Turn, Turn::*, closed_port, scripted};

/// The example of the specification's own libraries.
#[test]
fn a_signature_is_that_of_standard_webhooks() {
    let key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    let signature = signature(
        &key,
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        b"{\"test\": 2432232314}",
    );
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    for wrong in ["", "whsec_", "whsec_!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        assert!(signing_key(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn each_status_means_what_the_table_says() {
    for (status, after, wanted) in [
        (200, None, "delivered"),
        (204, None, "delivered"),
        (301, None, "unknown"),
        (400, None, "refused"),
        (404, Some(9), "refused"),
        (408, None, "unknown"),
        (429, None, "not taken"),
        (429, Some(9), "not taken"),
        (500, Some(9), "unknown"),
        (503, None, "unknown"),
        (503, Some(9), "not taken"),
    ] {
        let after = after.map(Duration::from_secs);
        let body = Vec::new();
        let answer = judge(&Reply {
            status,
            after,
            body,
        });
        assert_eq!(answer.word(), wanted, "{status}");
        if let Answer::NotTaken { after: pause, .. } = answer {
            assert_eq!(pause, after, "{status}");
        }
    }
}

async fn post(then: Vec<Turn>) -> (Answer, String) {
    let mut turns = vec![Hear("}")];
    turns.extend(then);
    let (port, server) = scripted(turns).await;
    let answer = post_to(port).await;
    server.abort();
    (answer, server.await.unwrap_or_default())
}

async fn post_to(port: u16) -> Answer {
    let built = samples::built(&format!(
        "sink = 'webhook'\nurl = 'http://127.0.0.1:{port}/in?key=hidden'\ntimeout = '300ms'"
    ));
    assert_eq!(built.recipients, ["endpoint"]);
    samples::send(&built, &samples::alert("1")).await
}

#[tokio::test]
async fn the_request_carries_alert_and_key() {
    let (port, server) = scripted(vec![Hear("}"), Say("HTTP/1.1 204 x\r\n\r\n")]).await;
    assert!(matches!(post_to(port).await, Answer::Delivered(_)));
    let heard = server.await.unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    let alert = samples::alert("1");
    assert!(head.starts_with("POST /in?key=hidden HTTP/1.1"), "{head}");
    assert!(
        head.contains(&format!("idempotency-key: {}", alert.alert_id)),
        "{head}"
    );
    assert!(head.contains("content-type: application/json"), "{head}");
    assert_eq!(body.as_bytes(), alert.to_json());
}

#[tokio::test]
async fn a_request_without_an_answer_is_unknown_and_its_url_unsaid() {
    for then in [
        vec![],
        vec![Hang],
        vec![Say("HTTP/1.1 2")],
        vec![Say("what?\r\n\r\n")],
    ] {
        let (answer, _) = post(then).await;
        let Answer::Unknown(words) = &answer else {
            panic!("{answer:?}");
        };
        assert!(!words.contains("hidden"), "{words}");
    }
}

#[tokio::test]
async fn no_connection_is_not_taken() {
    let answer = post_to(closed_port().await).await;
    let Answer::NotTaken { why, .. } = &answer else {
        panic!("{answer:?}");
    };
    assert!(!why.contains("hidden"), "{why}");
}

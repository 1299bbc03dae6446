//! Each line of the table, and what goes over the wire.

use super::*;
use crate::sink::{jwt::tests::p8, notification::tests::built_in, samples};

const DEVICE: &str = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0";

fn built(port: u16) -> Built {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.p8");
    std::fs::write(&key, p8()).unwrap();
    samples::built(&format!(
        "sink = 'apns'\nbase_url = 'http://127.0.0.1:{port}'\nkey_file = '{}'\nkey_id = 'KEY'\n\
         team_id = 'TEAM'\ntopic = 'com.example.alerts'\ndevices = {{ anna = '{DEVICE}' }}\n\
         timeout = '500ms'",
        key.display()
    ))
}

fn apns() -> Apns {
    Apns {
        http: samples::http(Speaks::Two),
        base: Url::parse("http://127.0.0.1:1").unwrap(),
        tokens: Tokens::new(Key::es256(&p8()).unwrap(), "KEY", "TEAM"),
        topic: "com.example.alerts".to_owned(),
        devices: BTreeMap::new(),
        words: built_in(),
        expires_after: Duration::from_secs(3600),
    }
}

#[test]
fn each_answer_means_what_the_table_says() {
    let apns = apns();
    for (status, after, reason, wanted) in [
        (200, None, "", "delivered"),
        (400, None, "BadDeviceToken", "refused"),
        (403, None, "ExpiredProviderToken", "not taken"),
        (403, None, "InvalidProviderToken", "not taken"),
        (404, None, "BadPath", "refused"),
        (408, None, "", "unknown"),
        (410, None, "Unregistered", "refused"),
        (413, None, "PayloadTooLarge", "refused"),
        (429, None, "TooManyRequests", "not taken"),
        (429, Some(5), "TooManyRequests", "not taken"),
        (500, None, "InternalServerError", "unknown"),
        (503, None, "Shutdown", "not taken"),
        (503, None, "", "unknown"),
        (503, Some(5), "", "not taken"),
        (302, None, "", "unknown"),
    ] {
        let after = after.map(Duration::from_secs);
        let body = json!({ "reason": reason }).to_string().into();
        let reply = Reply {
            status,
            after,
            body,
        };
        let answer = apns.judge(&reply, SystemTime::now());
        assert_eq!(answer.word(), wanted, "{status} {reason}");
    }
}

#[test]
fn the_request_is_what_apple_asks_for() {
    let built = built(1);
    assert_eq!(built.recipients, ["anna"], "the ledger knows no token");
    let alert = samples::alert("1");
    let payload = alert.to_json();
    let letter = samples::letter(&built, &alert, &payload);
    let request = apns().request(&letter, DEVICE, "token");
    let (url, headers, body) = request.parts();
    assert_eq!(url.path(), format!("/3/device/{DEVICE}"));
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("authorization"), "bearer token".replace('b', "B"));
    assert_eq!(header("apns-topic"), "com.example.alerts");
    assert_eq!(header("apns-push-type"), "alert");
    assert_eq!(header("apns-collapse-id"), alert.alert_id.to_string());
    assert_eq!(header("apns-expiration"), "1435280400");
    assert_ne!(header("apns-id"), alert.alert_id.to_string());
    let again = apns().request(&letter, DEVICE, "token");
    assert_eq!(body, again.parts().2);
    let sent: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(sent["aps"]["alert"]["title"], "Over-purchase: Sendence");
    let words = "Over-purchased: order 1, 120 of 100 AAPL";
    assert_eq!(sent["aps"]["alert"]["body"], words);
}

#[tokio::test]
async fn a_request_over_http2_is_judged_by_its_stream() {
    use samples::http2::{Reaction, serve};
    for (reaction, wanted) in [
        (Reaction::Answer(200, "{}"), "delivered"),
        (
            Reaction::Answer(410, r#"{"reason":"Unregistered"}"#),
            "refused",
        ),
        (Reaction::RefuseStream, "not taken"),
        (Reaction::ResetStream, "unknown"),
        (Reaction::Hang, "unknown"),
        (Reaction::Drop, "unknown"),
    ] {
        let (port, _server) = serve(reaction).await;
        let answer = samples::send(&built(port), &samples::alert("1")).await;
        assert_eq!(answer.word(), wanted, "{reaction:?}: {answer:?}");
    }
    let closed = built(samples::closed_port().await);
    let answer = samples::send(&closed, &samples::alert("1")).await;
    assert_eq!(answer.word(), "not taken", "{answer:?}");
}

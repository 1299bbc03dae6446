//! Each line of the table, what goes over the wire, and the way to an access token.

use super::*;
use crate::sink::{
    jwt::{
        Key,
        tests::{rsa, verified},
    },
    samples::{self, Turn::*, closed_port, scripted},
};

fn account_file(folder: &std::path::Path) -> String {
    let file = folder.join("account.json");
    let account = json!({
        "type": "service_account", "project_id": "desk", "private_key": rsa(),
        "client_email": "boy@desk.example.com", "token_uri": "https://127.0.0.1:1/token",
    });
    std::fs::write(&file, account.to_string()).unwrap();
    file.display().to_string()
}

fn built(port: u16, token_port: u16) -> Built {
    let folder = tempfile::tempdir().unwrap();
    samples::built(&format!(
        "sink = 'fcm'\nbase_url = 'http://127.0.0.1:{port}'\naccount_file = '{}'\n\
         token_url = 'http://127.0.0.1:{token_port}/token'\ntopics = ['night']\n\
         devices = {{ anna = 'abcdefghijklmnopqrstuvwxyz:APA91b' }}\ntimeout = '500ms'",
        account_file(folder.path())
    ))
}

#[test]
fn each_answer_means_what_the_table_says() {
    let error = |status: &str, code: &str| {
        let details = json!([{"@type": "x", "errorCode": code}]);
        json!({"error": {"status": status, "message": "no", "details": details}})
    };
    for (status, after, body, wanted) in [
        (
            200,
            None,
            json!({"name": "projects/desk/messages/1"}),
            "delivered",
        ),
        (200, None, json!({}), "unknown"),
        (
            400,
            None,
            error("INVALID_ARGUMENT", "INVALID_ARGUMENT"),
            "refused",
        ),
        (
            401,
            None,
            error("UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
            "not taken",
        ),
        (
            403,
            None,
            error("PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
            "refused",
        ),
        (
            403,
            None,
            json!({"error": {"status": "PERMISSION_DENIED"}}),
            "not taken",
        ),
        (404, None, error("NOT_FOUND", "UNREGISTERED"), "refused"),
        (408, None, json!({}), "unknown"),
        (
            429,
            None,
            error("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
            "not taken",
        ),
        (
            429,
            Some(60),
            error("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
            "not taken",
        ),
        (500, None, error("INTERNAL", "INTERNAL"), "unknown"),
        (503, None, error("UNAVAILABLE", "UNAVAILABLE"), "unknown"),
        (
            503,
            Some(10),
            error("UNAVAILABLE", "UNAVAILABLE"),
            "not taken",
        ),
        (302, None, json!({}), "unknown"),
    ] {
        let after = after.map(Duration::from_secs);
        let body = body.to_string().into_bytes();
        let answer = judge(&Reply {
            status,
            after,
            body,
        });
        assert_eq!(answer.word(), wanted, "{status}: {answer:?}");
    }
    let gone = error("NOT_FOUND", "UNREGISTERED").to_string().into();
    let answer = judge(&Reply {
        status: 404,
        after: None,
        body: gone,
    });
    assert_eq!(
        answer,
        Answer::Refused("answered 404 UNREGISTERED".to_owned())
    );
}

#[tokio::test]
async fn a_signature_buys_a_token_and_the_token_sends() {
    let token = r#"{"access_token":"bought","expires_in":3599,"token_type":"Bearer"}"#;
    let (token_port, oauth) = scripted(vec![Request, samples::answer(200, token)]).await;
    let sent = samples::answer(200, r#"{"name":"projects/desk/messages/7"}"#);
    let (port, fcm) = scripted(vec![Request, sent]).await;
    let built = built(port, token_port);
    assert_eq!(built.recipients, ["anna", "topic night"]);
    let alert = samples::alert("1");
    let answer = samples::send(&built, &alert).await;
    assert_eq!(
        answer,
        Answer::Delivered("projects/desk/messages/7".to_owned())
    );
    let oauth = oauth.await.unwrap();
    let form = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    assert!(oauth.contains(form), "{oauth}");
    let heard = fcm.await.unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("POST /v1/projects/desk/messages:send HTTP/1.1"),
        "{head}"
    );
    assert!(head.contains("authorization: Bearer bought"), "{head}");
    let sent: Value = serde_json::from_str(body).unwrap();
    let message = &sent["message"];
    assert_eq!(message["token"], "abcdefghijklmnopqrstuvwxyz:APA91b");
    assert_eq!(
        message["android"]["notification"]["tag"],
        alert.alert_id.to_string()
    );
    assert_eq!(message["notification"]["title"], "Over-purchase: Sendence");
    // The token is kept: nobody listens there any more, and the next alert gets further.
    let answer = samples::send(&built, &alert).await;
    assert!(!answer.why().contains("access token"), "{answer:?}");
}

#[tokio::test]
async fn no_access_token_is_not_taken() {
    let answer = samples::send(&built(1, closed_port().await), &samples::alert("1")).await;
    assert_eq!(answer.word(), "not taken", "{answer:?}");
    assert!(answer.why().starts_with("no access token"), "{answer:?}");
}

#[test]
fn the_signature_is_what_google_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(account_file(folder.path())).unwrap();
    let account = Account::parse(&text).unwrap_or_else(|fault| panic!("{fault}"));
    let url = Url::parse("https://oauth2.example.com/token").unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_435_276_800);
    let (header, claims) = verified(
        &Key::rs256(&rsa()).unwrap(),
        &account.assertion(&url, now).unwrap(),
    );
    assert_eq!(header["alg"], "RS256");
    let wanted = json!({
        "iss": "boy@desk.example.com", "aud": "https://oauth2.example.com/token",
        "scope": "https://www.googleapis.com/auth/firebase.messaging",
        "iat": 1_435_276_800, "exp": 1_435_280_400,
    });
    assert_eq!(claims, wanted);
    for wrong in [
        "",
        "{}",
        "{\"project_id\":\"p\",\"client_email\":\"e\",\"private_key\":\"hunter2\"}",
    ] {
        let fault = Account::parse(wrong).err().unwrap();
        assert!(!fault.contains("hunter2"), "{fault}");
    }
}

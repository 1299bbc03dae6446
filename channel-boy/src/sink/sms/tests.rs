//! Each line of the table, what goes over the wire, and what a question finds.

use proptest::prelude::*;

use super::*;
use crate::sink::samples::{self, Turn, Turn::*, closed_port, scripted};

fn built(port: u16, more: &str) -> Built {
    samples::built(&format!(
        "sink = 'sms'\nbase_url = 'http://127.0.0.1:{port}'\ntoken_env = 'HOME'\n\
         account = 'AC0123456789abcdef0123456789abcdef'\nfrom = '+4930123456'\n\
         recipients = ['+4917012345678']\ntimeout = '300ms'\n{more}"
    ))
}

fn sms(more: &str) -> Box<dyn Sink> {
    built(1, more).sink
}

fn reply(status: u16, after: Option<u64>, body: &str) -> super::http::Reply {
    super::http::Reply {
        status,
        after: after.map(Duration::from_secs),
        body: body.into(),
    }
}

#[test]
fn each_answer_means_what_the_table_says() {
    let queued = r#"{"sid":"SM1","status":"queued","error_code":null}"#;
    let failed = r#"{"sid":"SM1","status":"failed","error_code":30008}"#;
    let error = |code: u32| format!(r#"{{"code":{code},"message":"no","status":400}}"#);
    for (status, after, body, wanted) in [
        (201, None, queued.to_owned(), "delivered"),
        (200, None, queued.to_owned(), "delivered"),
        (201, None, failed.to_owned(), "refused"),
        (201, None, "{}".to_owned(), "unknown"),
        (201, None, String::new(), "unknown"),
        (301, None, String::new(), "unknown"),
        (400, None, error(21211), "refused"),
        (400, None, error(21610), "refused"),
        (400, None, error(21611), "not taken"),
        (401, None, error(20003), "not taken"),
        (403, None, error(20403), "not taken"),
        (404, None, error(20404), "refused"),
        (408, None, String::new(), "unknown"),
        (429, None, error(20429), "not taken"),
        (429, Some(7), error(20429), "not taken"),
        (500, None, error(20500), "unknown"),
        (503, None, String::new(), "unknown"),
        (503, Some(7), String::new(), "not taken"),
    ] {
        let answer = message::judge(&reply(status, after, &body));
        assert_eq!(answer.word(), wanted, "{status} {body}");
        if let Answer::NotTaken { after: pause, .. } = answer {
            assert_eq!(pause, after.map(Duration::from_secs));
        }
    }
    let words = message::judge(&reply(400, None, &error(21211)));
    assert_eq!(
        words,
        Answer::Refused("answered 400, code 21211: no".to_owned())
    );
}

#[tokio::test]
async fn the_request_is_a_form_under_the_account() {
    let answer = samples::answer(201, r#"{"sid":"SM1","status":"queued"}"#);
    let (port, server) = scripted(vec![Request, answer]).await;
    let built = built(port, "validity = '10m'");
    assert_eq!(built.recipients, ["+4917012345678"]);
    let answer = samples::send(&built, &samples::alert("1")).await;
    assert_eq!(answer, Answer::Delivered("SM1 queued".to_owned()));
    let heard = server.await.unwrap();
    let (head, form) = heard.split_once("\r\n\r\n").unwrap();
    let path = "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages.json";
    assert!(
        head.starts_with(&format!("POST {path} HTTP/1.1\r\n")),
        "{head}"
    );
    assert!(head.contains("authorization: Basic QUMwMTIz"), "{head}");
    assert_eq!(
        form,
        "To=%2B4917012345678&From=%2B4930123456&Body=Over-purchased%3A+order+1%2C+120+of+100+AAPL\
         +%28Sendence%29+%5Bba5c06b8%5D&ValidityPeriod=600"
    );
}

#[tokio::test]
async fn a_request_without_an_answer_is_unknown() {
    for then in [
        vec![],
        vec![Hang],
        vec![Say("HTTP/1.1 2")],
        vec![Say("what?\r\n\r\n")],
    ] {
        let mut turns: Vec<Turn> = vec![Request];
        turns.extend(then);
        let (port, _server) = scripted(turns).await;
        let answer = samples::send(&built(port, ""), &samples::alert("1")).await;
        assert_eq!(answer.word(), "unknown", "{answer:?}");
    }
    let answer = samples::send(&built(closed_port().await, ""), &samples::alert("1")).await;
    assert_eq!(answer.word(), "not taken", "{answer:?}");
}

/// What Twilio lists, and what that proves of the sample alert.
async fn asked(status: &str, to: &str, body: &str, state: &str) -> Proof {
    let list = format!(
        r#"{{"messages":[{{"sid":"SM9","to":"{to}","body":"{body}","status":"{state}"}}]}}"#
    );
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{list}",
        list.len()
    );
    let (port, server) = scripted(vec![Request, Say(answer.leak())]).await;
    let built = built(port, "");
    let alert = samples::alert("1");
    let proof = built
        .sink
        .ask(&samples::letter(&built, &alert, &alert.to_json()))
        .await;
    let heard = server.await.unwrap();
    let query = "?To=%2B4917012345678&From=%2B4930123456&DateSent%3E=2015-06-25&PageSize=200";
    assert!(heard.contains(query), "{heard}");
    proof
}

#[tokio::test]
async fn only_the_very_text_proves_anything() {
    let (to, text) = (
        "+4917012345678",
        "Over-purchased: order 1, 120 of 100 AAPL (Sendence) [ba5c06b8]",
    );
    let taken = Proof::Taken("SM9 sent".to_owned());
    assert_eq!(asked("200 x", to, text, "sent").await, taken);
    let trial = format!("Sent from your Twilio trial account - {text}");
    assert_eq!(asked("200 x", to, &trial, "sent").await, taken);
    for (status, to, text, state) in [
        ("200 x", "+4917012345679", text, "sent"),
        ("200 x", to, "Over-purchased: order 1", "sent"),
        ("200 x", to, text, "failed"),
        ("500 x", to, text, "sent"),
    ] {
        let proof = asked(status, to, text, state).await;
        assert!(matches!(proof, Proof::None(_)), "{proof:?}");
    }
}

#[test]
fn a_text_that_names_no_alert_can_prove_nothing() {
    assert!(sms("").can_ask());
    assert!(!sms("text = '{{ summary }}'").can_ask());
}

proptest! {
    /// Whatever strangers write, one alert is one segment, and its numbers and id are in it.
    #[test]
    fn an_alert_is_one_segment(order in "\\PC{0,80}", client in "\\PC{0,80}", stock in "\\PC{0,80}") {
        let text = Template::new(Style::Sms, None, TEXT).unwrap();
        let mut alert = samples::alert("1");
        (alert.order_id, alert.client, alert.stock) = (order, client, stock);
        let text = text.render_fitting(&[&alert], |text| segments(text) <= 1);
        prop_assert_eq!(segments(&text), 1, "{}", text);
        prop_assert!(text.contains("120 of 100") && text.ends_with("[ba5c06b8]"), "{}", text);
        prop_assert!(!text.contains(char::is_control));
    }
}

#[test]
fn names_that_count_twice_are_cut_to_two_characters() {
    let text = Template::new(Style::Sms, None, TEXT).unwrap();
    let mut alert = samples::alert("1");
    let name = "\u{1f300}".repeat(4);
    (alert.order_id, alert.client, alert.stock) = (name.clone(), name.clone(), name);
    let text = text.render_fitting(&[&alert], |text| segments(text) <= 1);
    assert_eq!(segments(&text), 1, "{text}");
    assert!(
        text.contains(&format!("order {}..,", "\u{1f300}".repeat(2))),
        "{text}"
    );
}

#[test]
fn a_digest_names_every_alert() {
    let alerts: Vec<_> = (0..LARGEST_DIGEST)
        .map(|i| samples::alert(&i.to_string()))
        .collect();
    assert_eq!(sms("").largest_digest(), LARGEST_DIGEST);
    assert_eq!(sms("text = '{{ short_id }}'").largest_digest(), 1);
    let text = Template::new(Style::Sms, None, TEXT).unwrap();
    let text = text.render(&alerts.iter().collect::<Vec<_>>());
    assert!(text.len() <= LONGEST_TEXT, "{}", text.len());
    assert!(
        alerts
            .iter()
            .all(|alert| text.contains(&alert.alert_id.to_string()))
    );
}

//! What strangers write stays a word, and a wrong template is found before it is needed.

use proptest::prelude::*;

use super::*;

fn plain(own: &str) -> Template {
    Template::new(Style::Plain, Some(own), "{{ summary }}")
        .unwrap_or_else(|fault| panic!("{fault}"))
}

fn fault(own: &str) -> String {
    let template = Template::new(Style::Plain, Some(own), "{{ summary }}");
    template.err().unwrap_or_default()
}

#[test]
fn reads_well() {
    let (one, two) = (sample(1), sample(2));
    assert_eq!(
        plain("{{ summary }}").render(&[&one]),
        "Over-purchased: order order-1, 120 of 100 AAPL"
    );
    let short = |alert: &Alert| alert.alert_id.to_string()[..8].to_owned();
    assert_eq!(
        plain("{{ count }}{% for a in alerts %} {{ a.short_id }}{% endfor %}")
            .render(&[&one, &two]),
        format!("2 {} {}", short(&one), short(&two))
    );
    assert_eq!(
        plain("{{ excess * 2 }} at {{ raised_at or 'some time' }}").render(&[&one]),
        "40 at 2015-06-26T00:00:00Z"
    );
}

#[test]
fn what_is_wrong_is_said_before_it_is_needed() {
    for (own, words) in [
        ("{{ summary", "line 1 of the template: syntax error"),
        ("ok\n{% if %}", "line 2 of the template: syntax error"),
        (
            "{{ colour }}",
            "colour is not known; it may say: alert_id, short_id",
        ),
        (
            "{% if count > 99 %}{{ colour }}{% endif %}x",
            "colour is not known",
        ),
        (
            "{{ alerts[1].client }}",
            "line 1 of the template: undefined value",
        ),
        (
            "{% for a in alerts %}{{ a.colour }}{% endfor %}",
            "undefined value",
        ),
        ("{{ summary | loud }}", "unknown filter"),
        ("{% if raised_at %}x{% endif %}", "nothing but blanks"),
        (
            "{{ 1 // (count - 3) }}",
            "tried on 3 sample alerts in one message",
        ),
        (
            "{% for i in range(9999999) %}{{ i }}{% endfor %}",
            "template",
        ),
        (
            "{% for i in range(9999) %}{% for j in range(9999) %}{{ i }}{% endfor %}{% endfor %}",
            "fuel",
        ),
    ] {
        let fault = fault(own);
        assert!(
            fault.contains(words),
            "{own}: {fault:?} does not say {words:?}"
        );
        assert_eq!(fault.lines().count(), 1, "{fault}");
    }
}

#[test]
fn an_alert_on_which_a_template_fails_is_told_in_the_built_in_words() {
    let mut alert = sample(1);
    alert.requested = 0;
    let text = plain("{{ purchased // requested }}").render(&[&alert]);
    assert_eq!(text, "Over-purchased: order order-1, 120 of 0 AAPL");
}

#[test]
fn what_names_no_alert_is_known() {
    assert!(plain("{{ short_id }}").names_the_alert());
    assert!(!plain("{{ summary }}").names_the_alert());
}

#[test]
fn html_is_escaped() {
    let mut alert = sample(1);
    alert.client = "<script>alert(1)</script>\"'&".to_owned();
    let html = Template::new(
        Style::Html,
        None,
        "<b title=\"{{ client }}\">{{ client }}</b>",
    )
    .unwrap();
    let html = html.render(&[&alert]);
    assert_eq!(html.matches(['<', '>']).count(), 4, "{html}");
    assert_eq!(html.matches('"').count(), 2, "{html}");
}

proptest! {
    /// Nothing of a stranger's ends a line or a field, in any style.
    #[test]
    fn a_field_stays_a_field(poison in "(\\PC|[\\x00-\\x1f;|`$<>\\\\]){0,60}") {
        let mut alert = sample(1);
        for field in [&mut alert.client, &mut alert.stock, &mut alert.order_id, &mut alert.kind] {
            field.clone_from(&poison);
        }
        for style in [Style::Plain, Style::Html, Style::Sms, Style::Nagios] {
            let text = Template::new(style, None, "{{ summary }}: {{ client }}").unwrap().render(&[&alert]);
            prop_assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
            prop_assert_eq!(text.lines().count(), 1);
            if style == Style::Nagios {
                prop_assert!(!text.contains([';', '|', '\\', '`', '$']), "{}", text);
            }
        }
    }

    /// The same words, however often.
    #[test]
    fn the_same_alert_gives_the_same_bytes(order in "\\PC{0,40}", excess: u64) {
        let mut alert = sample(1);
        (alert.order_id, alert.excess) = (order, excess.into());
        let own = "{{ alerts }} {{ summary | upper }} {{ excess }} {{ [client, stock] | sort }}";
        prop_assert_eq!(plain(own).render(&[&alert]), plain(own).render(&[&alert]));
    }
}

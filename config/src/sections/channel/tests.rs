use std::time::Duration;

use crate::{ChannelKind, Config, EmailTls, GroupKey, Priority, UrlSource};

#[track_caller]
fn parse(text: &str) -> Config {
    Config::from_toml(text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// The first problem's line, key and a part of its reason.
#[track_caller]
fn refused(text: &str, line: usize, key: &str, reason: &str) {
    let problems = Config::from_toml(text).expect_err("it is refused");
    let found = problems
        .iter()
        .any(|p| p.line == line && p.key == key && p.reason.contains(reason));
    assert!(found, "{problems:#?}");
}

#[test]
fn channels_and_rules_are_read() {
    let config = parse(
        r#"
        [[channel]]
        name = "mail"
        kind = "email"
        server = "localhost:2525"
        tls = "none"
        from = "weir@example.com"
        to = ["ops@example.com", "boss@example.com"]

        [[channel]]
        name = "chat"
        kind = "slack"
        url = "https://chat.example/hooks/1?x=y"

        [[notify]]
        severity = "critical"
        priority = "high"
        hours = "22:00-06:00"
        days = ["sat", "sun"]
        channels = ["chat"]
        group_by = ["location"]
        group_wait = "5s"
        escalate_after = "10m"
        escalate_to = ["mail"]
        "#,
    );
    let ChannelKind::Email(email) = &config.channels[0].kind else {
        panic!("{:?}", config.channels[0]);
    };
    assert_eq!(
        (email.port, email.tls, email.to.len()),
        (2525, EmailTls::None, 2)
    );
    assert_eq!(config.channels[0].storm_above, 60, "people get summaries");
    let url = UrlSource::Plain("https://chat.example/hooks/1?x=y".to_owned());
    assert_eq!(config.channels[1].kind, ChannelKind::Slack { url });
    let rule = &config.notify[0];
    assert_eq!(rule.hours, Some((22 * 60, 6 * 60)));
    assert_eq!(rule.days, 0b110_0000);
    assert_eq!(rule.priority, Some(Priority::High));
    assert_eq!(rule.group_by, [GroupKey::Location]);
    assert_eq!(rule.escalate_after, Duration::from_secs(600));
}

#[test]
fn mistakes_are_reported_with_their_line() {
    refused(
        "[[channel]]\nname = \"a\"\nkind = \"fax\"\n",
        3,
        "channel.kind",
        "no kind \"fax\"",
    );
    refused(
        "[[channel]]\nname = \"mqtt\"\n",
        2,
        "channel.name",
        "always exist",
    );
    refused(
        "[[channel]]\nname = \"a\"\nkind = \"slack\"\n",
        1,
        "channel",
        "needs url or url_file",
    );
    let sns =
        "[[channel]]\nname = \"a\"\nkind = \"sns\"\ntopic_arn = \"alarms\"\nurl = \"http://x\"";
    refused(sns, 4, "channel.topic_arn", "arn:aws:sns");
    refused(
        sns,
        5,
        "channel.url",
        "not a key of a channel of kind \"sns\"",
    );
    refused(
        "[[notify]]\nchannels = [\"x\"]\n",
        2,
        "notify.channels",
        "no [[channel]] with the name",
    );
    refused(
        "[[notify]]\nseverity = \"critical\"\n",
        1,
        "notify.channels",
        "is missing",
    );
    let hours = "[[notify]]\nchannels = []\nhours = \"8-25\"\n";
    refused(hours, 3, "notify.hours", "such as \"08:00-17:30\"");
    refused(
        "[[inhibit]]\nfunction = \"x\"\n",
        1,
        "inhibit",
        "needs one of by_function",
    );
    let window = "[[maintenance]]\nfrom = 2026-02-01T00:00:00Z\nto = 2026-01-01T00:00:00Z\n";
    refused(window, 3, "maintenance.to", "is before from");
    refused(
        "[alarms]\nutc_offset = \"2\"\n",
        2,
        "alarms.utc_offset",
        "such as \"+02:00\"",
    );
    refused(
        "[[alarm]]\npriority = \"top\"\n",
        2,
        "alarm.priority",
        "\"urgent\"",
    );
}

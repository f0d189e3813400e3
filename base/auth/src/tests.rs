use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000_000_000);

fn file() -> String {
    let token = |name: &str| Secret::of_token(&format!("token of {name}"));
    let password = cheap_hash(b"correct horse");
    format!(
        r#"
[device]
publish = ["rpc/{{id}}/answer"]
subscribe = ["rpc/{{id}}/request"]

[[identity]]
name = "pump-1"
role = "device"
secrets = ["{}"]

[[identity]]
name = "gateway"
role = "device"
secrets = ["{}", "{password}"]
devices = ["fan-*"]
publish = ["plant/7/#"]
subscribe = ["plant/+/state"]

[[identity]]
name = "collector"
role = "device"
certificate = true
devices = ["*"]

[[identity]]
name = "grafana"
role = "reader"
secrets = ["{}"]

[[identity]]
name = "night shift"
role = "operator"
secrets = ["{}"]

[[identity]]
name = "root"
role = "admin"
secrets = ["{}"]

[[identity]]
name = "visitor"
role = "reader"
secrets = ["{}"]
expires = 2027-01-01T00:00:00Z
"#,
        token("pump-1"),
        token("gateway"),
        token("grafana"),
        token("night shift"),
        token("root"),
        token("visitor"),
    )
}

/// Of a password, with as little work as argon2 allows.
pub(crate) fn cheap_hash(password: &[u8]) -> String {
    use argon2::password_hash::{PasswordHasher, SaltString};
    let params = argon2::Params::new(8, 1, 1, None).unwrap();
    let salt = SaltString::encode_b64(&[1; 16]).unwrap();
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
        .hash_password(password, &salt)
        .unwrap()
        .to_string()
}

fn access() -> Access {
    Access::from_text(&Config::default(), &file()).unwrap()
}

#[track_caller]
fn who(access: &Access, name: &str) -> Identity {
    if name == "collector" {
        let credentials = Credentials::Certificate { common_name: name };
        return access.authenticate(credentials, NOW).unwrap();
    }
    let token = format!("token of {name}");
    access
        .authenticate(Credentials::Token(&token), NOW)
        .unwrap()
}

#[test]
fn the_right_secret_opens_and_nothing_else_does() {
    let access = access();
    let by_name = |name, password: &str| {
        let password = password.as_bytes();
        let found = access.authenticate(Credentials::Password { name, password }, NOW);
        found.map(|identity| identity.name().to_owned())
    };
    let wrong = Err(Unauthenticated::Wrong);
    assert_eq!(
        by_name("pump-1", "token of pump-1").as_deref(),
        Ok("pump-1")
    );
    for _ in 0..2 {
        // Slowly, then by what is known.
        assert_eq!(
            by_name("gateway", "correct horse").as_deref(),
            Ok("gateway")
        );
        assert_eq!(by_name("gateway", "wrong horse"), wrong);
    }
    assert_eq!(
        by_name("pump-1", "token of gateway"),
        wrong,
        "another's token"
    );
    assert_eq!(
        by_name("pump-1", "correct horse"),
        wrong,
        "another's password"
    );
    assert_eq!(by_name("pump-2", "correct horse"), wrong, "nobody");
    assert_eq!(by_name("pump-1", ""), wrong);
    assert_eq!(by_name("", "token of pump-1"), wrong);
    for token in ["", "correct horse", "token of nobody", "token of collector"] {
        let found = access.authenticate(Credentials::Token(token), NOW);
        assert_eq!(found.err(), Some(Unauthenticated::Wrong), "{token}");
    }
    let certificate = |common_name| {
        let credentials = Credentials::Certificate { common_name };
        access.authenticate(credentials, NOW).is_ok()
    };
    assert!(certificate("collector"));
    assert!(!certificate("pump-1"), "it has no certificate = true");
    assert!(!certificate("nobody"));
    assert_eq!(access.everybody().err(), Some(Unauthenticated::Missing));
}

#[test]
fn an_identity_expires() {
    let access = access();
    let at = |text| {
        let now = Timestamp::parse_rfc3339(text).unwrap();
        access
            .authenticate(Credentials::Token("token of visitor"), now)
            .is_ok()
    };
    assert!(at("2026-12-31T23:59:59Z"));
    assert!(!at("2027-01-01T00:00:00Z"));
}

#[test]
fn without_auth_everybody_may_all_that_anybody_may() {
    let access = Access::open(&Config::default());
    let everybody = access.everybody().unwrap();
    assert_eq!(everybody.name(), "");
    for action in [
        Action::Read,
        Action::Operate,
        Action::Administer,
        Action::Publish {
            topic: "devices/p/telemetry",
        },
        Action::Publish { topic: "é/x" },
        Action::Subscribe { filter: "#" },
        Action::WriteShadow { thing: "p" },
    ] {
        assert!(access.allows(&everybody, action), "{action:?}");
    }
    let found = access.authenticate(Credentials::Token("anything"), NOW);
    assert_eq!(found.unwrap().name(), "");
    assert!(access.may_write("", "pump-1"));
    assert!(access.may_write("from before auth was taken away", "pump-1"));
}

#[test]
fn reserved_topics_are_nobodys() {
    let (closed, open) = (access(), Access::open(&Config::default()));
    for topic in [
        "alerts",
        "alerts/critical/p1",
        "$SYS",
        "$SYS/broker/uptime",
        "$aws/things",
        "$aws/things/pump-1/shadow/update/accepted",
        "$aws/things/pump-1/shadow/name/n/update/delta",
    ] {
        let action = Action::Publish { topic };
        for name in ["pump-1", "collector", "night shift", "root"] {
            assert!(
                !closed.allows(&who(&closed, name), action),
                "{name} {topic}"
            );
        }
        assert!(!open.allows(&open.everybody().unwrap(), action), "{topic}");
    }
}

#[test]
fn publishing_is_for_oneself_and_by_rule() {
    let access = access();
    #[track_caller]
    fn check(access: &Access, topic: &str, expect: &[&str]) {
        let names = [
            "pump-1",
            "gateway",
            "collector",
            "grafana",
            "night shift",
            "root",
        ];
        let allowed = names
            .into_iter()
            .filter(|name| access.allows(&who(access, name), Action::Publish { topic }));
        assert_eq!(allowed.collect::<Vec<_>>(), expect, "{topic}");
    }
    check(
        &access,
        "devices/pump-1/telemetry",
        &["pump-1", "collector", "root"],
    );
    check(
        &access,
        "devices/gateway/telemetry",
        &["gateway", "collector", "root"],
    );
    check(
        &access,
        "devices/fan-9/telemetry",
        &["gateway", "collector", "root"],
    );
    for id in [
        "+",
        "#",
        "..",
        "$SYS",
        "",
        "a\nb",
        "pump-1\u{202e}",
        "pump-1\0",
        "PUMP-1",
    ] {
        let topic = format!("devices/{id}/telemetry");
        check(&access, &topic, &["collector", "root"]);
    }
    let long = format!("devices/{}/telemetry", "x".repeat(65_000));
    check(&access, &long, &["collector", "root"]);
    check(&access, "devices/a/pump-1/telemetry", &["root"]);
    check(&access, "rpc/pump-1/answer", &["pump-1", "root"]);
    check(&access, "rpc/gateway/answer", &["gateway", "root"]);
    check(&access, "plant/7/x/y", &["gateway", "root"]);
    check(&access, "anything/else", &["root"]);
    // Asking for a shadow; a change by those who only read is refused later.
    let readers = ["grafana", "night shift", "root"];
    let with = |name| [&[name, "collector"][..], &readers].concat();
    check(&access, "$aws/things/pump-1/shadow/update", &with("pump-1"));
    check(
        &access,
        "$aws/things/fan-1/shadow/name/n/get",
        &with("gateway"),
    );
}

#[test]
fn subscribing_is_to_ones_own_and_by_rule() {
    let access = access();
    #[track_caller]
    fn check(access: &Access, filter: &str, expect: &[&str]) {
        let names = ["pump-1", "gateway", "collector", "grafana"];
        let allowed = names
            .into_iter()
            .filter(|name| access.allows(&who(access, name), Action::Subscribe { filter }));
        assert_eq!(allowed.collect::<Vec<_>>(), expect, "{filter}");
    }
    for filter in [
        "$aws/things/pump-1/shadow/#",
        "$aws/things/pump-1/shadow/update/delta",
        "$aws/things/pump-1/shadow/+/accepted",
        "$share/g/$aws/things/pump-1/shadow/name/n/get/+",
        "devices/pump-1/telemetry",
        "alerts/critical/pump-1",
        "alerts/+/pump-1",
    ] {
        check(&access, filter, &["pump-1", "collector", "grafana"]);
    }
    check(
        &access,
        "$aws/things/fan-1/shadow/#",
        &["gateway", "collector", "grafana"],
    );
    check(&access, "$aws/things/+/shadow/#", &["collector", "grafana"]);
    check(&access, "alerts/+/+", &["collector", "grafana"]);
    for filter in [
        "#",
        "+/#",
        "$aws/#",
        "alerts/#",
        "$aws/things/pump-1/#",
        "$SYS/#",
        "$share/g",
    ] {
        check(&access, filter, &["grafana"]);
    }
    check(&access, "rpc/pump-1/request", &["pump-1", "grafana"]);
    check(&access, "rpc/+/request", &["grafana"]);
    check(&access, "plant/9/state", &["gateway", "grafana"]);
    check(&access, "plant/#", &["grafana"]);
}

#[test]
fn roles_read_operate_and_administer() {
    let access = access();
    let may = |action| {
        let names = ["pump-1", "grafana", "night shift", "root"];
        let allowed = names
            .into_iter()
            .filter(|name| access.allows(&who(&access, name), action));
        allowed.collect::<Vec<_>>()
    };
    assert_eq!(may(Action::Read), ["grafana", "night shift", "root"]);
    assert_eq!(may(Action::Operate), ["night shift", "root"]);
    assert_eq!(may(Action::Administer), ["root"]);
    assert_eq!(may(Action::Write { device: "pump-1" }), ["pump-1", "root"]);
    assert_eq!(
        may(Action::ReadShadow { thing: "pump-1" }),
        ["pump-1", "grafana", "night shift", "root"]
    );
    assert_eq!(
        may(Action::WriteShadow { thing: "pump-1" }),
        ["pump-1", "night shift", "root"]
    );
    assert_eq!(
        may(Action::ReadShadow { thing: "fan-1" }),
        ["grafana", "night shift", "root"]
    );
}

#[test]
fn journaled_messages_are_held_against_their_sender() {
    let access = access();
    for (client, device, expect) in [
        ("pump-1", "pump-1", true),
        ("pump-1", "pump-2", false),
        ("gateway", "fan-3", true),
        ("root", "anything", true),
        ("grafana", "anything", false),
        ("removed since", "pump-1", false),
        ("", "pump-1", true),
    ] {
        assert_eq!(
            access.may_write(client, device),
            expect,
            "{client} {device}"
        );
    }
}

#[test]
fn new_rules_hold_for_every_clone() {
    let access = access();
    let (root, gateway) = (who(&access, "root"), who(&access, "gateway"));
    let fan = Action::Publish {
        topic: "devices/fan-1/telemetry",
    };
    assert!(access.allows(&root, Action::Read) && access.allows(&gateway, fan));
    let clone = access.clone();
    let gateway_only = "[[identity]]\nname = \"gateway\"\nrole = \"device\"\ncertificate = true";
    clone.replace(&Access::from_text(&Config::default(), gateway_only).unwrap());
    let found = access.authenticate(Credentials::Token("token of root"), NOW);
    assert_eq!(found.err(), Some(Unauthenticated::Wrong));
    // Also for those who were let in before.
    assert!(!access.allows(&root, Action::Read));
    assert!(!access.allows(&gateway, fan));
    let own = Action::Publish {
        topic: "devices/gateway/telemetry",
    };
    assert!(access.allows(&gateway, own));
}

#[test]
fn whoever_loses_a_right_or_a_secret_does_not_hold_any_more() {
    let rules = |secrets: &str, rest: &str| {
        let text =
            format!("[[identity]]\nname = \"p\"\nrole = \"device\"\nsecrets = [{secrets}]\n{rest}");
        Access::from_text(&Config::default(), &text).unwrap()
    };
    let [old, new] = ["old", "new"].map(|token| format!("\"{}\"", Secret::of_token(token)));
    let rules_of_others = "[[identity]]\nname = \"q\"\nrole = \"device\"\ncertificate = true";
    let rest = "subscribe = [\"a/#\"]\nexpires = 2200-01-01T00:00:00Z";
    let before = rules(&old, rest);
    let access = before.clone();
    let found = access.authenticate(Credentials::Token("old"), NOW);
    let identity = found.unwrap();
    assert!(access.still_holds(&identity, NOW));
    let late = Timestamp::parse_rfc3339("2200-01-01T00:00:00Z").unwrap();
    assert!(!access.still_holds(&identity, late), "expired");
    for (what, after, expect) in [
        ("nothing changed", rules(&old, rest), true),
        ("a secret more", rules(&format!("{old}, {new}"), rest), true),
        ("another secret", rules(&new, rest), false),
        ("another rule", rules(&old, "subscribe = [\"b/#\"]"), false),
        (
            "removed",
            Access::from_text(&Config::default(), rules_of_others).unwrap(),
            false,
        ),
    ] {
        access.replace(&after);
        assert_eq!(access.still_holds(&identity, NOW), expect, "{what}");
    }
}

#[test]
fn mistakes_are_reported_with_their_line_and_without_the_secret() {
    #[track_caller]
    fn check(text: &str, line: usize, part: &str) {
        let problems = Access::from_text(&Config::default(), text).err().unwrap();
        let found = problems
            .iter()
            .any(|p| p.line == line && p.reason.contains(part));
        assert!(found, "{part}: {problems:?}");
    }
    let entry = |rest: &str| format!("\n[[identity]]\nname = \"p\"\nrole = \"device\"\n{rest}\n");
    check(&entry("secrets = [\"hunter2\"]"), 5, "does not belong here");
    check(&entry("sekrets = []"), 5, "sekrets");
    check(&entry(""), 2, "never connect");
    check("[[identity]]\nname = \"p\"\nrole = \"boss\"", 3, "boss");
    check(
        "[[identity]]\nname = \"a/b\"\nrole = \"device\"\ncertificate = true",
        2,
        "'/'",
    );
    check(
        &entry("certificate = true\npublish = [\"a/#/b\"]"),
        6,
        "the last",
    );
    check(
        &entry("certificate = true\nexpires = 2027-01-01"),
        6,
        "an instant",
    );
    let twice = entry("certificate = true").repeat(2);
    check(&twice, 8, "another identity");
    check("not toml", 1, "");
    let problems = Access::from_text(&Config::default(), &entry("secrets = [\"hunter2\"]"));
    assert!(!format!("{problems:?}").contains("hunter2"));
}

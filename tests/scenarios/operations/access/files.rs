//! The access file, certificates and what listens without them.

use std::fs;
use std::path::Path;

use weir_tests::mqtt::Connection;
use weir_tests::{DEADLINE, Exit, Weir, WeirSpec, run_weir, wait_until};

use super::{EVENT, everybody, login, start};

#[test]
fn nothing_listens_beyond_this_machine_unguarded() {
    let identities = everybody();
    for (config, missing) in [
        (
            "[http]\nlisten = \"0.0.0.0:0\"\n".to_owned(),
            "[auth] and [tls]",
        ),
        (
            format!("[broker]\nlisten = \"0.0.0.0:0\"\n{}", identities.config()),
            "[tls]",
        ),
    ] {
        let file = identities.folder.path().join("weir.toml");
        fs::write(&file, config).expect("it is writable");
        let file = file.to_str().expect("UTF-8");
        let data = identities.folder.path().join("data");
        let data = data.to_str().expect("UTF-8");
        let output = run_weir(&["up", "--config", file, "--data-dir", data], &[]);
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            message.contains(missing) && message.contains("weir.toml:2"),
            "{message}"
        );
        assert!(!Path::new(data).exists(), "nothing was started");
    }
}

#[test]
fn a_changed_access_file_is_taken_up_and_one_with_a_mistake_is_not() {
    let identities = everybody();
    let weir = start(&identities, "");
    let file = identities.file();
    let text = fs::read_to_string(&file).expect("it was made");
    let grafana = identities.http(&weir, "grafana");
    let mut pump = login(&weir, &identities, "pump-1");
    let add = ["auth", "add", "late", "--role", "reader", "--file"];
    let output = run_weir(&[&add[..], &[file.to_str().expect("UTF-8")]].concat(), &[]);
    let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let late = weir.http().authorized(&format!("Bearer {token}"));
    wait_until("the new one may read", DEADLINE, || {
        late.get("/api/v1/flow").status == 200
    });
    // A mistake: the rules before stay.
    fs::write(&file, "[[identity]]\nname = 7\n").expect("it is writable");
    wait_until("the mistake is reported", DEADLINE, || {
        weir.log().contains("access file rejected")
    });
    late.get("/api/v1/flow").expect(200);
    // All are gone but one who reads: also the device that is connected.
    let (start, end) = (
        text.find("[[identity]]\nname = \"grafana\""),
        text.find("[[identity]]\nname = \"shift\""),
    );
    let kept = &text[start.expect("it is in there")..end.expect("it is in there")];
    fs::write(&file, kept).expect("it is writable");
    wait_until("the late one is gone", DEADLINE, || {
        late.get("/api/v1/flow").status == 401
    });
    wait_until("the device's connection has ended", DEADLINE, || {
        let event = EVENT.as_bytes();
        pump.publish(b"devices/pump-1/telemetry", event, 1).is_err()
    });
    let flow = grafana.get("/api/v1/flow").expect(200).json();
    assert_eq!(flow["messages"]["received"], 0, "{flow}");
}

#[test]
fn an_access_file_with_a_mistake_is_reported_and_nothing_starts() {
    let identities = everybody();
    let file = identities.file();
    let add = [
        "auth",
        "add",
        "pump-1",
        "--file",
        file.to_str().expect("UTF-8"),
    ];
    let before = fs::read(identities.file()).expect("it was made");
    let output = run_weir(&add, &[]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        message.contains("another identity is named \"pump-1\""),
        "{message}"
    );
    assert_eq!(fs::read(identities.file()).expect("it is there"), before);
    fs::write(
        identities.file(),
        "[[identity]]\nname = \"a\"\nrole = \"king\"\n",
    )
    .expect("writable");
    let spec = WeirSpec::embedded().with(&identities.config());
    let mut weir = Weir::launch(spec.allow("access.toml"));
    assert_ne!(weir.wait_end(), Exit::Code(0));
    let log = weir.log();
    assert!(
        log.contains("access.toml:3") && log.contains("king"),
        "{log}"
    );
    let check = run_weir(&["check", weir.config_file().to_str().expect("UTF-8")], &[]);
    assert_eq!(check.status.code(), Some(78), "{check:?}");
}

#[test]
fn with_tls_the_shell_and_devices_trust_the_given_authority_only() {
    let identities = everybody();
    let folder = identities.folder.path();
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("it can");
    let (cert, key) = (folder.join("server.pem"), folder.join("server.key"));
    fs::write(&cert, certified.cert.pem()).expect("it is writable");
    fs::write(&key, certified.signing_key.serialize_pem()).expect("it is writable");
    let tls = format!("[tls]\ncert_file = {cert:?}\nkey_file = {key:?}\n");
    // Beyond this machine, as far as the rule goes: TLS comes by itself.
    let config = format!(
        "[http]\nlisten = \"0.0.0.0:0\"\n[broker]\nlisten = \"0.0.0.0:0\"\n{}{tls}",
        identities.config()
    );
    let mut weir = Weir::launch(WeirSpec::bare(&config).allow("security=true"));
    let ports = weir.wait_ports();
    let port = |name: &str| {
        let address = ports[name].as_str().expect("it listens");
        address
            .rsplit(':')
            .next()
            .expect("it has a port")
            .to_owned()
    };
    let url = format!("https://127.0.0.1:{}", port("http"));
    let token = identities.token_file("grafana");
    let token = token.to_str().expect("UTF-8");
    let query = |ca: &Path| {
        let ca = ca.to_str().expect("UTF-8");
        let environment = [
            ("WEIR_URL", &*url),
            ("WEIR_TOKEN_FILE", token),
            ("WEIR_CA_FILE", ca),
        ];
        run_weir(
            &["query", "SELECT 1 AS one", "--format", "csv"],
            &environment,
        )
    };
    let output = query(&cert);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "one\n1\n",
        "{output:?}"
    );
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("it can");
    let other_file = folder.join("other.pem");
    fs::write(&other_file, other.cert.pem()).expect("it is writable");
    assert!(
        !query(&other_file).status.success(),
        "it trusts somebody else"
    );
    // In clear there is no answer.
    let plain = Connection::connect(
        format!("127.0.0.1:{}", port("mqtt"))
            .parse()
            .expect("an address"),
        "plain",
    );
    assert!(plain.is_err());
    assert_eq!(weir.sigterm(), Exit::Code(0));
}

//! Real services and clients from PyPI: a mail server, Amazon SNS as moto has it,
//! PagerDuty's own client.

use std::fs;
use std::net::TcpStream;

use serde_json::{Value, json};
use tempfile::TempDir;
use weir_tests::{
    DEADLINE, Exit, Hook, Process, Weir, WeirSpec, free_port, python_module, python_process,
    wait_until,
};

const HOT: &str = "[[function]]\nname = \"hot\"\nkind = \"threshold\"\nsensor = \"temperature\"\n\
                   critical_high = 90.0\n";

#[track_caller]
fn read(weir: &Weir, device: &str, value: f64) {
    let payload = json!({"data": [
        {"sensorId": "temperature", "value": value, "unit": "°C", "location": "hall-2"}]});
    weir.ingest_and_wait(device, payload.to_string());
}

/// `python3 -m …`, which listens on the port once this returns.
#[track_caller]
fn serve(folder: &TempDir, port: u16, args: &[&str]) -> Process {
    let mut process = python_module(args, folder.path());
    wait_until("the server accepts connections", DEADLINE, || {
        assert!(process.ended().is_none(), "it ended:\n{}", process.output());
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    process
}

#[test]
#[ignore = "needs python3 with aiosmtpd"]
fn mail_arrives_with_a_subject_that_says_it_all() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let port = free_port();
    let at = format!("127.0.0.1:{port}");
    let server = serve(
        &folder,
        port,
        &[
            "aiosmtpd",
            "-n",
            "-l",
            &at,
            "-c",
            "aiosmtpd.handlers.Debugging",
            "stdout",
        ],
    );
    let weir = Weir::start(WeirSpec::embedded().with(HOT).with(&format!(
        "[[channel]]\nname = \"mail\"\nkind = \"email\"\nserver = \"{at}\"\ntls = \"none\"\n\
         from = \"Weir <weir@example.com>\"\nto = [\"ops@example.com\"]\nallow_private = true\n"
    )));
    read(&weir, "pump-1", 95.0);
    read(&weir, "pump-1", 20.0);
    wait_until("both mails are there", DEADLINE, || {
        server.output().matches("Message-ID: <").count() == 2
    });
    let mails = server.output();
    for part in [
        "Subject: [CRITICAL RAISED] pump-1 temperature",
        "Subject: [CRITICAL CLEARED] pump-1 temperature",
        "From: Weir <weir@example.com>",
        "place     hall-2",
        &format!("http://{}/ui/alarms/", weir.http_address().get()),
    ] {
        let part: &str = part;
        assert!(mails.contains(part), "{part} in\n{mails}");
    }
}

#[test]
#[ignore = "needs python3 with moto and boto3"]
fn sns_gets_each_alert_with_its_severity() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let port = free_port();
    let _moto = serve(
        &folder,
        port,
        &["moto.server", "-H", "127.0.0.1", "-p", &port.to_string()],
    );
    let url = format!("http://127.0.0.1:{port}");
    let script = |args: &[&str]| {
        let mut process = python_process(
            "sns_topic.py",
            &[&[url.as_str()], args].concat(),
            folder.path(),
        );
        let exit = process.wait(3 * DEADLINE);
        assert_eq!(exit, Exit::Code(0), "{}", process.output());
        process.output()
    };
    script(&["make"]);
    let credentials = folder.path().join("credentials");
    let text = "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n";
    fs::write(&credentials, text).expect("the folder is writable");
    let weir = Weir::start(WeirSpec::embedded().with(HOT).with(&format!(
        "[[channel]]\nname = \"aws\"\nkind = \"sns\"\nendpoint = \"{url}\"\n\
         topic_arn = \"arn:aws:sns:eu-central-1:123456789012:alarms\"\n\
         credentials_file = \"{}\"\nallow_private = true\n",
        credentials.display()
    )));
    read(&weir, "pump-1", 95.0);
    read(&weir, "pump-1", 20.0);
    let messages = script(&["read", "2"]);
    let mut messages: Vec<&str> = messages.lines().collect();
    messages.sort_unstable();
    assert_eq!(
        messages,
        ["CRITICAL pump-1 cleared", "CRITICAL pump-1 raised"]
    );
}

#[test]
#[ignore = "needs python3 with pagerduty"]
fn pagerduty_gets_what_its_own_client_would_send() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let hook = Hook::start();
    let key = folder.path().join("pagerduty.key");
    fs::write(&key, "0123456789abcdef0123456789abcdef\n").expect("the folder is writable");
    let weir = Weir::start(WeirSpec::embedded().with(HOT).with(&format!(
        "[[channel]]\nname = \"oncall\"\nkind = \"pagerduty\"\nurl = \"{}\"\n\
         routing_key_file = \"{}\"\nallow_private = true\n",
        hook.url().replace("/hook", "/v2/enqueue"),
        key.display()
    )));
    read(&weir, "pump-1", 95.0);
    hook.wait_taken(1);
    let alarm = weir.wait_alarms("state=active", 1).remove(0);
    let id = alarm["alarmId"].as_str().expect("it has an id");
    let acked = weir.command(&["alarms", "ack", id, "--by", "ann"]);
    assert!(acked.status.success(), "{acked:?}");
    hook.wait_taken(2);
    read(&weir, "pump-1", 20.0);
    let taken = hook.wait_taken(3);

    let bodies: Vec<&str> = taken.iter().map(|one| one.body.as_str()).collect();
    let (ca, certificate, key) = authority("the plant's");
    let files = [
        ("events", bodies.join("\n")),
        ("ca.pem", ca),
        ("cert.pem", certificate),
        ("key.pem", key),
    ];
    let mut args = vec!["0123456789abcdef0123456789abcdef".to_owned()];
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("the folder is writable");
        args.push(path.to_str().expect("it is UTF-8").to_owned());
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut client = python_process("pagerduty_events.py", &args, folder.path());
    assert_eq!(
        client.wait(3 * DEADLINE),
        Exit::Code(0),
        "{}",
        client.output()
    );
    let theirs = client.output();
    let theirs: Vec<Value> = theirs
        .lines()
        .map(|line| serde_json::from_str(line).expect("it prints JSON"))
        .collect();
    assert_eq!(theirs.len(), 3);
    for (ours, theirs) in taken.iter().zip(&theirs) {
        assert_eq!(json!(ours.path), theirs["path"]);
        assert_eq!(ours.header("content-type"), theirs["type"].as_str());
        let mut ours = ours.json();
        if ours["event_action"] == "trigger" {
            // Fields of the API that the client has no argument for.
            let event = ours.as_object_mut().expect("it is an object");
            assert_eq!(event.remove("client"), Some(json!("Weir")));
            assert!(event.remove("client_url").is_some());
        }
        assert_eq!(ours, theirs["body"]);
    }
    let action = |nth: usize| &theirs[nth]["body"]["event_action"];
    let actions = [action(0), action(1), action(2)];
    assert_eq!(actions, ["trigger", "acknowledge", "resolve"]);
    let payload = &theirs[0]["body"]["payload"];
    assert_eq!(payload["severity"], "critical");
    assert_eq!(payload["source"], "pump-1");
}

/// An authority, and a certificate of it for `localhost` with its key: PEM.
fn authority(name: &str) -> (String, String, String) {
    let key = || rcgen::KeyPair::generate().expect("it can");
    let mut params = rcgen::CertificateParams::default();
    let common_name = rcgen::DnType::CommonName;
    params.distinguished_name.push(common_name, name);
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let (own, server) = (key(), key());
    let ca = params.self_signed(&own).expect("it can").pem();
    let issuer = rcgen::Issuer::new(params, own);
    let names = vec!["localhost".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).expect("it is a name");
    let certificate = certificate.signed_by(&server, &issuer).expect("it can");
    (ca, certificate.pem(), server.serialize_pem())
}

#[test]
#[ignore = "needs python3 with aiosmtpd"]
fn mail_goes_over_tls_to_whom_the_authority_vouches_for_and_to_nobody_else() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("the folder is writable");
        path.to_str().expect("it is UTF-8").to_owned()
    };
    let (ca, certificate, key) = authority("the plant's");
    let other = authority("another one").0;
    let (ca, other) = (write("ca.pem", &ca), write("other.pem", &other));
    let (certificate, key) = (write("cert.pem", &certificate), write("key.pem", &key));
    let start = |flags: [&str; 2]| {
        let (folder, port) = (tempfile::tempdir().expect("it is writable"), free_port());
        let at = format!("127.0.0.1:{port}");
        let args = [
            "aiosmtpd",
            "-n",
            "-l",
            &at,
            flags[0],
            &certificate,
            flags[1],
            &key,
        ];
        let server = serve(&folder, port, &args);
        (folder, port, server)
    };
    let (_one, starttls, starttls_server) = start(["--tlscert", "--tlskey"]);
    let (_two, implicit, implicit_server) = start(["--smtpscert", "--smtpskey"]);
    let channel = |name: &str, server: &str, tls: &str, ca: &str| {
        format!(
            "[[channel]]\nname = \"{name}\"\nkind = \"email\"\nserver = \"{server}\"\n\
             tls = \"{tls}\"\nca_file = \"{ca}\"\nfrom = \"weir@example.com\"\n\
             to = [\"ops@example.com\"]\nallow_private = true\n"
        )
    };
    let (at_starttls, at_implicit) = (
        format!("localhost:{starttls}"),
        format!("localhost:{implicit}"),
    );
    let channels = [
        channel("starttls", &at_starttls, "starttls", &ca),
        channel("implicit", &at_implicit, "implicit", &ca),
        channel("starttls-other", &at_starttls, "starttls", &other),
        channel("implicit-other", &at_implicit, "implicit", &other),
        channel(
            "other-name",
            &format!("127.0.0.1:{implicit}"),
            "implicit",
            &ca,
        ),
    ];
    let notify = "[[notify]]\nchannels = [\"starttls\", \"implicit\"]\n";
    let spec = WeirSpec::embedded().with(HOT).with(&channels.concat());
    let weir = Weir::start(spec.with(notify));
    read(&weir, "pump-1", 95.0);
    for (server, name) in [(&starttls_server, "STARTTLS"), (&implicit_server, "TLS")] {
        wait_until(&format!("the mail has come by {name}"), DEADLINE, || {
            let subject = "Subject: [CRITICAL RAISED] pump-1 temperature";
            server.output().contains(subject)
        });
    }
    for name in ["starttls", "implicit"] {
        let tested = weir.command(&["alarms", "test-channel", name]);
        assert!(tested.status.success(), "{tested:?}");
    }
    for (name, reason) in [
        ("starttls-other", "UnknownIssuer"),
        ("implicit-other", "UnknownIssuer"),
        ("other-name", "not valid for name"),
    ] {
        let tested = weir.command(&["alarms", "test-channel", name]);
        let error = String::from_utf8_lossy(&tested.stderr).into_owned();
        assert!(!tested.status.success(), "{name}");
        assert!(
            error.contains("certificate") && error.contains(reason),
            "{error}"
        );
    }
    let mails = |server: &Process| server.output().matches("Message-ID: <").count();
    assert_eq!((mails(&starttls_server), mails(&implicit_server)), (2, 2));
}

//! Real services from PyPI: a mail server, and Amazon SNS as moto has it.

use std::fs;
use std::net::TcpStream;

use serde_json::json;
use tempfile::TempDir;
use weir_tests::{
    DEADLINE, Exit, Process, Weir, WeirSpec, free_port, python_module, python_process, wait_until,
};

const HOT: &str = "[[function]]\nname = \"hot\"\nkind = \"threshold\"\nsensor = \"temperature\"\n\
                   critical_high = 90.0\n";

#[track_caller]
fn read(weir: &Weir, device: &str, value: f64) {
    let payload = json!({"data": [
        {"sensorId": "temperature", "value": value, "unit": "°C", "location": "hall-2"}]});
    weir.ingest(device, "?wait=processed", payload.to_string())
        .expect(200);
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
        &format!("http://{}/things/pump-1/shadow", weir.http_address().get()),
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

//! AWS's own clients, unmodified, against a real Weir: boto3 by HTTP, and the
//! device SDK for Python by MQTT 3.1.1 and MQTT 5. What they check is in
//! `tests/python/`. `cargo xtask test` installs them.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use weir_tests::{Door, Exit, Process, Site};

/// Each script waits for its answers with deadlines of its own.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(300);

#[test]
#[ignore = "needs python3 with boto3 and awsiotsdk"]
fn boto3_works_unmodified() {
    let site = Site::start(Door::Embedded, |spec| spec);
    let url = format!("http://{}", site.weir.http_address().get());
    python("shadows_http.py", &[&url]);
}

#[test]
#[ignore = "needs python3 with boto3 and awsiotsdk"]
fn the_device_sdk_works_unmodified_with_the_embedded_broker() {
    device_sdk(Door::Embedded);
}

#[test]
#[ignore = "needs python3 with boto3 and awsiotsdk, and Mosquitto"]
fn the_device_sdk_works_unmodified_with_an_external_broker() {
    device_sdk(Door::External);
}

fn device_sdk(door: Door) {
    let site = Site::start(door, |spec| spec);
    let address = site.mqtt().get();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    for kind in ["3", "5", "v2-3", "v2-5"] {
        python("shadows_mqtt.py", &[&host, &port, kind]);
    }
}

/// Runs a script of `tests/python/` to its end.
#[track_caller]
fn python(script: &str, args: &[&str]) {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(interpreter());
    command.arg(path.join("python").join(script)).args(args);
    // Neither the caller's proxy nor the caller's AWS account is for this.
    let own = |name: &str| name.starts_with("AWS_") || name.to_lowercase().ends_with("_proxy");
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(own) {
            command.env_remove(name);
        }
    }
    let nothing = folder.path().join("none");
    for name in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
        command.env(name, &nothing);
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    let mut process = Process::start(&mut command, &folder.path().join("output"));
    let exit = process.wait(DEADLINE);
    assert_eq!(
        exit,
        Exit::Code(0),
        "{script} {args:?}:\n{}",
        process.output()
    );
}

/// `WEIR_PYTHON`, as `cargo xtask test` sets it; or what that has left in the
/// target folder; or the system's.
fn interpreter() -> PathBuf {
    if let Some(path) = env::var_os("WEIR_PYTHON") {
        return path.into();
    }
    let this = env::current_exe().expect("a running test has a path");
    // <target>/<profile>/deps/<test>
    let left = this
        .ancestors()
        .nth(3)
        .map(|target| target.join("python/bin/python3"));
    left.filter(|path| path.is_file())
        .unwrap_or_else(|| weir_tests::program("python3"))
}

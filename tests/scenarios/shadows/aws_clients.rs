//! AWS's own clients, unmodified, against a real Weir: boto3 by HTTP, and the
//! device SDK for Python by MQTT 3.1.1 and MQTT 5. What they check is in
//! `tests/python/`. `cargo xtask test` installs them.

use weir_tests::{Broker, Site, python, run_weir};

#[test]
#[ignore = "needs python3 with boto3 and awsiotsdk"]
fn boto3_works_unmodified() {
    let site = Site::start(Broker::Embedded, |spec| spec);
    let url = format!("http://{}", site.weir.http_address().get());
    python("shadows_http.py", &[&url]);
}

#[test]
#[ignore = "needs python3 with boto3 and awsiotsdk"]
fn the_device_sdk_works_unmodified_with_the_embedded_broker() {
    device_sdk(Broker::Embedded);
}

#[test]
#[ignore = "needs python3 with boto3 and awsiotsdk, and Mosquitto"]
fn the_device_sdk_works_unmodified_with_an_external_broker() {
    device_sdk(Broker::External);
}

fn device_sdk(broker: Broker) {
    let site = Site::start(broker, |spec| spec);
    let address = site.mqtt().get();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    for kind in ["3", "5", "v2-3", "v2-5"] {
        python("shadows_mqtt.py", &[&host, &port, kind]);
    }
}

#[test]
#[ignore = "needs python3 with boto3 and awsiotsdk, and Mosquitto"]
fn boto3_and_the_device_sdk_work_together_beside_an_external_broker() {
    let site = Site::start(Broker::External, |spec| spec);
    let (address, http) = (site.mqtt().get(), site.weir.http_address().get());
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let url = format!("http://{http}");
    python("shadows_http.py", &[&url]);
    python("shadows_together.py", &[&host, &port, &url]);
}

#[test]
#[ignore = "needs python3 with boto3 and awsiotsdk"]
fn boto3_gets_an_error_when_it_may_not() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let file = folder.path().join("access.toml");
    let name = file.to_str().expect("UTF-8");
    let output = run_weir(&["auth", "add", "pump-1", "--file", name], &[]);
    assert!(output.status.success(), "{output:?}");
    let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let site = Site::start(Broker::Embedded, |spec| {
        let config = format!("[auth]\nfile = {name:?}\n");
        spec.with(&config).allow("security=true")
    });
    let url = format!("http://{}", site.weir.http_address().get());
    python("shadows_denied.py", &[&url, &token]);
}

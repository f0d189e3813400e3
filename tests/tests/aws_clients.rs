//! AWS's own clients, unmodified, against a real Weir: boto3 by HTTP, and the
//! device SDK for Python by MQTT 3.1.1 and MQTT 5. What they check is in
//! `tests/python/`. `cargo xtask test` installs them.

use weir_tests::{Door, Site, python};

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

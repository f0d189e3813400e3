//! Who may publish for a device that only the payload names.

use weir_model::PublishRights;

use super::*;

/// A client may publish for the device of its own name.
#[derive(Debug)]
struct OwnDevice;

impl PublishRights for OwnDevice {
    fn may_write(&self, client: &str, device: &str) -> bool {
        client == device
    }
}

#[test]
fn a_device_in_the_payload_needs_a_client_that_may_publish_for_it() {
    let mut bench = Bench::with(&config_with_topics(&["bulk", "devices/{device}/telemetry"]));
    bench.engine.guard_by(OwnDevice);
    let mut send = |client, topic| {
        let payload = br#"{"deviceId": "p1", "temperature": 20, "timestamp": 1700000000000}"#;
        let batch = bench.send_message(Message {
            client,
            ..message(topic, payload)
        });
        reasons(&batch)
    };
    assert_eq!(send("p1", "bulk"), []);
    assert_eq!(send("p2", "bulk"), [(None, QuarantineReason::NotAllowed)]);
    // The listener has checked a topic that names the device.
    assert_eq!(send("p2", TOPIC), []);
}

//! The load: 230-byte events of two readings, from 1,000 devices.

use weir_tests::mqtt::publish_packet;
use weir_tests::now_ms;

pub const DEVICES: usize = 1_000;

/// PUBLISH packets at QoS 1, one after the other, packet ids 1 to 65,535
/// repeating. No value is beyond its limit, no (device, time) repeats.
pub fn publish_packets(messages: usize) -> Vec<Vec<u8>> {
    let start = now_ms() - 3_600_000;
    (0..messages)
        .map(|message| {
            let id = u16::try_from(message % 65_535 + 1).expect("it is at most 65,535");
            let topic = format!("devices/dev-{:04}/telemetry", message % DEVICES);
            publish_packet(
                topic.as_bytes(),
                event(message, start).as_bytes(),
                1,
                id,
                false,
            )
        })
        .collect()
}

fn event(message: usize, start: i64) -> String {
    let device = message % DEVICES;
    let time = start + i64::try_from(message / DEVICES).expect("it is small") * 1_000;
    let temperature = 20.0 + (message % 600) as f64 / 10.0;
    let vibration = (message % 70) as f64 / 10.0;
    format!(
        r#"{{"deviceId":"dev-{device:04}","timestamp":{time},"data":[{{"sensorId":"temperature","value":{temperature:.2},"location":"plant-1","criticalThreshold":90.0}},{{"sensorId":"vibration","value":{vibration:.3},"location":"plant-1","criticalThreshold":8.0}}]}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_about_230_bytes() {
        let length = event(123_456, 1_790_000_000_000).len();
        assert!((215..=240).contains(&length), "{length}");
    }
}

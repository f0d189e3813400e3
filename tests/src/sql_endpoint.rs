//! Data for the SQL endpoints beside HTTP, and a client that leaves.

use serde_json::json;

use crate::{DEADLINE, Weir, WeirSpec, python_process, wait_until};

/// A Weir with seven readings of two devices: `x` at three minutes each, and one text.
pub fn weir_with_readings(sections: &str) -> Weir {
    let weir = Weir::start(WeirSpec::embedded().with(sections));
    for device in ["pump-1", "pump-2"] {
        for minute in 0..3_u32 {
            let time = 1_790_000_000_000_i64 + i64::from(minute) * 60_000;
            let mut data = vec![json!({"sensorId": "x", "value": f64::from(minute) + 0.5})];
            if device == "pump-1" && minute == 0 {
                data.push(json!({"sensorId": "mode", "value": "on"}));
            }
            let event = json!({"deviceId": device, "timestamp": time, "data": data});
            weir.ingest_and_wait(device, event.to_string());
        }
    }
    weir
}

/// The script's client asks an endless query at `address` and is killed: the query ends.
///
/// # Panics
///
/// When it does not.
pub fn leaves_an_endless_query(weir: &Weir, script: &str, address: &str) {
    let folder = tempfile::tempdir().expect("a folder for the log can be made");
    let mut client = python_process(script, &[address, "endless"], folder.path());
    wait_until("the query runs", DEADLINE, || weir.queries_running() == 1);
    client.kill9();
    wait_until("it has ended", DEADLINE, || weir.queries_running() == 0);
}

use weir_config::{Config, Function, FunctionKind, Threshold, TopicPattern};
use weir_model::{Door, Flags, Level, Severity, Timestamp, Value};

use super::*;

const RECEIVED: Timestamp = Timestamp(1_700_000_100_000_000_000);
const TOPIC: &str = "devices/p1/telemetry";

fn message<'a>(topic: &'a str, payload: &'a [u8]) -> Message<'a> {
    Message {
        received: RECEIVED,
        door: Door::Broker,
        client: "",
        topic,
        payload,
        qos: 1,
        retained: false,
        duplicate: false,
    }
}

/// An engine with a batch per message, so that tests read as message → outcome.
struct Bench {
    engine: Engine,
    position: u64,
}

impl Bench {
    fn new(config: &Config) -> Self {
        Self {
            engine: Engine::new(config),
            position: 0,
        }
    }

    fn send_message(&mut self, message: Message<'_>) -> Batch {
        let mut batch = Batch::default();
        self.engine
            .on_message(Position(self.position), &message, &mut batch);
        self.position += 100;
        let ended = batch.rows.readings() + batch.quarantined.len() as u64 + batch.deduplicated;
        assert_eq!(batch.received, ended, "every reading has one outcome");
        batch
    }

    fn send(&mut self, payload: &str) -> Batch {
        self.send_message(message(TOPIC, payload.as_bytes()))
    }
}

#[test]
fn the_reference_event_becomes_one_row_with_verdicts() {
    let mut bench = Bench::new(&Config::default());
    let batch = bench.send(
        r#"{"deviceId":"p1","timestamp":1700000000000,"data":[
            {"sensorId":"temperature","value":95.5,"location":"hall-2","criticalThreshold":90.0},
            {"sensorId":"vibration","value":1,"location":"hall-2","criticalThreshold":8,"sequence":7}]}"#,
    );
    assert_eq!(batch.received, 2);
    assert_eq!(batch.rows.rows.len(), 1);
    let row = batch.rows.rows[0];
    assert_eq!(
        (row.time, row.flags),
        (Timestamp(1_700_000_000_000_000_000), Flags::default())
    );
    let catalog = bench.engine.catalog();
    assert_eq!(&*catalog.device(row.device), "p1");
    assert_eq!(&*catalog.location(row.location), "hall-2");
    let cells = batch.rows.cells_of(&row);
    assert_eq!(&*catalog.column(cells[0].column).sensor, "temperature");
    assert_eq!(
        (cells[0].value, cells[1].value),
        (Value::Number(95.5), Value::Number(1.0))
    );
    let levels: Vec<Level> = batch.verdicts.iter().map(|verdict| verdict.level).collect();
    assert_eq!(levels, [Some(Severity::Critical), None]);
    assert_eq!(batch.verdicts[0].threshold, 90.0);
    assert_eq!(
        bench.engine.slot(batch.verdicts[0].slot).function,
        "payload"
    );
}

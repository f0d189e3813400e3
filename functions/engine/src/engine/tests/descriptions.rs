//! What devices are said to be, in messages of their own.

use weir_config::RouteCodec;

use super::*;

#[test]
fn descriptions_survive_a_restore() {
    let config = Config {
        routes: Route::of_codec(RouteCodec::Zigbee2Mqtt).collect(),
        ..Config::default()
    };
    let devices = br#"[{"friendly_name": "plug", "definition": {"exposes": [
        {"property": "voltage", "unit": "mV"},
        {"type": "lock", "features": [
            {"property": "state", "value_on": "LOCK", "value_off": "UNLOCK"}]}]}}]"#;
    let mut engine = Engine::new(&config);
    let mut out = Batch::default();
    let before = engine.snapshot();
    let described = message("zigbee2mqtt/bridge/devices", devices);
    engine.on_message(Position(0), &described, &mut out);
    assert_eq!((out.received, out.rows.cells.len()), (0, 0));
    let snapshot = engine.snapshot();
    assert!(snapshot.starts_with(&before) && snapshot.len() > before.len());

    let mut again = Engine::restore(&config, &snapshot).unwrap();
    assert_eq!(again.snapshot(), snapshot);
    let state = message("zigbee2mqtt/plug", br#"{"voltage": 2995, "state": "LOCK"}"#);
    again.on_message(Position(1), &state, &mut out);
    let units: Vec<Option<String>> = out
        .rows
        .cells
        .iter()
        .map(|cell| {
            let column = again.catalog().column(cell.column);
            column.unit.as_deref().map(str::to_owned)
        })
        .collect();
    assert_eq!(units, [Some("mV".to_owned()), None]);
    assert_eq!(out.rows.cells[1].value, Value::Number(1.0));
}

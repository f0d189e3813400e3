//! A function of the user's own, as a WebAssembly module: it raises alarms, is
//! replaced while Weir runs, is refused when it is broken, and is disabled after
//! it traps; a kill at any of these loses and changes nothing.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use weir_tests::{DEADLINE, Weir, WeirSpec, now_ms, wait_until};

use super::{LIMIT, trapping};

/// Below 90 is a warning, below 80 critical.
fn turned_round() -> String {
    LIMIT.replace("f64.gt", "f64.lt")
}

struct Plant {
    weir: Weir,
    module: PathBuf,
    time: i64,
    sent: u64,
    _folder: tempfile::TempDir,
}

impl Plant {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("there is a temporary folder");
        let module = folder.path().join("own.wat");
        fs::write(&module, LIMIT).expect("the temporary folder is writable");
        let path = module.display();
        let spec = WeirSpec::embedded()
            .with("[watchdog]\nalert_after = \"1s\"\n")
            .with(&format!(
                "[[function]]\nname = \"own\"\nkind = \"wasm\"\nmodule = \"{path}\"\n\
                 sensor = \"temperature\"\nparams = [80.0, 90.0]\n\
                 reasons = [\"hot\", \"far too hot\"]\nmax_failures = 3\n"
            ))
            .allow("configuration")
            .allow("a WebAssembly function");
        Self {
            weir: Weir::start(spec),
            module,
            time: now_ms() - 3_600_000,
            sent: 0,
            _folder: folder,
        }
    }

    /// One reading, once it was processed.
    #[track_caller]
    fn temperature(&mut self, value: f64) {
        self.time += 1_000;
        self.sent += 1;
        let event = json!({"timestamp": self.time, "data": [
            {"sensorId": "temperature", "value": value, "unit": "°C"}]});
        self.weir.ingest_and_wait("boiler", event.to_string());
    }

    /// Puts another text in the module's place, as a build does.
    #[track_caller]
    fn replace(&self, text: &str, outcome: &str) {
        let before = self.weir.reloads(outcome);
        let beside = self.module.with_extension("new");
        fs::write(&beside, text).expect("the temporary folder is writable");
        fs::rename(&beside, &self.module).expect("the temporary folder is writable");
        self.weir.wait_reloads(outcome, before + 1);
    }

    /// State, severity and id of every transition of the boiler.
    #[track_caller]
    fn wait_transitions(&self, expect: &[(&str, &str)]) -> Vec<Value> {
        let sql = "SELECT id, state, severity, reason FROM alerts WHERE device = 'boiler'";
        let mut rows = Vec::new();
        wait_until(&format!("{expect:?}"), DEADLINE, || {
            rows = self.weir.sql(sql);
            rows.len() >= expect.len()
        });
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_lowercase();
        let found: Vec<_> = rows
            .iter()
            .map(|row| (text(row, "state"), text(row, "severity")))
            .collect();
        let expect: Vec<_> = expect
            .iter()
            .map(|(state, severity)| ((*state).to_owned(), (*severity).to_owned()))
            .collect();
        assert_eq!(found, expect);
        rows
    }

    #[track_caller]
    fn wait_reason(&self, expect: Option<&str>) {
        wait_until(&format!("/readyz reports {expect:?}"), DEADLINE, || {
            let ready = self.weir.http().get("/readyz").json();
            let reason = ready["reasons"]["function own"].as_str().map(str::to_owned);
            match expect {
                Some(expect) => reason.is_some_and(|reason| reason.contains(expect)),
                None => reason.is_none(),
            }
        });
    }
}

#[test]
fn a_module_is_replaced_refused_and_tripped_and_kills_change_nothing() {
    let mut plant = Plant::start();
    plant.temperature(70.0);
    plant.temperature(85.0);
    let rows = plant.wait_transitions(&[("raised", "warning")]);
    assert_eq!(rows[0]["reason"], "temperature 85 °C is hot");

    // Another module under the same name: it judges the next reading.
    plant.replace(&turned_round(), "applied");
    plant.temperature(95.0);
    plant.temperature(70.0);
    let four = [
        ("raised", "warning"),
        ("cleared", "warning"),
        ("raised", "critical"),
    ];
    let before = plant.wait_transitions(&four);

    // What the first one decided is replayed by the first one, though its file is
    // another one by now, and was changed once more while Weir was down.
    plant.weir.kill9();
    fs::write(&plant.module, LIMIT).expect("the temporary folder is writable");
    plant.weir.restart();
    plant.weir.wait_received(plant.sent);
    assert_eq!(plant.wait_transitions(&four), before);
    plant.temperature(70.0);
    let five = [&four[..], &[("cleared", "critical")]].concat();
    plant.wait_transitions(&five);

    // One that does not load leaves the old one in force, and says where and why.
    plant.replace("(module (func $oh", "invalid");
    let ready = plant.weir.http().get("/readyz").expect(200).json();
    let reason = ready["degraded"]["config"].as_str().unwrap_or_default();
    assert!(reason.contains("function.module"), "{reason}");
    assert!(reason.contains("own.wat"), "{reason}");
    plant.temperature(91.0);
    let six = [&five[..], &[("raised", "critical")]].concat();
    plant.wait_transitions(&six);

    // A module that traps: the readings are stored, it is disabled and reported.
    plant.replace(&trapping(), "applied");
    for _ in 0..5 {
        plant.temperature(60.0);
    }
    plant.wait_reason(Some("it trapped: "));
    assert_eq!(
        plant.weir.metric("weir_wasm_tripped{function=\"own\"}"),
        1.0
    );
    let failures = "weir_wasm_failures_total{function=\"own\",reason=\"trap\"}";
    assert_eq!(plant.weir.metric(failures), 3.0);
    let own = plant.weir.wait_alarms("state=open&device=$weir", 1);
    assert_eq!(own[0]["sensor"], "function own");
    plant.weir.kill9();
    plant.weir.restart_unready();
    plant.wait_reason(Some("it trapped: "));
    plant.wait_transitions(&six);

    // Put right, it judges again.
    plant.replace(LIMIT, "applied");
    plant.wait_reason(None);
    plant.temperature(60.0);
    plant.wait_transitions(&[&six[..], &[("cleared", "critical")]].concat());
    plant.weir.wait_alarms("state=open&device=$weir", 0);
    let flow = plant.weir.wait_received(plant.sent);
    assert_eq!(flow.readings.stored, plant.sent);
}

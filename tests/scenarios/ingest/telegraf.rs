//! Telegraf as it is, with its outputs for InfluxDB 1 and 2.

use std::fs;
use std::process::Command;

use weir_tests::{DEADLINE, Weir, WeirSpec, now_ms, program, wait_until};

#[test]
#[ignore = "needs telegraf"]
fn telegraf_writes_unmodified_to_both_versions_of_the_api() {
    let weir = Weir::start(WeirSpec::embedded());
    let url = format!("http://{}", weir.http_address().get());
    let outputs = [
        format!("[[outputs.influxdb]]\nurls = [\"{url}\"]\ndatabase = \"any\"\n"),
        format!(
            "[[outputs.influxdb_v2]]\nurls = [\"{url}\"]\ntoken = \"any\"\n\
             organization = \"any\"\nbucket = \"any\"\n"
        ),
    ];
    let folder = tempfile::tempdir().expect("a folder can be made");
    let lines = folder.path().join("lines");
    let time_ns = (now_ms() - 60_000) * 1_000_000;
    let line = format!("air,room=a temperature=21.5,door=true,count=3i,state=\"on\" {time_ns}\n");
    fs::write(&lines, line).expect("it is writable");
    for (version, output) in (1..).zip(outputs) {
        let config = folder.path().join("telegraf.conf");
        let text = format!(
            "[agent]\nhostname = \"agent-{version}\"\n\n[[inputs.file]]\nfiles = [{lines:?}]\n\
             data_format = \"influx\"\n\n[[inputs.mem]]\n\n{output}"
        );
        fs::write(&config, text).expect("it is writable");
        let mut telegraf = Command::new(program("telegraf"));
        let run = telegraf.arg("--once").arg("--config").arg(&config);
        let run = run.output().expect("telegraf can be run");
        assert!(run.status.success(), "{run:?}");

        let device = format!("device = 'agent-{version}'");
        let air = format!("FROM readings WHERE {device} AND sensor LIKE 'air%'");
        weir.wait_count(&format!("SELECT count(*) {air}"), 4);
        let rows = weir.sql_csv(&format!("SELECT sensor, value, text {air} ORDER BY sensor"));
        let expect = [
            "sensor,value,text",
            "air_count{room=a},3.0,",
            "air_door{room=a},1.0,",
            "air_state{room=a},,on",
            "air_temperature{room=a},21.5,",
        ];
        assert_eq!(rows.lines().collect::<Vec<_>>(), expect);
        let of_memory = format!("{device} AND sensor = 'mem_total' AND value > 0");
        weir.wait_count(
            &format!("SELECT count(*) FROM readings WHERE {of_memory}"),
            1,
        );
    }
    wait_until("it has settled", DEADLINE, || weir.flow().is_settled());
    let flow = weir.flow();
    flow.assert_conserved();
    assert_eq!(flow.readings.received, flow.readings.stored, "{flow:?}");
}

//! The second store: everything that the embedded one holds is in a real
//! VictoriaMetrics too, which takes InfluxDB's line protocol, also when it was
//! away for a while.

use weir_tests::{
    DEADLINE, Exit, LoadReport, LoadSpec, Loader, VictoriaMetrics, Weir, WeirSpec, audit,
    wait_until,
};

fn sink(server: &VictoriaMetrics) -> String {
    format!(
        "[store.influxdb]\nurl = \"{}\"\nbatch_interval = \"100ms\"\n",
        server.url()
    )
}

#[test]
#[ignore = "needs VictoriaMetrics"]
fn a_sink_holds_what_was_sent() {
    let server = VictoriaMetrics::start();
    let weir = Weir::start(WeirSpec::embedded().with(&sink(&server)));
    let report = Loader::start(weir.mqtt(), LoadSpec::new("sink", 1_000)).finish();
    audit(&weir, &[&report]);
    check_equal(&server, &report);
}

/// Small segments and frequent checkpoints: only the sink keeps the journal.
const SMALL: &str = "[journal]\nsegment_size = \"64KiB\"\nmax_size = \"16MiB\"\n\n\
                     [store.embedded]\nflush_interval = \"100ms\"\n";

#[test]
#[ignore = "needs VictoriaMetrics"]
fn a_sink_that_was_down_from_the_start_catches_up() {
    let mut server = VictoriaMetrics::stopped();
    let spec = WeirSpec::embedded()
        .with(&sink(&server))
        .with(SMALL)
        .allow("InfluxDB");
    let mut weir = Weir::start_unready(spec);
    let report = Loader::start(weir.mqtt(), LoadSpec::new("late", 4_000)).finish();
    // Neither the embedded store nor ingestion waits for the sink.
    audit(&weir, &[&report]);
    // What the sink has not taken outlives both a shutdown and a crash.
    assert_eq!(weir.sigterm(), Exit::Code(0));
    weir.restart_unready();
    weir.kill9();
    weir.restart_unready();
    server.resume();
    check_equal(&server, &report);
    weir.wait_recovered();
}

#[test]
#[ignore = "needs VictoriaMetrics"]
fn a_full_journal_stops_acknowledging_and_drops_nothing() {
    const FULL: &str = "[journal]\nsegment_size = \"64KiB\"\nmax_size = \"1MiB\"\n\
                        max_pending = \"2MiB\"\n\n\
                        [store.embedded]\nflush_interval = \"100ms\"\n";
    let mut server = VictoriaMetrics::stopped();
    let spec = WeirSpec::embedded().with(&sink(&server)).with(FULL);
    let weir = Weir::start_unready(spec.allow("InfluxDB").allow("journal"));
    let load = Loader::start(weir.mqtt(), LoadSpec::new("full", 10_000));
    wait_until("the journal is full", DEADLINE, || {
        weir.http().get("/readyz").json()["reasons"]["journal"].is_string()
    });
    assert!(load.acknowledged() < 10_000);
    server.resume();
    let report = load.finish();
    audit(&weir, &[&report]);
    check_equal(&server, &report);
}

#[track_caller]
fn check_equal(server: &VictoriaMetrics, report: &LoadReport) {
    let spec = &report.spec;
    wait_until("the sink has every reading", DEADLINE, || {
        server.points() >= 2 * report.sent
    });
    let exported = server.export();
    for message in 0..report.sent {
        let device = spec.device(message);
        for (sensor, value) in spec.readings(message) {
            let series = exported.iter().find(|series| {
                let metric = &series.metric;
                metric.get("device").is_some_and(|label| *label == device)
                    && metric.values().any(|label| label.contains(sensor))
            });
            let series = series.unwrap_or_else(|| panic!("no series of {device} {sensor}"));
            let index = series
                .timestamps
                .iter()
                .position(|time| *time == spec.time_ms(message));
            let index =
                index.unwrap_or_else(|| panic!("message {message} is missing: {device} {sensor}"));
            assert_eq!(
                series.values[index], value,
                "message {message}, {device} {sensor}"
            );
        }
    }
    assert_eq!(server.points(), 2 * report.sent, "nothing else is there");
}

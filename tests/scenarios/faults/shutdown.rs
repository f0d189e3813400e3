//! Ending and starting: SIGTERM under load, a data folder in use.

use weir_tests::{Broker, Exit, LoadSpec, Loader, Site, Weir, WeirSpec, audit, run_weir};

#[test]
fn sigterm_under_load_ends_with_0_and_loses_nothing() {
    sigterm_under_load(Broker::Embedded);
}

#[test]
#[ignore = "needs Mosquitto"]
fn sigterm_under_load_of_an_external_broker_ends_with_0_and_loses_nothing() {
    sigterm_under_load(Broker::External);
}

fn sigterm_under_load(broker: Broker) {
    const MESSAGES: usize = 20_000;
    let mut site = Site::start(broker, |spec| spec);
    let load = Loader::start(site.mqtt(), LoadSpec::new("term", MESSAGES));
    for acknowledged in [500, MESSAGES / 3, MESSAGES / 2] {
        load.wait_acknowledged(acknowledged);
        assert_eq!(site.weir.sigterm(), Exit::Code(0), "{}", site.weir.log());
        site.weir.restart();
    }
    let report = load.finish();
    audit(&site.weir, &[&report]);
}

#[test]
fn a_second_process_on_the_same_data_folder_is_refused_with_the_firsts_id() {
    let mut weir = Weir::start(WeirSpec::embedded());
    let (config, data) = (weir.config_file(), weir.data_dir());
    let text =
        |path: &std::path::Path| path.to_str().expect("a temporary path is UTF-8").to_owned();
    let output = run_weir(
        &["up", "--config", &text(&config), "--data-dir", &text(&data)],
        &[],
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains(&weir.process().id().to_string()),
        "{stderr}"
    );
    // The first one is unharmed.
    weir.ingest_and_wait("d", r#"{"temperature": 1}"#);
    weir.wait_received(1);
}

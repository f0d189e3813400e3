//! A slow disk, few file descriptors, little memory, a journal at its cap:
//! slower, and nothing else.

use weir_tests::mqtt::{Connection, publish_packet};
use weir_tests::{
    DEADLINE, LoadSpec, Loader, VictoriaMetrics, Weir, WeirSpec, audit, effort, wait_until,
};

const MIB: u64 = 1 << 20;

fn mib(bytes: u64) -> u64 {
    bytes / MIB
}

#[test]
#[ignore = "needs strace"]
fn a_disk_that_takes_300_ms_for_each_sync_costs_time_and_no_memory() {
    let weir = Weir::start(WeirSpec::embedded().inject("fdatasync", "delay_enter=300000"));
    let mut loads = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let mut load = LoadSpec::new(name, effort(6_000, 60_000));
        load.window = 1_500;
        loads.push(Loader::start(weir.mqtt(), load));
    }
    loads.iter().for_each(|load| load.wait_acknowledged(1_500));
    let early = weir.memory();
    let reports: Vec<_> = loads.into_iter().map(Loader::finish).collect();
    let late = weir.memory();
    assert!(
        late < early + 64 * MIB,
        "memory grew from {} to {} MiB",
        mib(early),
        mib(late)
    );
    audit(&weir, &reports.iter().collect::<Vec<_>>());
}

#[test]
#[ignore = "needs prlimit"]
fn without_file_descriptors_weir_waits_and_then_accepts_again() {
    const FILES: usize = 64;
    let limit = format!("--nofile={FILES}:{FILES}");
    let spec = WeirSpec::embedded()
        .with("[store.embedded]\nflush_interval = \"100ms\"\n")
        .wrapped(&["prlimit", &limit])
        .allow("cannot accept a connection")
        .allow("checkpoint failed")
        .allow("the journal cannot write")
        .allow("the journal keeps more than it needs");
    let weir = Weir::start(spec);
    let load = Loader::start(weir.mqtt(), LoadSpec::new("files", usize::MAX));
    load.wait_acknowledged(1_000);
    // The kernel takes connections that Weir cannot.
    let idle: Vec<_> = (0..2 * FILES)
        .map(|_| Connection::open(weir.mqtt().get()).expect("the backlog has room"))
        .collect();
    wait_until("it has run out of file descriptors", DEADLINE, || {
        weir.log().contains("cannot accept a connection")
    });
    drop(idle);
    wait_until("it accepts again", DEADLINE, || {
        Connection::connect(weir.mqtt().get(), "again").is_ok()
    });
    weir.wait_recovered();
    let report = load.drain();
    audit(&weir, &[&report]);
    assert!(!weir.log().contains("panicked"));
}

#[test]
#[ignore = "needs strace"]
fn a_flood_is_held_back_and_memory_stays_below_256_mib() {
    // For a small machine: less waits in memory for its file.
    let spec = WeirSpec::embedded()
        .with("[store.embedded]\nflush_readings = 50000\n\n[journal]\nmax_pending = \"8MiB\"\n")
        .inject("fdatasync", "delay_enter=50000");
    let weir = Weir::start(spec);
    let mut loads = Vec::new();
    for name in ["a", "b", "c"] {
        let mut load = LoadSpec::new(name, effort(8_000, 100_000));
        (load.window, load.padding) = (2_000, 4_096);
        loads.push(Loader::start(weir.mqtt(), load));
    }
    // And a client that waits for nothing: only its socket can hold it back.
    let mut flood = Connection::connect(weir.mqtt().get(), "flood").expect("it accepts");
    let mut message = LoadSpec::new("flood", 1);
    message.padding = 16 * 1024;
    let (topic, payload) = (message.topic(0), message.payload(0));
    let packet = publish_packet(topic.as_bytes(), payload.as_bytes(), 0, 0, false);
    for _ in 0..effort(4_000, 40_000) {
        flood.send(&packet).expect("it is slow, and not closed");
    }
    flood.ping().expect("all of it was read");
    let reports: Vec<_> = loads.into_iter().map(Loader::finish).collect();
    let flow = weir.flow();
    flow.assert_conserved();
    let peak = weir.peak_memory();
    assert!(peak < 256 * MIB, "{} MiB were in memory", mib(peak));
    // The flood is one reading pair, again and again.
    let mut flooded = loads_of_one(message);
    flooded.acknowledged[0] = false;
    let mut all: Vec<_> = reports.iter().collect();
    all.push(&flooded);
    audit(&weir, &all);
}

/// A load of one message.
fn loads_of_one(spec: LoadSpec) -> weir_tests::LoadReport {
    weir_tests::LoadReport {
        spec,
        sent: 1,
        acknowledged: vec![true],
        reconnects: 0,
    }
}

#[test]
#[ignore = "needs VictoriaMetrics"]
fn a_start_on_a_journal_at_its_cap_streams_it_and_stays_small() {
    let cap_mib = effort(96, 1_024);
    // A sink that is away: the journal keeps everything for it.
    let mut server = VictoriaMetrics::stopped();
    let config = format!(
        "[journal]\nmax_size = \"{cap_mib}MiB\"\nsegment_size = \"8MiB\"\n\n\
         [store.embedded]\nflush_interval = \"200ms\"\n\n\
         [store.influxdb]\nurl = \"{}\"\nbatch_interval = \"10ms\"\n",
        server.url()
    );
    let spec = WeirSpec::embedded()
        .with(&config)
        .allow("InfluxDB")
        .allow("journal")
        .allow("journal consumer stalled");
    let mut weir = Weir::start_unready(spec);
    let mut load = LoadSpec::new("cap", usize::MAX);
    (load.window, load.padding) = (1_000, 8 * 1024);
    let load = Loader::start(weir.mqtt(), load);
    let is_full = |weir: &Weir| {
        let reasons = weir.http().get("/readyz").json()["reasons"].clone();
        reasons["journal"].is_string()
    };
    wait_until("the journal is full", DEADLINE * 10, || is_full(&weir));
    weir.kill9();
    weir.restart_unready();
    wait_until("the journal is full again", DEADLINE, || is_full(&weir));
    // All of it goes through the sink's reader, and the load goes on.
    server.resume();
    let report = load.drain();
    audit(&weir, &[&report]);
    wait_until("the sink has every reading", DEADLINE, || {
        server.points() >= 2 * report.sent
    });
    let peak = weir.peak_memory();
    assert!(
        peak < 256 * MIB,
        "{} MiB for a journal of {cap_mib}",
        mib(peak)
    );
}

//! Disks that run full or turn read-only, with the real binary on a small file
//! system of its own.

/// Mounting needs root: `cargo xtask test` leaves these out without it.
mod as_root {
    use std::fs;
    use std::os::unix::fs::symlink;

    use serde_json::{Value, json};
    use weir_tests::{DEADLINE, Hook, LoadSpec, Loader, Tmpfs, Weir, WeirSpec, audit, wait_until};

    /// Messages between one step and the next.
    const SOME: usize = 4_000;

    /// What a Weir may tell whose disk takes nothing. Small segments: the journal
    /// often needs a new one.
    fn spec(disk: &Tmpfs) -> WeirSpec {
        WeirSpec::embedded()
            .with("[journal]\nsegment_size = \"256KiB\"\n")
            .with("[store.embedded]\nflush_interval = \"200ms\"\n")
            .data_in(disk.path())
            .allow("the journal cannot write")
            .allow("the journal keeps more than it needs")
            .allow("checkpoint failed")
            .allow("cannot write the manifest at open")
            .allow("cannot record")
            .allow("cannot update shadows")
            .allow("routing cannot be stored")
            .allow("alarms cannot be routed")
            .allow("old alarms cannot be forgotten")
            .allow("deliveries cannot be noted")
            .allow("the outbox cannot be read")
    }

    fn load(weir: &Weir, name: &str) -> Loader {
        let mut load = LoadSpec::new(name, usize::MAX);
        (load.spoil_every, load.critical) = (50, Some(70.05));
        Loader::start(weir.mqtt(), load)
    }

    #[track_caller]
    fn wait_reason(weir: &Weir, reason: &str) {
        weir.wait_unready(reason);
    }

    #[track_caller]
    fn wait_well(weir: &Weir) {
        weir.wait_recovered();
    }

    #[test]
    #[ignore = "needs root, to mount a tmpfs"]
    fn a_full_disk_stops_acknowledging_and_weir_recovers_without_a_restart() {
        let disk = Tmpfs::mount(192);
        let weir = Weir::start(spec(&disk));
        let load = load(&weir, "full");
        for _ in 0..2 {
            load.wait_acknowledged(load.acknowledged() + SOME);
            disk.fill();
            wait_reason(&weir, "the journal cannot write");
            disk.clear();
            wait_well(&weir);
        }
        let report = load.drain();
        audit(&weir, &[&report]);
    }

    #[test]
    #[ignore = "needs root, to mount a tmpfs"]
    fn a_store_without_room_holds_up_no_message_and_loses_no_file() {
        let (disk, others) = (Tmpfs::mount(64), Tmpfs::mount(512));
        let data = others.path().join("data");
        fs::create_dir(&data).expect("it is empty");
        symlink(disk.path(), data.join("store")).expect("it is empty");
        let mut weir = Weir::start(spec(&others));
        let load = load(&weir, "store");
        load.wait_acknowledged(SOME);
        wait_until("a checkpoint has written files", DEADLINE, || {
            weir.metric("weir_store_files") > 0.0
        });
        disk.fill();
        wait_reason(&weir, "checkpoint failed");
        // Ingestion goes on, and so do queries; a kill changes nothing.
        load.wait_acknowledged(load.acknowledged() + SOME);
        let stored = weir.count("SELECT count(*) FROM readings");
        weir.kill9();
        weir.restart_unready();
        load.wait_acknowledged(load.acknowledged() + SOME);
        assert!(
            weir.count("SELECT count(*) FROM readings") > 0,
            "of {stored}"
        );
        disk.clear();
        wait_well(&weir);
        let report = load.drain();
        audit(&weir, &[&report]);
        weir.kill9();
        weir.restart();
        audit(&weir, &[&report]);
    }

    #[test]
    #[ignore = "needs root, to mount a tmpfs"]
    fn alarms_are_shown_while_the_disk_is_full_and_acknowledged_once_it_is_not() {
        let (disk, hook) = (Tmpfs::mount(96), Hook::start());
        let alarms = format!(
            "[[route]]\ntopic = \"plant\"\ncodec = \"json\"\n\n\
             [[function]]\nname = \"hot\"\nkind = \"threshold\"\nsensor = \"t\"\n\
             critical_high = 90.0\n\n[watchdog]\nalerts = false\n\n\
             {}\n[[notify]]\nchannels = [\"hook\"]\nrepeat = \"1s\"\n",
            hook.channel("hook")
        );
        let spec = spec(&disk).with(&alarms);
        let weir = Weir::start(spec.allow("a channel does not deliver"));
        // The alert is sent again every second, and the queue needs ever more room.
        hook.answer(503);
        let hot = json!([{"sensorId": "t", "value": 95.0}]);
        let events: Vec<Value> = (0..200)
            .map(|n| json!({"deviceId": format!("pump-{n}"), "data": hot}))
            .collect();
        let topic = "/api/v1/ingest/plant?wait=processed";
        weir.http()
            .post(topic, json!(events).to_string())
            .expect(200);
        let id = weir.wait_alarms("state=active", 200)[0]["alarmId"].clone();
        let id = id.as_str().expect("it has an id");
        disk.fill();
        wait_reason(&weir, "alarm routing");

        assert_eq!(weir.wait_alarms("state=active", 200).len(), 200);
        let path = format!("/api/v1/alarms/{id}");
        assert_eq!(weir.http().get(&path).expect(200).json()["alarmId"], id);
        weir.http().get("/api/v1/alarms/channels").expect(200);
        // There may be room for so little; the answer says at once whether there was.
        let ack = weir.http().post(&format!("{path}/ack"), "{}");
        let is_decided = ack.status == 200 || ack.text().contains("nothing was changed");
        assert!(is_decided, "{}", ack.text());

        disk.clear();
        hook.answer(200);
        wait_well(&weir);
        let ack = weir.http().post(&format!("{path}/ack"), "{}").expect(200);
        assert_eq!(ack.json()["lifecycle"], "acknowledged");
        hook.wait_taken(200);
    }

    #[test]
    #[ignore = "needs root, to make folders immutable"]
    fn folders_that_turn_read_only_stop_acknowledging_and_weir_recovers_without_a_restart() {
        let disk = Tmpfs::mount(512);
        let weir = Weir::start(spec(&disk));
        let load = load(&weir, "frozen");
        load.wait_acknowledged(SOME);
        let data = weir.data_dir();
        let folders = [data.join("journal"), data.join("store")];
        let immutable = disk.make_immutable(&folders);
        wait_reason(&weir, "the journal cannot write");
        wait_reason(&weir, "checkpoint failed");
        drop(immutable);
        wait_well(&weir);
        let report = load.drain();
        audit(&weir, &[&report]);
    }
}

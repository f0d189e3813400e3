use proptest::prelude::*;
use weir_model::{Level, LocationIx, Position, Severity, Side, Timestamp, Why};

use super::*;

const SECOND: i64 = 1_000_000_000;
const W: Level = Some(Severity::Warning);
const C: Level = Some(Severity::Critical);

fn delays(on_s: i64, off_s: i64) -> Delays {
    Delays {
        on_delay_ns: on_s * SECOND,
        off_delay_ns: off_s * SECOND,
        longest_gap_ns: None,
    }
}

/// The same, over gaps of any length.
fn bridging(delays: Delays) -> Delays {
    Delays {
        longest_gap_ns: Some(i64::MAX),
        ..delays
    }
}

fn verdict(slot: u32, time_s: i64, level: Level) -> Verdict {
    let (value, threshold) = match level {
        None => (71.25, 80.0),
        Some(Severity::Warning) => (85.0, 80.0),
        Some(Severity::Critical) => (93.5, 90.0),
    };
    Verdict {
        position: Position(0),
        slot,
        function: 0,
        device: DeviceIx(slot / 2),
        location: LocationIx(0),
        time: Timestamp(time_s * SECOND),
        value,
        level,
        threshold,
        side: Side::High,
        score: f64::NAN,
        why: Why::Limit,
    }
}

fn names(slot: u32) -> SlotNames {
    SlotNames {
        device: format!("pump-{}", slot / 2),
        sensor: format!("temperature-{}", slot % 2),
        unit: Some("°C".into()),
        function: "overheat".into(),
        location: Some("hall-2".into()),
        ..SlotNames::default()
    }
}

fn feed(engine: &mut AlarmEngine, slot: u32, time_s: i64, level: Level) -> Option<Alert> {
    engine
        .on_verdict(&verdict(slot, time_s, level), || names(slot))
        .cloned()
}

/// `expect` names each transition as "seconds state severity".
#[track_caller]
fn check(delays: Delays, readings: &[(i64, Level)], expect: &[&str]) {
    let mut engine = AlarmEngine::new(vec![delays]);
    let mut found = Vec::new();
    for &(time_s, level) in readings {
        if let Some(alert) = feed(&mut engine, 0, time_s, level) {
            assert_eq!(alert.timestamp, time_s * 1_000);
            found.push(format!(
                "{time_s} {} {}",
                alert.state.as_str(),
                alert.severity
            ));
        }
    }
    assert_eq!(found, expect);
}

#[test]
fn without_delays_every_change_counts_at_once() {
    let none = Delays::default();
    check(none, &[(1, None), (2, None)], &[]);
    check(
        none,
        &[(1, W), (2, W), (3, None)],
        &["1 raised warning", "3 cleared warning"],
    );
    check(
        none,
        &[(1, C), (2, None), (3, None)],
        &["1 raised critical", "2 cleared critical"],
    );
    check(
        none,
        &[(1, W), (2, C), (3, W), (4, C), (5, None), (6, W)],
        &[
            "1 raised warning",
            "2 escalated critical",
            "3 deescalated warning",
            "4 escalated critical",
            "5 cleared critical",
            "6 raised warning",
        ],
    );
}

#[test]
fn the_on_delay_counts_from_the_first_reading_of_an_unbroken_run() {
    let on = delays(10, 0);
    check(on, &[(0, W), (9, W), (10, W)], &["10 raised warning"]);
    check(on, &[(0, C), (10, C)], &["10 raised critical"]);
    check(
        on,
        &[(0, W), (9, None), (10, W), (19, W), (20, W)],
        &["20 raised warning"],
    );
    // A gap breaks the run, unless it may be bridged.
    check(on, &[(0, W), (3600, W)], &[]);
    let readings = [(0, W), (3600, W)];
    check(bridging(on), &readings, &["3600 raised warning"]);
}

#[test]
fn a_severity_needs_its_own_on_delay() {
    let on = delays(10, 0);
    check(
        on,
        &[(0, W), (9, C), (10, C), (19, C)],
        &["10 raised warning", "19 escalated critical"],
    );
    check(on, &[(0, C), (5, W), (10, W)], &["10 raised warning"]);
    check(
        on,
        &[(0, W), (10, W), (11, C), (12, W), (22, C), (31, C)],
        &["10 raised warning"],
    );
}

#[test]
fn the_off_delay_holds_clearing_and_deescalating_back() {
    let off = delays(0, 30);
    check(
        off,
        &[(0, W), (10, None), (39, None), (40, None)],
        &["0 raised warning", "40 cleared warning"],
    );
    check(
        off,
        &[(0, W), (10, None), (39, W), (41, None), (70, None)],
        &["0 raised warning"],
    );
    check(
        off,
        &[(0, C), (10, W), (39, W), (40, W)],
        &["0 raised critical", "40 deescalated warning"],
    );
    check(
        off,
        &[(0, C), (10, W), (35, None), (41, None), (65, None)],
        &[
            "0 raised critical",
            "41 deescalated warning",
            "65 cleared warning",
        ],
    );
    check(
        off,
        &[(0, C), (10, W), (39, C), (50, W), (79, W)],
        &["0 raised critical"],
    );
    check(
        off,
        &[(0, C), (10, None), (40, None)],
        &["0 raised critical", "40 cleared critical"],
    );
}

#[test]
fn readings_that_are_not_newer_change_nothing() {
    let none = Delays::default();
    check(
        none,
        &[(5, W), (5, None), (4, None), (3, C)],
        &["5 raised warning"],
    );
    check(
        none,
        &[(5, W), (6, None), (5, W), (6, W)],
        &["5 raised warning", "6 cleared warning"],
    );
}

#[test]
fn the_alert_says_what_a_person_needs() {
    let mut engine = AlarmEngine::new(vec![delays(0, 20)]);
    let mut reasons = Vec::new();
    for (time_s, level) in [(0, W), (5, C), (10, W), (30, W), (40, None), (290, None)] {
        let alert = feed(&mut engine, 1, time_s, level);
        reasons.extend(alert.map(|alert| format!("{:?}: {}", alert.state, alert.reason)));
    }
    let expect = [
        "Raised: temperature-1 85 °C is above the warning limit 80 °C (hall-2)",
        "Escalated: temperature-1 93.5 °C is now above the critical limit 90 °C (hall-2)",
        "Deescalated: temperature-1 85 °C is no longer critical, but above the warning limit 80 °C \
         (hall-2)",
        "Cleared: temperature-1 is back to 71.25 °C, below the warning limit 80 °C, after 4 min 50 s \
         (hall-2)",
    ];
    assert_eq!(reasons, expect);
}

#[test]
fn the_reason_follows_side_deadband_and_missing_limits() {
    let raise = |value, threshold, side, level| {
        let mut engine = AlarmEngine::new(vec![]);
        let verdict = Verdict {
            value,
            threshold,
            side,
            ..verdict(0, 1, level)
        };
        let alert = engine.on_verdict(&verdict, || names(0)).unwrap();
        (alert.threshold, alert.reason.clone())
    };
    let reason = |text: &str| format!("temperature-0 {text} (hall-2)");
    assert_eq!(
        raise(-5.0, 0.0, Side::Low, W),
        (Some(0.0), reason("-5 °C is below the warning limit 0 °C"))
    );
    assert_eq!(
        raise(79.0, 80.0, Side::High, W),
        (
            Some(80.0),
            reason("79 °C is within the deadband of the warning limit 80 °C")
        )
    );
    assert_eq!(
        raise(1.5, f64::NAN, Side::High, C),
        (None, reason("1.5 °C is critical according to overheat"))
    );
}

#[test]
fn names_are_asked_for_only_at_a_transition() {
    let mut engine = AlarmEngine::new(vec![delays(10, 10)]);
    for (time_s, level) in [(0, None), (1, W), (2, None), (3, None), (4, W), (13, W)] {
        let verdict = verdict(0, time_s, level);
        assert!(
            engine
                .on_verdict(&verdict, || -> SlotNames { panic!("asked at {time_s}") })
                .is_none()
        );
    }
}

#[test]
fn active_lists_the_last_alert_of_each_open_alarm_of_a_device() {
    let mut engine = AlarmEngine::new(vec![Delays::default()]);
    let active = |engine: &AlarmEngine, device| -> Vec<(String, AlertState)> {
        engine
            .active(DeviceIx(device))
            .map(|a| (a.sensor.clone(), a.state))
            .collect()
    };
    feed(&mut engine, 3, 1, W);
    feed(&mut engine, 2, 2, W);
    feed(&mut engine, 2, 3, C);
    feed(&mut engine, 5, 4, C);
    let both = [
        ("temperature-0".to_owned(), AlertState::Escalated),
        ("temperature-1".to_owned(), AlertState::Raised),
    ];
    assert_eq!(active(&engine, 1), both);
    assert_eq!((engine.active_count(), engine.all_active().count()), (3, 3));
    feed(&mut engine, 2, 5, None);
    feed(&mut engine, 3, 5, None);
    assert_eq!(active(&engine, 1), []);
    assert_eq!((engine.active_count(), engine.all_active().count()), (1, 1));
}

#[test]
fn a_snapshot_that_is_not_one_is_refused() {
    let malformed = |bytes: &[u8]| AlarmEngine::restore(vec![], bytes).unwrap_err();
    assert!(matches!(malformed(&[]), RestoreError::Malformed(_)));
    assert!(matches!(
        malformed(&[9, 0]),
        RestoreError::Version { found: 9 }
    ));
    assert!(matches!(
        malformed(&[SNAPSHOT_VERSION, 200]),
        RestoreError::Malformed(_)
    ));
    let mut engine = AlarmEngine::new(vec![]);
    feed(&mut engine, 0, 1, W);
    let memory = &engine.memories[0];
    let twice =
        postcard::to_stdvec(&(SNAPSHOT_VERSION, vec![(7u32, memory), (7, memory)])).unwrap();
    assert!(matches!(
        malformed(&twice),
        RestoreError::Repeated { slot: 7 }
    ));
}

#[test]
fn a_device_without_a_slot_is_refused_and_one_without_alarms_has_an_empty_memory() {
    let mut engine = AlarmEngine::new(vec![]);
    feed(&mut engine, 1, 1, W);
    let device = |slots| DeviceSlots {
        device: DeviceIx(0),
        slots,
    };
    let memory = engine.device_snapshot(device(&[0, 1]));
    let assemble = |slots| AlarmEngine::assemble(vec![], [(device(slots), &*memory)]);
    assert_eq!(assemble(&[7, 9]).unwrap().active_count(), 1);
    assert!(matches!(
        assemble(&[7]).unwrap_err(),
        RestoreError::UnknownSlot { slot: 1, slots: 1 }
    ));
    let twice = [(device(&[7, 9]), &*memory), (device(&[8, 9]), &*memory)];
    assert!(matches!(
        AlarmEngine::assemble(vec![], twice).unwrap_err(),
        RestoreError::Repeated { slot: 9 }
    ));
    let none = engine.device_snapshot(device(&[40, 41]));
    assert_eq!(none, AlarmEngine::new(vec![]).snapshot());
}

#[test]
fn functions_that_go_clear_their_alarms_and_the_others_continue() {
    let mut engine = AlarmEngine::new(vec![Delays::default()]);
    let kept = feed(&mut engine, 0, 1, C).unwrap();
    let gone = feed(&mut engine, 1, 1, W).unwrap();
    feed(&mut engine, 2, 1, W);
    feed(&mut engine, 2, 2, None);

    let cleared = engine.remap(vec![Delays::default()], |slot| (slot == 0).then_some(40));
    let [clear] = cleared.as_slice() else {
        panic!("{cleared:?}")
    };
    assert_eq!(
        (&clear.alarm_id, clear.state),
        (&gone.alarm_id, AlertState::Cleared)
    );
    assert_ne!(clear.id, gone.id);
    assert_eq!(engine.active_count(), 1);

    let verdict = Verdict {
        slot: 40,
        ..verdict(0, 9, None)
    };
    let clear = engine.on_verdict(&verdict, || names(0)).unwrap();
    assert_eq!(
        (&clear.alarm_id, clear.state),
        (&kept.alarm_id, AlertState::Cleared)
    );
}

fn levels() -> impl Strategy<Value = Level> {
    prop_oneof![3 => Just(None), 2 => Just(W), 2 => Just(C)]
}

/// (slot, seconds since the last reading, level)
fn readings() -> impl Strategy<Value = Vec<(u32, i64, Level)>> {
    prop::collection::vec((0u32..4, 1i64..8, levels()), 1..120)
}

/// The severity that an alarm of one slot must have, from all of its readings.
fn severity_now(past: &[(i64, Level)], before: Level, delays: Delays) -> Level {
    let &(now, _) = past.last().unwrap();
    let held = |condition: &dyn Fn(Level) -> bool, delay_ns: i64| {
        let run = past.iter().rev().take_while(|(_, level)| condition(*level));
        run.last()
            .is_some_and(|(start, _)| (now - start) * SECOND >= delay_ns)
    };
    if held(&|level| level == C, delays.on_delay_ns) {
        return C;
    }
    match before {
        Some(_) if held(&|level| level.is_none(), delays.off_delay_ns) => None,
        Some(Severity::Critical) if held(&|level| level != C, delays.off_delay_ns) => W,
        Some(severity) => Some(severity),
        None if held(&|level| level.is_some(), delays.on_delay_ns) => W,
        None => None,
    }
}

proptest! {
    #[test]
    fn transitions_are_those_of_the_model(
        readings in readings(), on_s in 0i64..12, off_s in 0i64..12,
    ) {
        let delays = bridging(delays(on_s, off_s));
        let mut engine = AlarmEngine::new(vec![delays]);
        let mut pasts: [Vec<(i64, Level)>; 4] = Default::default();
        let mut open: [Option<(Severity, String)>; 4] = Default::default();
        let mut time_s = 0;
        for (slot, gap_s, level) in readings {
            time_s += gap_s;
            let at = slot as usize;
            pasts[at].push((time_s, level));
            let before = open[at].as_ref().map(|(severity, _)| *severity);
            let expect = severity_now(&pasts[at], before, delays);
            let alert = feed(&mut engine, slot, time_s, level);
            let state = match (before, expect) {
                (None, Some(_)) => Some(AlertState::Raised),
                (Some(_), None) => Some(AlertState::Cleared),
                (before, after) if before < after => Some(AlertState::Escalated),
                (before, after) if before > after => Some(AlertState::Deescalated),
                _ => None,
            };
            prop_assert_eq!(alert.as_ref().map(|alert| alert.state), state);
            if let Some(alert) = &alert {
                prop_assert_eq!(Some(alert.severity), expect.or(before));
                if let Some((_, alarm_id)) = &open[at] {
                    prop_assert_eq!(&alert.alarm_id, alarm_id);
                }
                open[at] = expect.map(|severity| (severity, alert.alarm_id.clone()));
            }
            prop_assert_eq!(engine.active_count(), open.iter().flatten().count());
        }
    }

    /// In a series without gaps the default is as good as bridging every gap.
    #[test]
    fn without_gaps_the_default_changes_nothing(
        levels in prop::collection::vec(levels(), 1..60), every_s in 1i64..30,
        on_s in 0i64..60, off_s in 0i64..60,
    ) {
        let delays = delays(on_s, off_s);
        let mut default = AlarmEngine::new(vec![delays]);
        let mut all = AlarmEngine::new(vec![bridging(delays)]);
        // The interval is known.
        let history = [None, None];
        for (n, level) in (0i64..).zip(history.into_iter().chain(levels)) {
            let alert = feed(&mut default, 0, n * every_s, level);
            prop_assert_eq!(alert, feed(&mut all, 0, n * every_s, level));
        }
    }

    #[test]
    fn going_on_from_a_snapshot_gives_the_same_alerts(
        readings in readings(), on_s in 0i64..12, off_s in 0i64..12, cut in 0usize..120,
    ) {
        let delays = vec![delays(on_s, off_s)];
        let mut whole = AlarmEngine::new(delays.clone());
        let mut split = AlarmEngine::new(delays.clone());
        let mut time_s = 0;
        for (n, (slot, gap_s, level)) in readings.into_iter().enumerate() {
            if n == cut {
                split = AlarmEngine::restore(delays.clone(), &split.snapshot()).unwrap();
            }
            time_s += gap_s;
            let alert = feed(&mut split, slot, time_s, level);
            prop_assert_eq!(alert, feed(&mut whole, slot, time_s, level));
            // A repetition of the same reading changes nothing.
            prop_assert_eq!(feed(&mut split, slot, time_s, level), None);
        }
        let active = |engine: &AlarmEngine| -> Vec<Alert> {
            (0..2).flat_map(|device| engine.active(DeviceIx(device)).cloned().collect::<Vec<_>>()).collect()
        };
        prop_assert_eq!(active(&split), active(&whole));
        prop_assert_eq!(split.snapshot(), whole.snapshot());
    }

    /// Alone and together, with a move between the two at any time: the same
    /// alerts, ids included, and the same memory.
    #[test]
    fn a_run_over_assembled_devices_equals_separate_runs(
        readings in readings(), on_s in 0i64..12, off_s in 0i64..12, cut in 0usize..120,
        devices in Just([0usize, 1, 2]).prop_shuffle(), unused in 0u32..3,
    ) {
        let delays = vec![delays(on_s, off_s)];
        // Three devices: two slots of their own each, somewhere in the engine of all.
        let slots = devices.map(|place| {
            let first = unused + 2 * place as u32;
            [first + 1, first]
        });
        let mapping = |n: usize| DeviceSlots {
            device: DeviceIx(unused + devices[n] as u32),
            slots: &slots[n],
        };
        let mut alone: [AlarmEngine; 3] =
            std::array::from_fn(|_| AlarmEngine::new(delays.clone()));
        let mut together = AlarmEngine::new(delays.clone());
        let mut time_s = 0;
        for (n, (slot, gap_s, level)) in readings.into_iter().enumerate() {
            if n == cut {
                let memories: Vec<Vec<u8>> = (0..3).map(|n| together.device_snapshot(mapping(n)))
                    .collect();
                for (alone, memory) in alone.iter().zip(&memories) {
                    prop_assert_eq!(&alone.snapshot(), memory);
                }
                let parts = (0..3).rev().map(|n| (mapping(n), &*memories[n]));
                together = AlarmEngine::assemble(delays.clone(), parts).unwrap();
            }
            time_s += gap_s;
            let (device, own) = (n % 3, slot % 2);
            let whole = slots[device][own as usize];
            let of = |slot, ix| Verdict { device: DeviceIx(ix), ..verdict(slot, time_s, level) };
            let names = || names(2 * device as u32 + own);
            let expect = alone[device].on_verdict(&of(own, 0), names).cloned();
            let found = together.on_verdict(&of(whole, mapping(device).device.0), names);
            prop_assert_eq!(found.cloned(), expect);
        }
        for (n, alone) in alone.iter().enumerate() {
            let active = |engine: &AlarmEngine, device| -> Vec<String> {
                let mut ids: Vec<_> = engine.active(device).map(|a| a.alarm_id.clone()).collect();
                ids.sort();
                ids
            };
            prop_assert_eq!(active(&together, mapping(n).device), active(alone, DeviceIx(0)));
            prop_assert_eq!(together.device_snapshot(mapping(n)), alone.snapshot());
        }
    }
}

#[test]
fn a_delay_does_not_bridge_a_gap_without_data() {
    let minute = 60;
    let on = delays(90 * minute, 0);
    // Two readings alone do not hold for an hour and a half.
    check(on, &[(0, W), (105 * minute, W)], &[]);
    // The delay starts again behind the gap.
    let every_10_min = |from: i64, n: i64| (0..n).map(move |i| ((from + 10 * i) * minute, W));
    let mut readings: Vec<_> = every_10_min(0, 3).collect();
    readings.extend(every_10_min(125, 10));
    check(on, &readings, &["12900 raised warning"]);
    // Without a gap nothing changes.
    let steady: Vec<_> = every_10_min(0, 10).collect();
    check(on, &steady, &["5400 raised warning"]);
}

#[test]
fn a_sensor_that_sends_less_often_than_the_delay_has_no_gaps() {
    let on = delays(5 * 60, 0);
    let mut readings: Vec<(i64, Level)> = (0..4).map(|i| (i * 600, None)).collect();
    readings.extend([(2_400, W), (3_000, W)]);
    check(on, &readings, &["3000 raised warning"]);
    // Also when it sends less often from some day on: the second reading counts.
    let mut readings: Vec<(i64, Level)> = (0..4).map(|i| (i * 60, None)).collect();
    readings.extend((1..8).map(|hours| (hours * 3_600, W)));
    let mut engine = AlarmEngine::new(vec![on]);
    let raised = readings
        .iter()
        .find_map(|&(at, level)| feed(&mut engine, 0, at, level));
    assert!(raised.is_some());
}

#[test]
fn a_configured_gap_is_bridged_and_the_sentence_says_so() {
    let on = Delays {
        longest_gap_ns: Some(7_200 * SECOND),
        ..delays(90 * 60, 0)
    };
    let mut engine = AlarmEngine::new(vec![on]);
    assert_eq!(feed(&mut engine, 0, 0, W), None);
    let raised = feed(&mut engine, 0, 105 * 60, W).unwrap();
    assert_eq!(
        raised.reason,
        "temperature-0 85 °C is above the warning limit 80 °C for 1 h 45 min, \
         of which 1 h 45 min without data (hall-2)"
    );
    let none = Delays {
        longest_gap_ns: Some(0),
        ..delays(10, 0)
    };
    check(none, &[(0, W), (10, W), (20, W), (30, W)], &[]);
}

#[test]
fn intervals_and_gaps_survive_a_restart_and_version_1_is_read() {
    let on = delays(300, 0);
    let mut engine = AlarmEngine::new(vec![on]);
    for at in 0..4 {
        feed(&mut engine, 0, at * 600, None);
    }
    let mut restored = AlarmEngine::restore(vec![on], &engine.snapshot()).unwrap();
    for engine in [&mut engine, &mut restored] {
        assert_eq!(feed(engine, 0, 2_400, W), None);
        assert!(feed(engine, 0, 3_000, W).is_some());
    }
    // Version 1: slot 0, last, level, something_since, critical_since, open.
    let never = Timestamp(i64::MIN);
    let old = (
        0u32,
        Timestamp(SECOND),
        W,
        Timestamp(SECOND),
        never,
        None::<()>,
    );
    let bytes = postcard::to_stdvec(&(1u8, vec![old])).unwrap();
    let mut old = AlarmEngine::restore(vec![on], &bytes).unwrap();
    assert!(feed(&mut old, 0, 301, W).is_some());
}

#[test]
fn a_cleared_alert_has_the_unit_of_its_own_reading() {
    let mut engine = AlarmEngine::new(vec![Delays::default()]);
    let named = |unit: &str| SlotNames {
        unit: Some(unit.to_owned()),
        recorded_at: Some(7),
        ..names(0)
    };
    let raised = engine.on_verdict(&verdict(0, 1, W), || named("V")).cloned();
    assert_eq!(raised.unwrap().unit.as_deref(), Some("V"));
    let cleared = engine
        .on_verdict(&verdict(0, 2, None), || named("bar"))
        .cloned()
        .unwrap();
    assert_eq!(cleared.unit.as_deref(), Some("bar"));
    assert_eq!(cleared.recorded_at, Some(7));
    assert!(cleared.reason.contains("71.25 bar"), "{}", cleared.reason);
}

#[test]
fn a_text_is_part_of_its_alerts_in_json() {
    let mut engine = AlarmEngine::new(vec![Delays::default()]);
    let named = |text: &str| SlotNames {
        sensor: "door".to_owned(),
        unit: None,
        text: Some(text.to_owned()),
        allowed: Some("closed".to_owned()),
        ..names(0)
    };
    let of_text = |at, level| Verdict {
        value: f64::NAN,
        threshold: f64::NAN,
        why: Why::NotAllowed,
        ..verdict(0, at, level)
    };
    let raised = engine
        .on_verdict(&of_text(1, W), || named("open"))
        .cloned()
        .unwrap();
    assert_eq!(raised.reason, "door is open; allowed: closed (hall-2)");
    let json = serde_json::to_value(&raised).unwrap();
    assert_eq!(
        (&json["value"], &json["text"]),
        (&serde_json::Value::Null, &"open".into())
    );
    let back: Alert = serde_json::from_value(json).unwrap();
    assert!(back.value.is_nan() && back.text.as_deref() == Some("open"));
    let cleared = engine
        .on_verdict(&of_text(4, None), || named("closed"))
        .cloned()
        .unwrap();
    assert_eq!(cleared.text.as_deref(), Some("closed"));
    assert_eq!(cleared.reason, "door is back to closed, after 3 s (hall-2)");
}

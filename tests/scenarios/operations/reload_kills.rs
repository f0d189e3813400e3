//! kill -9 around reloads: whatever moment it falls on, the alarms that are open
//! are those that the readings and the configurations, in their order, leave
//! open; each was raised once, and is cleared once.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use weir_tests::{DEADLINE, Weir, WeirSpec, now_ms, wait_until};

type Rules = &'static [(&'static str, f64)];

/// Neighbours differ in a limit, in a rule that is there or not, or in all.
const VARIANTS: [Rules; 5] = [
    &[("hot", 50.0)],
    &[("hot", 70.0)],
    &[("hot", 50.0), ("warm", 30.0)],
    &[("warm", 60.0)],
    &[],
];
const DEVICES: usize = 4;
const ROUNDS: usize = 6;

#[test]
fn alarms_are_raised_and_cleared_once_although_weir_is_killed_around_reloads() {
    for seed in 0..3 {
        killed_around_reloads(seed);
    }
}

/// What the readings and the configurations come to.
struct Model {
    rules: Rules,
    /// Device and function.
    open: BTreeSet<(String, String)>,
    raised: usize,
    readings: u64,
}

impl Model {
    fn reading(&mut self, device: &str, value: f64) {
        self.readings += 1;
        for (function, limit) in self.rules {
            let slot = (device.to_owned(), (*function).to_owned());
            if value <= *limit {
                self.open.remove(&slot);
            } else if self.open.insert(slot) {
                self.raised += 1;
            }
        }
    }

    fn reload(&mut self, rules: Rules) {
        self.rules = rules;
        let is_known = |function: &str| rules.iter().any(|(name, _)| *name == function);
        self.open.retain(|(_, function)| is_known(function));
    }
}

fn spec(rules: Rules, flush: &str) -> WeirSpec {
    let rule = |(name, limit): &(&str, f64)| {
        format!(
            "[[function]]\nname = \"{name}\"\nkind = \"threshold\"\nsensor = \"temperature\"\n\
             critical_high = {limit:?}\n"
        )
    };
    let rules: Vec<String> = rules.iter().map(rule).collect();
    WeirSpec::embedded()
        .with("[reload]\nwatch = false\n")
        .with(&format!("[store.embedded]\nflush_interval = \"{flush}\"\n"))
        .with(&rules.join("\n"))
}

fn killed_around_reloads(seed: u64) {
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    // With few checkpoints a kill takes back much, with many it falls into them.
    let flush = ["1m", "50ms", "300ms"][seed as usize % 3];
    let mut variant = 0;
    let mut model = Model {
        rules: VARIANTS[variant],
        open: BTreeSet::new(),
        raised: 0,
        readings: 0,
    };
    let mut weir = Weir::start(spec(model.rules, flush));
    let mut time = now_ms() - 3_600_000;
    for _ in 0..ROUNDS {
        for _ in 0..random.random_range(1..3) {
            for _ in 0..random.random_range(0..8) {
                time += 1_000;
                let device = format!("d{}", random.random_range(0..DEVICES));
                let value = f64::from(random.random_range(0_u8..100));
                let event = json!({"timestamp": time, "data": [
                    {"sensorId": "temperature", "value": value}]});
                weir.ingest(&device, "", event.to_string()).expect(202);
                model.reading(&device, value);
            }
            variant = (variant + random.random_range(1..VARIANTS.len())) % VARIANTS.len();
            model.reload(VARIANTS[variant]);
            let next = spec(model.rules, flush);
            if random.random_bool(0.5) {
                weir.reload(&next);
                continue;
            }
            // Unheard of: the kill falls before, into or behind it.
            weir.overwrite_config(&next);
            weir.process().hang_up();
            thread::sleep(Duration::from_micros(random.random_range(0..30_000)));
            break;
        }
        weir.kill9();
        weir.restart_with(spec(model.rules, flush));
        let flow = weir.wait_received(model.readings);
        assert_eq!(flow.readings.stored, model.readings, "seed {seed}");
        wait_open(&weir, &model);
    }
    if !model.rules.is_empty() {
        model.reload(&[]);
        weir.reload(&spec(&[], flush));
    }
    wait_open(&weir, &model);
    check_episodes(&weir, &model, seed);
}

#[track_caller]
fn wait_open(weir: &Weir, model: &Model) {
    let mut open = BTreeSet::new();
    let text = |alarm: &Value, name: &str| alarm[name].as_str().unwrap_or_default().to_owned();
    let mut look = || {
        let rows = weir.sql("SELECT device, function FROM alarms WHERE state <> 'cleared'");
        let slots = rows
            .iter()
            .map(|row| (text(row, "device"), text(row, "function")));
        open = slots.collect();
        open == model.open
    };
    wait_until(&format!("{:?} are open", model.open), DEADLINE, &mut look);
}

/// Every episode has one raise and one clear, and there are as many as should be.
#[track_caller]
fn check_episodes(weir: &Weir, model: &Model, seed: u64) {
    let mut episodes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in weir.sql("SELECT alarm_id, state FROM alerts") {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        episodes
            .entry(text("alarm_id"))
            .or_default()
            .push(text("state"));
    }
    for (alarm, states) in &episodes {
        assert_eq!(states, &["raised", "cleared"], "seed {seed}, alarm {alarm}");
    }
    assert_eq!(episodes.len(), model.raised, "seed {seed}: {episodes:?}");
}

//! Up to four invocations at once over one table and one topic, in every order that
//! chance gives, with crashes, failures, conflicts and repeated deliveries.
//!
//! What has to hold: every message is acknowledged in the end; the memory of each
//! device is that of one pipeline which got its messages in the order of the commits;
//! and the alerts that were published are exactly the alerts of that pipeline, by
//! their ids.

mod gate;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use super::*;
use crate::outlets::{Outlets, RefusedReading, Rejected, Report, Rows, Sent};
use crate::samples::{Sample, wrap};
use crate::state::in_memory::InMemory;
use crate::state::{Committed, Item, StoreError};
use gate::{Fate, Gate};

const SCHEDULES: u64 = 3_000;
const INVOCATIONS: usize = 4;
const CONFIG: &str = "[[function]]\nname = \"hot\"\nkind = \"threshold\"\nwarning_high = 50\n\
                      critical_high = 80\n[[function]]\nname = \"level\"\nkind = \"ewma\"\n\
                      half_life = \"5s\"\n";

/// What all invocations of a schedule share.
#[derive(Debug, Default)]
struct World {
    table: InMemory,
    lines: Mutex<BTreeSet<String>>,
    published: Mutex<Vec<Alert>>,
    /// Conflicts that invocations reported.
    conflicts: Mutex<u64>,
    /// Device and the message that was applied, in the order of the commits.
    applied: Mutex<Vec<(String, u64)>>,
}

/// The world as one invocation sees it: every call waits for its turn.
#[derive(Debug)]
struct View {
    world: Arc<World>,
    gate: Arc<Gate>,
    invocation: usize,
}

const GONE: &str = "the invocation crashed";

impl View {
    /// Runs a call at its turn. It may fail before its effect or after it.
    fn call<T>(&self, effect: impl FnOnce(&World) -> T) -> Result<T, String> {
        match self.gate.enter(self.invocation) {
            Fate::Works => Ok(effect(&self.world)),
            Fate::FailsBefore => Err(GONE.to_owned()),
            Fate::FailsAfter => {
                effect(&self.world);
                Err(GONE.to_owned())
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl StateStore for View {
    fn load(&self, devices: &[&str]) -> Result<Vec<Item>, StoreError> {
        let loaded = self.call(|world| world.table.load(devices));
        loaded.map_err(StoreError::Unavailable)?
    }

    fn commit(&self, items: &[Item]) -> Vec<Committed> {
        // Each item is a call of its own.
        let one = |item: &Item| {
            let committed = self.call(|world| {
                let before = world
                    .table
                    .items()
                    .get(&item.device)
                    .cloned()
                    .unwrap_or_default();
                let outcome = world.table.commit(std::slice::from_ref(item)).remove(0);
                if outcome == Committed::Done {
                    let known: BTreeSet<u64> =
                        before.applied.ids.iter().map(|id| id.hash).collect();
                    let new = item
                        .applied
                        .ids
                        .iter()
                        .filter(|id| !known.contains(&id.hash));
                    let new = new.map(|id| (item.device.clone(), id.hash));
                    lock(&world.applied).extend(new);
                }
                outcome
            });
            committed.unwrap_or_else(Committed::Failed)
        };
        items.iter().map(one).collect()
    }

    fn clear_outbox(&self, item: &Item) -> Result<bool, StoreError> {
        let cleared = self.call(|world| world.table.clear_outbox(item));
        cleared.map_err(StoreError::Unavailable)?
    }

    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<String>, StoreError> {
        self.world.table.due(now, limit)
    }
}

impl Outlets for View {
    fn write_rows(&self, rows: &[Rows<'_>]) -> Result<Vec<RefusedReading>, String> {
        let recorded = Recorded::new(Default::default());
        recorded.write_rows(rows)?;
        let lines = recorded.take().lines;
        self.call(|world| lock(&world.lines).extend(lines))?;
        Ok(Vec::new())
    }

    fn quarantine(&self, entries: &[Rejected]) -> Vec<Sent> {
        entries.iter().map(|_| Ok(())).collect()
    }

    fn publish(&self, groups: &[&[Alert]]) -> Vec<Sent> {
        let one = |group: &&[Alert]| {
            self.call(|world| lock(&world.published).extend(group.iter().cloned()))
        };
        groups.iter().map(one).collect()
    }

    fn report(&self, reports: &[&Report]) -> Vec<Sent> {
        reports.iter().map(|_| self.call(|_| ())).collect()
    }
}

/// A sequence of numbers that is the same for the same seed.
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// The messages of each invocation: some devices, values on either side of limits.
fn batches(random: &mut Random) -> Vec<Vec<Incoming>> {
    let mut next = 0;
    let mut batch = || -> Vec<Incoming> {
        let count = 1 + random.below(4);
        let messages = (0..count).map(|_| {
            next += 1;
            let received = Timestamp(START.0 + next as i64 * 1_000_000_000);
            let event = |device: &str, random: &mut Random| {
                let value = [20, 60, 90][random.below(3) as usize];
                let millis = received.millis();
                format!(
                    "{{\"deviceId\":\"{device}\",\"data\":[{{\"sensorId\":\"t\",\
                     \"value\":{value},\"timestamp\":{millis}}}]}}"
                )
            };
            let one = ["a", "b"][random.below(2) as usize];
            let payload = match random.below(4) {
                0 => format!("[{},{}]", event("a", random), event("b", random)),
                _ => event(one, random),
            };
            let mut message = incoming(next, one, received, payload);
            message.topic = "fleet".to_owned();
            message
        });
        messages.collect()
    };
    (0..INVOCATIONS).map(|_| batch()).collect()
}

/// As SQS delivers it. The samples number messages, and so name them.
fn event(batch: &[Incoming]) -> Value {
    let records = batch.iter().map(|message| {
        let payload: [(&str, &[u8]); 1] = [(&message.topic, &message.payload)];
        let nth = message.id.text().parse().unwrap();
        wrap(Sample::Sqs, &payload, message.received, nth).remove(0)["Records"][0].take()
    });
    serde_json::json!({"Records": records.collect::<Vec<_>>()})
}

fn name_of(message: &Incoming) -> String {
    format!(
        "00000000-0000-4000-8000-{:012}",
        message.id.text().parse::<u64>().unwrap()
    )
}

/// Delivers until everything is acknowledged, and perhaps once more.
fn deliver(
    settings: &Settings,
    world: &Arc<World>,
    gate: &Arc<Gate>,
    nth: usize,
    batch: &[Incoming],
) {
    let view = || {
        Arc::new(View {
            world: world.clone(),
            gate: gate.clone(),
            invocation: nth,
        })
    };
    let new = || Handler::new(settings.clone(), view(), Some(view()));
    let mut handler = new();
    let mut left = batch.to_vec();
    let mut repeats = gate.repeats(nth);
    while !left.is_empty() {
        let handled = handler.handle(event(&left).to_string().as_bytes(), &call("r"), None);
        let conflicts = handled.line["Conflicts"].as_u64();
        *lock(&world.conflicts) += conflicts.unwrap_or_default();
        let crashed = gate.take_crash(nth);
        if crashed {
            // Its answer is lost, and so is what it had cached.
            handler = new();
            continue;
        }
        let Answer::Result(answer) = handled.answer else {
            panic!("{}", handled.line);
        };
        let failed = answer["batchItemFailures"].as_array().unwrap();
        let is_failed = |message: &Incoming| {
            let name = name_of(message);
            failed
                .iter()
                .any(|item| item["itemIdentifier"] == name.as_str())
        };
        left.retain(is_failed);
        if left.is_empty() && repeats > 0 {
            repeats -= 1;
            left = batch.to_vec();
        }
    }
    gate.leave(nth);
}

/// Conflicts and faults that it met.
fn run_schedule(settings: &Settings, seed: u64) -> [u64; 2] {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let batches = batches(&mut random);
    let world = Arc::new(World::default());
    let gate = Arc::new(Gate::new(random.below(u64::MAX), INVOCATIONS));
    std::thread::scope(|scope| {
        for (nth, batch) in batches.iter().enumerate() {
            let (world, gate) = (&world, &gate);
            scope.spawn(move || deliver(settings, world, gate, nth, batch));
        }
    });
    check_world(settings, &world, &batches, seed);
    [*lock(&world.conflicts), gate.faults()]
}

/// All alerts that were published, by their ids; those of a last sweep too.
fn published(settings: &Settings, world: &World, seed: u64) -> BTreeMap<String, String> {
    // Whoever crashed last may have left an outbox: the sweep empties it.
    let recorded = recorded(settings);
    let rest = InMemory::default();
    for item in world.table.items().into_values() {
        let first = Item { version: 1, ..item };
        assert_eq!(rest.commit(&[first]), [Committed::Done]);
    }
    let handler = handler(settings, &recorded, Some(Arc::new(rest)));
    let time = Timestamp(START.0 + 3_600_000_000_000).to_rfc3339();
    let tick = serde_json::json!({"weir": "tick", "time": time});
    result(&handler, &tick, "sweep");
    let mut published: BTreeMap<String, String> = BTreeMap::new();
    for alert in lock(&world.published).iter().chain(&recorded.take().alerts) {
        let text = json(alert);
        let known = published.insert(alert.id.clone(), text.clone());
        let is_same = known.is_none_or(|known| known == text);
        assert!(is_same, "seed {seed}: two alerts of one id");
    }
    published
}

fn check_world(settings: &Settings, world: &World, batches: &[Vec<Incoming>], seed: u64) {
    let published = published(settings, world, seed);
    let all: Vec<&Incoming> = batches.iter().flatten().collect();
    let by_hash: BTreeMap<u64, &Incoming> = all
        .iter()
        .map(|message| (MessageId::Named(name_of(message)).hash(), *message))
        .collect();
    let mut decided: BTreeMap<String, String> = BTreeMap::new();
    let applied = lock(&world.applied).clone();
    for (device, item) in world.table.items() {
        let order: Vec<u64> = applied
            .iter()
            .filter(|(of, _)| *of == device)
            .map(|(_, hash)| *hash)
            .collect();
        let distinct: BTreeSet<&u64> = order.iter().collect();
        assert_eq!(
            distinct.len(),
            order.len(),
            "seed {seed}: {device} got a message twice"
        );
        let expected = all.iter().filter(|message| {
            let payload = String::from_utf8_lossy(&message.payload);
            payload.contains(&format!("\"{device}\""))
        });
        assert_eq!(
            order.len(),
            expected.count(),
            "seed {seed}: {device} lost a message"
        );
        let pipeline = Pipeline::new(&settings.config).without_reports();
        let serial = whole(
            &settings.config,
            pipeline,
            order.iter().map(|hash| by_hash[hash]),
        );
        for alert in serial
            .alerts
            .iter()
            .filter(|alert| alert.device_id == device)
        {
            decided.insert(alert.id.clone(), json(alert));
        }
        let lines = lock(&world.lines);
        let mark = format!("device={device},");
        for line in serial.lines.iter().filter(|line| line.contains(&mark)) {
            assert!(lines.contains(line), "seed {seed}: {line} is not stored");
        }
        let mut pipeline = serial.pipeline;
        pipeline.take_reports();
        let memory = pipeline.device_memories().of(&device).unwrap();
        assert_eq!(
            open_alarms(settings, &item.memory),
            open_alarms(settings, &memory)
        );
    }
    assert_eq!(published, decided, "seed {seed}");
}

/// What the memory of a device knows of its alarms and readings.
fn open_alarms(settings: &Settings, memory: &[u8]) -> (Vec<String>, Vec<String>) {
    let pipeline = Pipeline::assemble(&settings.config, &[memory]).unwrap();
    let alarms = pipeline.alarms().all_active().map(json);
    let mut alarms: Vec<String> = alarms.collect();
    alarms.sort();
    let latest = pipeline.engine().latest(weir_model::DeviceIx(0));
    (
        alarms,
        latest.iter().map(|latest| format!("{latest:?}")).collect(),
    )
}

#[test]
fn no_schedule_loses_a_message_or_raises_an_alarm_twice() {
    let settings = settings(&format!("{CONFIG}[[route]]\ntopic = \"fleet\"\n"));
    let mut met = [0, 0];
    for seed in 1..=SCHEDULES {
        let [conflicts, faults] = run_schedule(&settings, seed);
        met = [met[0] + conflicts, met[1] + faults];
    }
    // Otherwise it would prove nothing.
    assert!(met[0] > SCHEDULES / 2 && met[1] > SCHEDULES, "{met:?}");
}

//! Usual questions of dashboards, to both sides in turn.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use weir_benches::{cpu_time, median};
use weir_model::{Timestamp, percent_encoded};

use crate::Args;
use crate::fleet::{Fleet, START_MS, device_name};
use crate::victoria_side::VictoriaSide;
use crate::weir_side::{Reader, Writer};

const HOUR_MS: i64 = 3_600_000;
/// Between two intervals of the fleet while it goes on: 100,000 readings a
/// second from 1,000 devices.
const PAUSE: Duration = Duration::from_millis(50);

struct Question {
    name: &'static str,
    sql: String,
    path: String,
}

fn questions(end_ms: i64, hours: i64) -> Vec<Question> {
    let rfc3339 = |ms: i64| Timestamp(ms * 1_000_000).to_rfc3339();
    let device = device_name(42);
    let hour_ago = end_ms - HOUR_MS;
    let seconds = |ms: i64| ms / 1_000;
    let query = |query: &str| {
        format!(
            "/api/v1/query?nocache=1&time={}&query={}",
            seconds(end_ms),
            percent_encoded(query)
        )
    };
    vec![
        Question {
            name: "one device's last hour, one sensor, every reading",
            sql: format!(
                "SELECT time, value FROM readings WHERE device = '{device}' \
                 AND sensor = 'temperature' AND time >= '{}'",
                rfc3339(hour_ago)
            ),
            path: format!(
                "/api/v1/export?start={}&end={}&match[]={}",
                seconds(hour_ago),
                seconds(end_ms),
                percent_encoded(&format!(
                    r#"reading{{device="{device}",sensor="temperature"}}"#
                ))
            ),
        },
        Question {
            name: "hourly mean of one sensor over all devices",
            sql: format!(
                "SELECT date_bin(interval '1 hour', time) AS hour, avg(value) FROM readings \
                 WHERE sensor = 'temperature' AND time >= '{}' GROUP BY hour",
                rfc3339(START_MS)
            ),
            path: format!(
                "/api/v1/query_range?nocache=1&start={}&end={}&step=1h&query={}",
                seconds(START_MS + HOUR_MS),
                seconds(end_ms),
                percent_encoded(r#"avg(avg_over_time(reading{sensor="temperature"}[1h]))"#)
            ),
        },
        Question {
            name: "maximum by device",
            sql: "SELECT device, max(value) FROM readings WHERE sensor = 'temperature' \
                  GROUP BY device"
                .to_owned(),
            path: query(&format!(
                r#"max by (device) (max_over_time(reading{{sensor="temperature"}}[{hours}h]))"#
            )),
        },
        Question {
            name: "count of everything",
            sql: "SELECT count(*) FROM readings".to_owned(),
            path: query(&format!("sum(count_over_time(reading[{hours}h]))")),
        },
    ]
}

#[allow(clippy::print_stdout)]
pub(crate) fn ask(
    args: &Args,
    fleet: &mut Fleet,
    weir: &mut Writer,
    victoria: &VictoriaSide,
) -> Result<()> {
    let hours = i64::try_from(args.hours)?;
    let questions = questions(fleet.end_ms(), hours);
    let reader = weir.reader()?;
    println!("| out | weir CPU ms | victoria CPU ms | ratio | weir ms | victoria ms | ratio |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for question in &questions {
        let taken = Taken::measure(question, args.rounds, &reader, victoria)?;
        println!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
            question.name,
            taken.weir_cpu,
            taken.victoria_cpu,
            taken.victoria_cpu / taken.weir_cpu,
            taken.weir_wall,
            taken.victoria_wall,
            taken.victoria_wall / taken.weir_wall
        );
    }
    println!("\n| out, while 100,000 readings a second come in | weir ms | victoria ms | ratio |");
    println!("| --- | --- | --- | --- |");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| -> Result<()> {
        let ingest = scope.spawn(|| -> Result<()> {
            let mut samples = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                fleet.take(1, &mut samples);
                weir.ingest(&samples)?;
                victoria.ingest(&samples)?;
                thread::sleep(PAUSE.saturating_sub(begun.elapsed()));
            }
            Ok(())
        });
        let measure = || -> Result<()> {
            for question in &questions {
                let taken = Taken::measure(question, args.rounds, &reader, victoria)?;
                println!(
                    "| {} | {:.2} | {:.2} | {:.2} |",
                    question.name,
                    taken.weir_wall,
                    taken.victoria_wall,
                    taken.victoria_wall / taken.weir_wall
                );
            }
            Ok(())
        };
        let measured = measure();
        stop.store(true, Ordering::Relaxed);
        ingest.join().expect("it does not panic")?;
        measured
    })?;
    println!();
    Ok(())
}

/// Medians, in milliseconds.
struct Taken {
    weir_cpu: f64,
    victoria_cpu: f64,
    weir_wall: f64,
    victoria_wall: f64,
}

impl Taken {
    fn measure(
        question: &Question,
        rounds: usize,
        reader: &Reader,
        victoria: &VictoriaSide,
    ) -> Result<Self> {
        let (us, them) = (std::process::id(), victoria.process_id());
        let mut taken = [const { Vec::new() }; 4];
        // The first round is not counted: caches are filled on both sides.
        for round in 0..=rounds {
            let ours = timed(us, || {
                let answer = reader.query(&question.sql)?;
                ensure!(answer.len() > 2, "no rows: {}", question.sql);
                Ok(())
            })?;
            let theirs = timed(them, || {
                let answer = victoria.get(&question.path)?;
                ensure!(!answer.is_empty(), "no rows: {}", question.path);
                Ok(())
            })?;
            if round > 0 {
                for (all, one) in taken.iter_mut().zip([ours.0, theirs.0, ours.1, theirs.1]) {
                    all.push(one);
                }
            }
        }
        let [weir_cpu, victoria_cpu, weir_wall, victoria_wall] =
            taken.map(|all| median(all).unwrap_or(f64::NAN));
        Ok(Self {
            weir_cpu,
            victoria_cpu,
            weir_wall,
            victoria_wall,
        })
    }
}

/// CPU of the process and time, in milliseconds.
fn timed(process: u32, run: impl FnOnce() -> Result<()>) -> Result<(f64, f64)> {
    let (before, begun) = (cpu_time(process)?, Instant::now());
    run()?;
    let wall = begun.elapsed();
    let cpu = cpu_time(process)?.saturating_sub(before);
    Ok((cpu.as_secs_f64() * 1e3, wall.as_secs_f64() * 1e3))
}

//! VictoriaMetrics' side: Debian's single-node server, over HTTP.
//!
//! One metric with the tags `device` and `sensor`, so that the series of a
//! device lie side by side and share their blocks of timestamps: of the ways to
//! tag that were tried it is the one with the fewest bytes. Readings go in as
//! its own JSON lines, several minutes of a series in each.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ureq::Agent;
use weir_benches::cpu_time;
use weir_tests::Process;

use crate::fleet::{SENSORS, Sample, device_name};

const START_WITHIN: Duration = Duration::from_secs(30);
/// It is idle when it was so this often in a row.
const QUIET_LOOKS: u32 = 10;

pub(crate) struct VictoriaSide {
    process: Process,
    url: String,
    data: PathBuf,
    agent: Agent,
}

impl VictoriaSide {
    pub(crate) fn start(dir: &Path) -> Result<Self> {
        let config = Agent::config_builder()
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(600)))
            .build();
        let agent = config.new_agent();
        let data = dir.join("victoria");
        let (process, url) = launch(&data, &agent)?;
        Ok(Self {
            process,
            url,
            data,
            agent,
        })
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Sends samples.
    pub(crate) fn ingest(&self, samples: &[Sample]) -> Result<()> {
        let mut body = String::new();
        lines(samples, &mut body)?;
        let url = format!("{}/api/v1/import", self.url);
        self.agent
            .post(&url)
            .send(&body)
            .context("VictoriaMetrics did not take the readings")?;
        Ok(())
    }

    /// Until everything is in files, and then until it is merged into one. The
    /// CPU time until the stop, as only a stop writes all that it holds in memory,
    /// and the fewest bytes that it had: in a part with more than 8,192 values of
    /// a series, series of the same device no longer share their timestamps.
    pub(crate) fn settle(&mut self) -> Result<(Duration, u64)> {
        self.get("/internal/force_flush")?;
        self.wait_idle()?;
        let unmerged = self.bytes()?;
        self.get("/internal/force_merge")?;
        self.wait_idle()?;
        let used = cpu_time(self.process.id())?;
        self.process.terminate();
        self.process.wait(START_WITHIN);
        (self.process, self.url) = launch(&self.data, &self.agent)?;
        Ok((used, unmerged.min(self.bytes()?)))
    }

    fn wait_idle(&self) -> Result<()> {
        let idle = |metrics: &str| {
            let merges = metrics.lines().filter(|line| line.contains("_merges"));
            merges
                .filter(|line| line.starts_with("vm_active"))
                .all(|line| line.ends_with(" 0"))
        };
        // A forced merge begins a moment after it was asked for.
        let mut quiet = 0;
        while quiet < QUIET_LOOKS {
            std::thread::sleep(Duration::from_millis(200));
            let idle = idle(&self.get("/metrics")?);
            quiet = if idle { quiet + 1 } else { 0 };
        }
        Ok(())
    }

    /// All files, with its index, without its caches.
    pub(crate) fn bytes(&self) -> Result<u64> {
        Ok(bytes(&self.data.join("data"))? + bytes(&self.data.join("indexdb"))?)
    }

    pub(crate) fn get(&self, path: &str) -> Result<String> {
        let mut answer = self.agent.get(format!("{}{path}", self.url)).call()?;
        Ok(answer
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_string()?)
    }
}

fn launch(data: &Path, agent: &Agent) -> Result<(Process, String)> {
    let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let url = format!("http://{listen}");
    let mut command = Command::new(weir_tests::program("victoria-metrics"));
    command
        .arg(format!("-storageDataPath={}", data.display()))
        .arg(format!("-httpListenAddr={listen}"))
        .args(["-retentionPeriod=100y", "-search.latencyOffset=0s"]);
    let process = Process::start(&mut command, &data.with_extension("log"));
    let begun = Instant::now();
    while agent.get(format!("{url}/health")).call().is_err() {
        ensure!(begun.elapsed() < START_WITHIN, "VictoriaMetrics is silent");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok((process, url))
}

/// One line per series: what `/api/v1/import` takes.
fn lines(samples: &[Sample], body: &mut String) -> Result<()> {
    let devices = samples.iter().map(|sample| sample.device).max();
    let mut by_device = vec![Vec::new(); devices.map_or(0, |last| last + 1)];
    for sample in samples {
        by_device[sample.device].push(sample);
    }
    for samples in by_device.iter().filter(|samples| !samples.is_empty()) {
        let device = device_name(samples[0].device);
        for (at, (sensor, _, _)) in SENSORS.iter().enumerate() {
            write!(
                body,
                r#"{{"metric":{{"__name__":"reading","device":"{device}","sensor":"{sensor}"}},"values":["#
            )?;
            for (place, sample) in samples.iter().enumerate() {
                let comma = if place == 0 { "" } else { "," };
                write!(body, "{comma}{}", sample.values[at])?;
            }
            body.push_str(r#"],"timestamps":["#);
            for (place, sample) in samples.iter().enumerate() {
                let comma = if place == 0 { "" } else { "," };
                write!(body, "{comma}{}", sample.time_ms)?;
            }
            body.push_str("]}\n");
        }
    }
    Ok(())
}

fn bytes(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.metadata()?;
        sum += if kind.is_dir() {
            bytes(&entry.path())?
        } else {
            kind.len()
        };
    }
    Ok(sum)
}

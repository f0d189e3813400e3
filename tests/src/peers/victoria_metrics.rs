//! A real VictoriaMetrics: it takes InfluxDB's line protocol, and gives back
//! what it holds.

use std::collections::BTreeMap;
use std::process::Command;

use serde::Deserialize;
use tempfile::TempDir;

use crate::{Address, DEADLINE, Exit, Http, Process, free_port, program, wait_until};

/// A running VictoriaMetrics with a folder of its own.
#[derive(Debug)]
pub struct VictoriaMetrics {
    folder: TempDir,
    address: Address,
    process: Option<Process>,
}

/// One series of `/api/v1/export`.
#[derive(Clone, Debug, Deserialize)]
pub struct Exported {
    pub metric: BTreeMap<String, String>,
    pub values: Vec<f64>,
    /// Milliseconds since the epoch.
    pub timestamps: Vec<i64>,
}

impl VictoriaMetrics {
    #[track_caller]
    pub fn start() -> Self {
        let mut server = Self::stopped();
        server.resume();
        server
    }

    /// An address at which nothing answers until [`VictoriaMetrics::resume`].
    pub fn stopped() -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        Self {
            folder,
            address: Address::local(free_port()),
            process: None,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address.get())
    }

    #[track_caller]
    pub fn resume(&mut self) {
        let mut command = Command::new(program("victoria-metrics"));
        command.arg(format!(
            "-storageDataPath={}",
            self.folder.path().join("data").display()
        ));
        command.arg(format!("-httpListenAddr={}", self.address.get()));
        // Writing a point twice is allowed to its client: it is one point.
        command.args(["-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms"]);
        command.args(["-search.latencyOffset=0s", "-memory.allowedBytes=128MiB"]);
        let log = self.folder.path().join("victoria-metrics.log");
        let mut process = Process::start(&mut command, &log);
        let http = Http::new(&self.address);
        wait_until("VictoriaMetrics is healthy", DEADLINE, || {
            assert!(
                process.ended().is_none(),
                "VictoriaMetrics ended:\n{}",
                process.output()
            );
            http.send("GET", "/health", "*/*", &[])
                .is_ok_and(|answer| answer.status == 200)
        });
        self.process = Some(process);
    }

    #[track_caller]
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate();
            assert_eq!(
                process.wait(DEADLINE),
                Exit::Code(0),
                "{}",
                process.output()
            );
        }
    }

    /// Everything it holds.
    #[track_caller]
    pub fn export(&self) -> Vec<Exported> {
        let http = Http::new(&self.address);
        http.get("/internal/force_flush").expect(200);
        let all = "/api/v1/export?start=0&match[]=%7B__name__!=%22%22%7D";
        let lines = http.get(all).expect(200).text();
        let parse = |line| serde_json::from_str(line).expect("it exports one series per line");
        lines.lines().map(parse).collect()
    }

    /// How many points it holds.
    #[track_caller]
    pub fn points(&self) -> usize {
        self.export().iter().map(|series| series.values.len()).sum()
    }
}

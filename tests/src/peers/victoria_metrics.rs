//! A real VictoriaMetrics: it takes InfluxDB's line protocol, and gives back
//! what it holds.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::server::Server;
use crate::Http;

/// A running VictoriaMetrics with a folder of its own.
#[derive(Debug)]
pub struct VictoriaMetrics(Server);

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
        Self(Server::new("victoria-metrics"))
    }

    pub fn url(&self) -> String {
        self.0.url("http")
    }

    #[track_caller]
    pub fn resume(&mut self) {
        let data = self.0.folder().join("data").display().to_string();
        let address = self.0.address().get();
        let http = Http::new(self.0.address());
        self.0.start(
            |command| {
                command.arg(format!("-storageDataPath={data}"));
                command.arg(format!("-httpListenAddr={address}"));
                // Writing a point twice is allowed to its client: it is one point.
                command.args(["-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms"]);
                command.args(["-search.latencyOffset=0s", "-memory.allowedBytes=128MiB"]);
            },
            |_| http.answers("/health"),
        );
    }

    #[track_caller]
    pub fn stop(&mut self) {
        self.0.stop();
    }

    /// Everything it holds.
    #[track_caller]
    pub fn export(&self) -> Vec<Exported> {
        let http = Http::new(self.0.address());
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

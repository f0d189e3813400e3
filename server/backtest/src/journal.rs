//! A journal through the engine and the alarm engine: the messages that came in,
//! as they came in, by the same routes, codecs and limits as in a running Weir.
//!
//! Unlike readings of files, messages do not go device by device: whose they are
//! is known once they are decoded, silences are found by the time that other
//! devices' messages bring, and modules count failures across devices. So each
//! configuration is one thread that takes the whole journal in its order.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use weir_auth::Access;
use weir_config::Config;
use weir_journal::{Chunk, JournalFiles};
use weir_model::{Ingress, Message, Timestamp};
use weir_pipeline::{Effects, Pipeline};

use super::report::Report;
use super::rows::Range;
use super::scores::{BatchScores, ScoreFile};

/// What a journal held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// Nothing was truncated: it begins with the first message ever received.
    pub whole: bool,
    /// Messages in it, without ticks; also those that `--from` and `--to` leave out.
    pub messages: u64,
    /// When the first and the last of them were received.
    pub times: Option<(Timestamp, Timestamp)>,
}

impl Covered {
    fn note(&mut self, message: &Message<'_>) {
        if message.ingress != Ingress::Clock {
            self.messages += 1;
            let first = self.times.map_or(message.received, |(first, _)| first);
            self.times = Some((first, message.received));
        }
    }

    /// A sentence for a person.
    pub fn summary(&self) -> String {
        let Some((first, last)) = self.times else {
            return "the journal holds no message".to_owned();
        };
        let before = if self.whole {
            "all messages ever received"
        } else {
            "earlier messages were truncated: the store has their readings"
        };
        format!(
            "the journal holds {} messages, received from {first} to {last}; {before}",
            self.messages
        )
    }

    pub fn to_json(self) -> Value {
        let time = |time: Timestamp| time.to_rfc3339();
        json!({
            "messages": self.messages,
            "from": self.times.map(|(first, _)| time(first)),
            "to": self.times.map(|(_, last)| time(last)),
            "whole": self.whole,
        })
    }
}

/// The journal of a data folder, of a Weir that may be running.
#[derive(Debug)]
pub struct Journal {
    files: JournalFiles,
    range: Range,
}

impl Journal {
    pub fn open(data_dir: &Path, range: Range) -> Result<Self> {
        let folder = data_dir.join("journal");
        if !folder.is_dir() {
            bail!(
                "{} holds no journal: give --data-dir the data folder of a Weir",
                data_dir.display()
            );
        }
        let files = JournalFiles::open(&folder).context("cannot read the journal")?;
        Ok(Self { files, range })
    }

    pub fn bytes(&self) -> u64 {
        self.files.bytes_left()
    }

    /// All of it under each configuration, on a thread each. Scores are those of
    /// the first. `done` gets numbers of bytes.
    pub fn run(
        &self,
        configs: &[Config],
        mut scores: Option<&mut ScoreFile>,
        done: &(dyn Fn(u64) + Sync),
    ) -> Result<(Vec<Report>, Covered)> {
        let runs: Result<Vec<Run>> = configs.iter().map(|of| Run::new(of, self.range)).collect();
        let outcomes: Result<Vec<_>> = std::thread::scope(|scope| {
            let threads: Vec<_> = runs?
                .into_iter()
                .map(|run| {
                    let (files, scores) = (self.files.clone(), scores.take());
                    scope.spawn(move || run.all(files, scores, done))
                })
                .collect();
            let joined = threads.into_iter().map(|thread| {
                let outcome = thread.join().ok();
                outcome.context("a worker of the backtest panicked")?
            });
            joined.collect()
        });
        let (reports, covered): (Vec<_>, Vec<_>) = outcomes?.into_iter().unzip();
        Ok((reports, covered.first().copied().unwrap_or_default()))
    }
}

/// One configuration on its way through a journal.
struct Run {
    range: Range,
    pipeline: Pipeline,
    report: Report,
    covered: Covered,
}

impl Run {
    fn new(config: &Config, range: Range) -> Result<Self> {
        let mut pipeline = Pipeline::new(config).without_reports();
        pipeline.guard_by(Access::load(config)?);
        Ok(Self {
            range,
            pipeline,
            report: Report::default(),
            covered: Covered::default(),
        })
    }

    fn all(
        mut self,
        mut files: JournalFiles,
        scores: Option<&mut ScoreFile>,
        done: &dyn Fn(u64),
    ) -> Result<(Report, Covered)> {
        let mut scores = scores.map(BatchScores::new);
        self.covered.whole = files.position().0 == 0;
        let mut effects = Effects::default();
        let mut left = files.bytes_left();
        while let Some(chunk) = files.next_chunk().context("cannot read the journal")? {
            effects.clear();
            self.chunk(&chunk, &mut effects);
            if let Some(scores) = &mut scores {
                scores.write(self.pipeline.engine(), &effects.batch)?;
            }
            let now_left = files.bytes_left();
            done(left - now_left);
            left = now_left;
        }
        self.report.counts.note_failures(self.pipeline.engine());
        Ok((self.report, self.covered))
    }

    fn chunk(&mut self, chunk: &Chunk, effects: &mut Effects) {
        for record in chunk.records() {
            let position = record.position;
            match &record.content {
                Ok(message) => {
                    self.covered.note(message);
                    if self.range.holds(message.received) {
                        self.pipeline.on_message(position, message, effects);
                    }
                }
                Err(corrupt) => {
                    let (reason, bytes) = (corrupt.reason, corrupt.bytes);
                    self.pipeline.on_corrupt(position, reason, bytes, effects);
                }
            }
        }
        self.report.alerts.append(&mut effects.alerts);
        self.report.counts.readings += effects.batch.received;
        self.report.counts.note(&effects.batch);
    }
}

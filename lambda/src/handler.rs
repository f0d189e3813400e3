//! One invocation from its event to its answer.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use weir_config::{Config, ShadowReports, TopicFilter};
use weir_model::Timestamp;

use crate::answer::{Answer, answer, problem, refused};
use crate::envelope::{Call, Event, Refusal, Source, open};
use crate::message::Outcome;
use crate::metrics::{Line, Metrics};
use crate::outlets::Outlets;
use crate::state::{Cache, StateStore};
use crate::stateful::Stateful;
use crate::stateless::Stateless;
use crate::sweep::Expected;

/// The time before the deadline in which no new work begins.
pub(crate) const RESERVE: i64 = 2_000_000_000;

/// Said once by an environment.
const UNTIMED: &str = "readings without a time get that of the function's clock: a retry stores \
                       them under another time; send timestamp";

/// The id in `Root=1-…;Parent=…;Sampled=…`.
fn root_of(header: &str) -> &str {
    let mut parts = header.split(';');
    let root = parts.find_map(|part| part.trim().strip_prefix("Root="));
    root.unwrap_or(header)
}

/// What a handler needs beside its ways out.
#[derive(Clone, Debug)]
pub struct Settings {
    pub config: Config,
    /// Differs between two configurations: [`crate::settings::digest`].
    pub digest: u64,
    /// The name in the log line.
    pub service: String,
    /// The wall clock.
    pub clock: fn() -> Timestamp,
}

/// Handles events, one at a time.
pub struct Handler {
    pub(crate) settings: Settings,
    pub(crate) outlets: Arc<dyn Outlets>,
    /// `None`: every message meets an empty memory.
    pub(crate) store: Option<Arc<dyn StateStore>>,
    pub(crate) cache: Mutex<Cache>,
    pub(crate) expected: Mutex<Expected>,
    topics: TopicFilter,
    is_cold: AtomicBool,
    has_advised: AtomicBool,
}

/// The answer, and the line for the log.
#[derive(Debug)]
pub struct Handled {
    pub answer: Answer,
    pub line: Value,
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").finish_non_exhaustive()
    }
}

impl Handler {
    pub fn new(
        settings: Settings,
        outlets: Arc<dyn Outlets>,
        store: Option<Arc<dyn StateStore>>,
    ) -> Self {
        Self {
            topics: TopicFilter::new(&settings.config),
            settings,
            outlets,
            store,
            cache: Mutex::default(),
            expected: Mutex::default(),
            is_cold: AtomicBool::new(true),
            has_advised: AtomicBool::new(false),
        }
    }

    /// When shadows are updated.
    pub(crate) fn reports(&self) -> ShadowReports {
        self.settings.config.aws.shadow_reports
    }

    /// Bytes of a payload that are taken.
    pub fn max_payload(&self) -> u64 {
        self.settings.config.limits.max_payload
    }

    /// The event of the host, as JSON.
    pub fn handle(&self, bytes: &[u8], call: &Call<'_>, trace_id: Option<&str>) -> Handled {
        match open(bytes, call) {
            Ok(event) => self.handle_event(&event, call, trace_id),
            Err(refusal) => self.refuse(&refusal, call, trace_id),
        }
    }

    /// An event that is open already.
    pub fn handle_event(&self, event: &Event, call: &Call<'_>, trace_id: Option<&str>) -> Handled {
        let mut metrics = Metrics::default();
        let answer = self.answer(event, call, &mut metrics);
        debug_assert!(metrics.is_balanced(), "{metrics:?}");
        let source = event.source.as_str();
        let line = self.line(&metrics, call, trace_id, source, None);
        Handled { answer, line }
    }

    fn answer(&self, event: &Event, call: &Call<'_>, metrics: &mut Metrics) -> Answer {
        if let Source::Tick { time } = event.source {
            return self.sweep(time, call.deadline, metrics);
        }
        if let (Source::Http, Some(message)) = (event.source, event.messages.first())
            && !self.topics.is_telemetry(&message.topic)
        {
            let detail = format!("no route takes {:?}", message.topic);
            return Answer::Result(problem(404, &detail));
        }
        let outcomes = match &self.store {
            None => Stateless::new(self, metrics).process(&event.messages),
            Some(store) => {
                let deadline = call.deadline;
                Stateful::new(self, &**store, deadline, metrics).process(&event.messages)
            }
        };
        metrics.messages = outcomes.len() as u64;
        for outcome in &outcomes {
            if let Outcome::Failed(reason) = outcome {
                metrics.failed += 1;
                metrics.note_failure(reason);
            }
        }
        answer(event, &outcomes)
    }

    fn refuse(&self, refusal: &Refusal, call: &Call<'_>, trace_id: Option<&str>) -> Handled {
        let text = refusal.to_string();
        let line = self.line(&Metrics::default(), call, trace_id, "unknown", Some(&text));
        Handled {
            answer: refused(refusal),
            line,
        }
    }

    fn line(
        &self,
        metrics: &Metrics,
        call: &Call<'_>,
        trace_id: Option<&str>,
        source: &str,
        error: Option<&str>,
    ) -> Value {
        // The function's own clock is another one at a retry.
        let is_untimed = metrics.untimed && source == Source::Reference.as_str();
        let advises = is_untimed && !self.has_advised.swap(true, Ordering::Relaxed);
        metrics.line(&Line {
            advice: advises.then_some(UNTIMED),
            now: (self.settings.clock)(),
            service: &self.settings.service,
            source,
            request_id: call.request_id,
            trace_id: trace_id.map(root_of),
            cold_start: self.is_cold.swap(false, Ordering::Relaxed),
            error,
        })
    }
}

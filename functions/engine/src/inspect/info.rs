//! What others need to know of a function.

use std::sync::Arc;
use std::time::Duration;

use weir_config::{Config, FunctionKind, Threshold};

use crate::state::slot::SlotMemory;

/// What the alarm engine needs to know of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionInfo {
    pub name: Arc<str>,
    /// In event time.
    pub on_delay_ns: i64,
    pub off_delay_ns: i64,
    /// The longest gap that the on-delay bridges; `None`: the default.
    pub longest_gap_ns: Option<i64>,
    /// `threshold`, `ewma`, ...: as in the configuration.
    pub kind: &'static str,
    /// Its verdicts carry a score.
    pub gives_scores: bool,
    /// What it remembers of one series, in bytes.
    pub bytes_per_series: usize,
}

/// `payload`, then those of the configuration in their order.
pub(crate) fn functions(config: &Config) -> Vec<FunctionInfo> {
    let payload = FunctionKind::Threshold(Threshold::default());
    let payload = FunctionInfo {
        name: "payload".into(),
        on_delay_ns: 0,
        off_delay_ns: 0,
        longest_gap_ns: None,
        kind: payload.name(),
        gives_scores: payload.gives_scores(),
        bytes_per_series: SlotMemory::bytes(&payload),
    };
    let nanos = |delay: Duration| i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX);
    let configured = config.functions.iter().map(|function| FunctionInfo {
        name: function.name.as_str().into(),
        on_delay_ns: nanos(function.on_delay),
        off_delay_ns: nanos(function.off_delay),
        longest_gap_ns: function.longest_gap.map(nanos),
        kind: function.kind.name(),
        gives_scores: function.kind.gives_scores(),
        bytes_per_series: SlotMemory::bytes(&function.kind),
    });
    std::iter::once(payload).chain(configured).collect()
}

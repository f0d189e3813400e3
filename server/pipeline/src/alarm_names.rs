//! What the alarm engine has to know of functions and series: names and delays.

use weir_alarms::{Delays, SlotNames};
use weir_engine::{Engine, FunctionInfo};
use weir_model::Verdict;

/// By function index, as verdicts name them.
pub(crate) fn delays(engine: &Engine) -> Vec<Delays> {
    let delays = |function: &FunctionInfo| Delays {
        on_delay_ns: function.on_delay_ns,
        off_delay_ns: function.off_delay_ns,
    };
    engine.functions().iter().map(delays).collect()
}

/// The names behind a verdict.
pub(crate) fn names(engine: &Engine, verdict: &Verdict) -> SlotNames {
    let slot = engine.slot(verdict.slot);
    let location = engine.catalog().location(verdict.location);
    SlotNames {
        device: slot.device.into(),
        sensor: slot.sensor.into(),
        unit: slot.unit.map(Into::into),
        function: slot.function.into(),
        location: (!location.is_empty()).then(|| location.to_string()),
        custom_reason: engine.custom_reason(verdict).map(Into::into),
        condition: engine.condition(verdict).map(Into::into),
    }
}

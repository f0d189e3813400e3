//! The memory that decides: functions and alarms, which change together.

use weir_alerts::{AlarmEngine, Delays};
use weir_config::Config;
use weir_functions::{Engine, FunctionInfo, REMOVED_FUNCTION};
use weir_model::Alert;

/// The memory of the functions and alarms. The pipeline holds the lock while
/// it works on a chunk; the API looks in between.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) engine: Engine,
    pub(crate) alarms: AlarmEngine,
}

impl Core {
    /// Takes on another configuration for the messages to come; returns the
    /// clears of what no function watches any more.
    pub(crate) fn reconfigure(&mut self, config: &Config) -> Vec<Alert> {
        self.engine.reconfigure(config);
        self.close_abandoned()
    }

    /// Clears what functions raised that are configured no more, or not for this
    /// series: no reading ever will. The clears' ids come from the alarms' last
    /// readings, so doing it again after a crash changes nothing.
    pub(crate) fn close_abandoned(&mut self) -> Vec<Alert> {
        let Self { engine, alarms } = self;
        let abandoned = engine.abandoned();
        let is_lost = |slot: u32| {
            abandoned.binary_search(&slot).is_ok()
                || engine.slot(slot).function_ix == REMOVED_FUNCTION
        };
        let cleared = alarms.remap(delays(engine), |slot| (!is_lost(slot)).then_some(slot));
        // Their shadows show one alarm less.
        for alert in &cleared {
            if let Some(device) = engine.device_ix(&alert.device_id) {
                engine.mark_changed(device);
            }
        }
        cleared
    }
}

/// By function index, as verdicts name them.
pub(crate) fn delays(engine: &Engine) -> Vec<Delays> {
    let delays = |function: &FunctionInfo| Delays {
        on_delay_ns: function.on_delay_ns,
        off_delay_ns: function.off_delay_ns,
    };
    engine.functions().iter().map(delays).collect()
}

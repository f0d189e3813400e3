//! Changing the configuration of a running Weir.

use std::fs;

use crate::{DEADLINE, Weir, WeirSpec, wait_until};

impl Weir {
    /// Puts another configuration in the file's place, as an editor that renames.
    #[track_caller]
    pub fn replace_config(&self, spec: &WeirSpec) {
        let file = self.config_file();
        let beside = file.with_extension("new");
        fs::write(&beside, &spec.config).expect("the temporary folder is writable");
        fs::rename(&beside, &file).expect("the temporary folder is writable");
    }

    /// Writes another configuration into the same file.
    #[track_caller]
    pub fn overwrite_config(&self, spec: &WeirSpec) {
        fs::write(self.config_file(), &spec.config).expect("the temporary folder is writable");
    }

    /// Reloads another configuration by SIGHUP, and waits until it is applied.
    #[track_caller]
    pub fn reload(&mut self, spec: &WeirSpec) {
        let before = self.reloads("applied");
        self.overwrite_config(spec);
        self.process().hang_up();
        self.wait_reloads("applied", before + 1);
    }

    /// How many reloads had this outcome: `applied`, `unchanged`, `invalid`,
    /// `needs_restart` or `failed`.
    #[track_caller]
    pub fn reloads(&self, outcome: &str) -> u64 {
        let name = format!("weir_config_reloads_total{{outcome=\"{outcome}\"}}");
        self.metric(&name) as u64
    }

    #[track_caller]
    pub fn wait_reloads(&self, outcome: &str, count: u64) {
        wait_until(&format!("{count} reloads are {outcome}"), DEADLINE, || {
            self.reloads(outcome) >= count
        });
    }
}

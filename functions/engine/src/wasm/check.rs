//! The problems of a configuration's modules, before it comes into force.

use weir_config::{Config, FunctionKind, Problem, Wasm};

use super::frame::Frame;
use super::program::program;

/// Compiles every module of the configuration and calls it with an empty batch.
/// A problem has the line of the key `module`. A build without the feature `wasm`
/// refuses every module.
pub fn check(config: &Config) -> Vec<Problem> {
    let modules = config.functions.iter().filter_map(|function| {
        let FunctionKind::Wasm(settings) = &function.kind else {
            return None;
        };
        let reason = try_out(settings).err()?;
        let path = settings.module.path.display();
        Some(Problem {
            line: settings.module.line,
            key: "function.module".to_owned(),
            reason: format!("{path}: {reason}"),
            nearest: None,
        })
    });
    modules.collect()
}

fn try_out(settings: &Wasm) -> Result<(), String> {
    let program = program(&settings.module).as_ref().map_err(String::clone)?;
    let mut frame = Frame::default();
    frame.begin(settings, 0, 0);
    let called = program.call(settings, &mut frame);
    called.map_err(|failure| format!("called with an empty batch, {failure}"))
}

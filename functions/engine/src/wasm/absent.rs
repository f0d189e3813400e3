//! The module `program` of a build without the feature `wasm`: nothing compiles, so
//! [`check`](super::check) refuses every `wasm` function.

use std::convert::Infallible;

use weir_config::{Module, Wasm};

use super::frame::{Failure, Frame};

/// A program of this build: there is none.
#[derive(Debug)]
pub(super) struct Program(Infallible);

pub(super) fn program(module: &Module) -> &Result<Program, String> {
    module.content.prepared(|_| {
        Err("this build of Weir does not run WebAssembly modules (cargo feature `wasm`)".to_owned())
    })
}

impl Program {
    pub(super) fn call(&self, _: &Wasm, _: &mut Frame) -> Result<(), Failure> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_config::{Config, Function, FunctionKind, ModuleContent};

    use super::*;

    #[test]
    fn a_configuration_with_a_module_is_refused_at_its_line() {
        let module = Module {
            path: "limit.wat".into(),
            line: 7,
            content: ModuleContent::new(b"(module)".to_vec()).into(),
        };
        let settings = Wasm {
            module,
            state: 0,
            state_version: None,
            params: Vec::new(),
            reasons: Vec::new(),
            fuel: 1_000,
            memory: 1 << 20,
            timeout: Duration::from_secs(1),
            max_failures: 3,
        };
        let function = Function {
            name: "own".to_owned(),
            device: None,
            sensor: None,
            location: None,
            kind: FunctionKind::Wasm(settings),
            on_delay: Duration::ZERO,
            off_delay: Duration::ZERO,
        };
        let config = Config {
            functions: vec![function],
            ..Config::default()
        };
        let problems = crate::check(&config);
        assert_eq!(problems.len(), 1);
        assert_eq!(
            (problems[0].line, problems[0].key.as_str()),
            (7, "function.module")
        );
        assert!(
            problems[0]
                .reason
                .starts_with("limit.wat: this build of Weir does not run")
        );
    }
}

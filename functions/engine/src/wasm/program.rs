//! A module, compiled: what a call begins from.

use std::fmt;
use std::thread;
use std::time::Duration;

use wasmtime::{
    Config, Engine, ExternType, InstancePre, Linker, ResourceLimiter, ValType, WasmFeatures,
};
use weir_config::Module;

/// What [`Program`]s count time in.
pub(super) const TICK: Duration = Duration::from_millis(50);
/// Bytes of the stack of a call. Threads have 2 MiB.
const STACK: usize = 256 << 10;
/// Elements of all tables together: Rust's own function tables have some hundreds.
const TABLE_ELEMENTS: usize = 100_000;

pub(super) const MEMORY: &str = "memory";
pub(super) const INPUT: &str = "weir_input_1";
pub(super) const EVALUATE: &str = "weir_evaluate_1";

/// A compiled module that keeps to the interface.
pub(super) struct Program {
    pub(super) engine: Engine,
    pub(super) instance: InstancePre<Limiter>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").finish_non_exhaustive()
    }
}

/// The program of a module: compiled at the first call. An error is a sentence.
pub(super) fn program(module: &Module) -> &Result<Program, String> {
    module.content.prepared(Program::compile)
}

impl Program {
    fn compile(bytes: &[u8]) -> Result<Self, String> {
        let reason = |error: wasmtime::Error| one_line(&format!("{error:#}"));
        let engine = Engine::new(&settings()).map_err(reason)?;
        let module = wasmtime::Module::new(&engine, bytes).map_err(reason)?;
        if let Some(import) = module.imports().next() {
            return Err(format!(
                "it imports {:?} from {:?}: a function is given nothing but its batch",
                import.name(),
                import.module()
            ));
        }
        match module.get_export(MEMORY) {
            Some(ExternType::Memory(_)) => {}
            _ => return Err(format!("it exports no memory as {MEMORY:?}")),
        }
        function(&module, INPUT, 1)?;
        function(&module, EVALUATE, 2)?;
        let instance = Linker::new(&engine)
            .instantiate_pre(&module)
            .map_err(reason)?;
        count_time(&engine)?;
        Ok(Self { engine, instance })
    }
}

/// That an export is a function of so many i32 to one.
fn function(module: &wasmtime::Module, name: &str, params: usize) -> Result<(), String> {
    let Some(ExternType::Func(found)) = module.get_export(name) else {
        return Err(format!("it exports no function {name}"));
    };
    let is_i32 = |kind: ValType| matches!(kind, ValType::I32);
    let fits = found.params().len() == params
        && found.params().all(is_i32)
        && found.results().len() == 1
        && found.results().all(is_i32);
    let expected = ["i32"; 2][..params].join(", ");
    if fits {
        Ok(())
    } else {
        Err(format!(
            "its function {name} must be ({expected}) -> (i32), not {found}"
        ))
    }
}

/// The same results on every machine, and only the core of the language.
fn settings() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(STACK)
        .wasm_backtrace_max_frames(None)
        .wasm_features(WasmFeatures::RELAXED_SIMD, false)
        .wasm_features(WasmFeatures::THREADS, false)
        .wasm_features(WasmFeatures::MEMORY64, false)
        .wasm_features(WasmFeatures::MULTI_MEMORY, false)
        .wasm_features(WasmFeatures::CUSTOM_PAGE_SIZES, false)
        .wasm_features(WasmFeatures::EXCEPTIONS, false)
        // A fresh instance per call: memory comes from the allocator and not from
        // the kernel each time, and traps need no signal handlers.
        .signals_based_traps(false)
        .memory_init_cow(false)
        .memory_reservation(0)
        .memory_reservation_for_growth(0)
        .memory_guard_size(0);
    config
}

/// Lets the program's time pass for as long as there is the program.
fn count_time(engine: &Engine) -> Result<(), String> {
    let engine = engine.weak();
    let count = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    };
    let thread = thread::Builder::new().name("wasm-time".to_owned());
    match thread.stack_size(64 << 10).spawn(count) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "the thread that counts its time did not start: {error}"
        )),
    }
}

/// What an instance may take.
#[derive(Debug)]
pub(super) struct Limiter {
    memory: usize,
    /// It wanted more memory than that.
    pub(super) refused: bool,
}

impl Limiter {
    pub(super) fn new(memory: u64) -> Self {
        Self {
            memory: usize::try_from(memory).unwrap_or(usize::MAX),
            refused: false,
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = desired <= self.memory;
        self.refused |= !fits;
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = desired <= TABLE_ELEMENTS;
        self.refused |= !fits;
        Ok(fits)
    }

    fn instances(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        4
    }
}

/// An error as it goes into one line of a log, in bounded length.
pub(super) fn one_line(text: &str) -> String {
    const MAX_CHARS: usize = 300;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

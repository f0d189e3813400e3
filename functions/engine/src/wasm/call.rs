//! One call: a batch in, verdicts and states out, or why it failed.

use std::fmt;

use wasmtime::{Store, Trap};
use weir_config::Wasm;

use super::frame::{Failure, Frame};
use super::program::{EVALUATE, INPUT, Limiter, MEMORY, Program, TICK, one_line};

impl Program {
    /// Calls the module with a batch, in an instance of its own.
    pub(super) fn call(&self, settings: &Wasm, frame: &mut Frame) -> Result<(), Failure> {
        let mut store = Store::new(&self.engine, Limiter::new(settings.memory));
        store.limiter(|limiter| limiter);
        let fuel = settings.fuel.saturating_mul(frame.readings as u64 + 1);
        let ticks = settings.timeout.as_nanos().div_ceil(TICK.as_nanos()) + 1;
        store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX));
        let called = store
            .set_fuel(fuel)
            .and_then(|()| self.run(&mut store, frame));
        match called {
            Ok(Ok(())) => Ok(()),
            Ok(Err(failure)) => Err(failure),
            Err(error) => Err(failure(&error, store.data().refused)),
        }
    }

    fn run(
        &self,
        store: &mut Store<Limiter>,
        frame: &mut Frame,
    ) -> wasmtime::Result<Result<(), Failure>> {
        let broke = |what: fmt::Arguments<'_>| Ok(Err(Failure::Interface(what.to_string())));
        let instance = self.instance.instantiate(&mut *store)?;
        let length = frame.bytes.len();
        let input = instance.get_typed_func::<u32, u32>(&mut *store, INPUT)?;
        let address = input.call(&mut *store, length as u32)?;
        let memory = instance.get_memory(&mut *store, MEMORY);
        let Some(memory) = memory else {
            return broke(format_args!("it has no memory"));
        };
        let begin = address as usize;
        let place = begin..begin.saturating_add(length);
        let size = memory.data_size(&*store);
        if address == 0 && length > 0 {
            return broke(format_args!("{INPUT} has no room for {length} bytes"));
        }
        if !address.is_multiple_of(8) || place.end > size {
            return broke(format_args!(
                "{INPUT} gave address {address} for {length} bytes, in {size}"
            ));
        }
        memory.data_mut(&mut *store)[place.clone()].copy_from_slice(&frame.bytes);
        let evaluate = instance.get_typed_func::<(u32, u32), i32>(&mut *store, EVALUATE)?;
        match evaluate.call(&mut *store, (address, length as u32))? {
            0 => {}
            status => return Ok(Err(Failure::Status(status))),
        }
        // Memory only grows.
        frame.bytes.copy_from_slice(&memory.data(&*store)[place]);
        Ok(Ok(()))
    }
}

fn failure(error: &wasmtime::Error, refused: bool) -> Failure {
    let reason = match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return Failure::Fuel,
        Some(Trap::Interrupt) => return Failure::Deadline,
        Some(trap) => trap.to_string().replace("wasm trap: ", ""),
        None => one_line(&format!("{error:#}")),
    };
    if refused {
        Failure::Memory(reason)
    } else {
        Failure::Trap(reason)
    }
}

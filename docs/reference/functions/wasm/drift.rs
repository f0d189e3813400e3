//! A function for Weir, in Rust: detects when the mean of about ten readings moves
//! away from the mean of a thousand. It needs no crate and no standard library:
//!
//! ```text
//! rustc --edition 2024 --target wasm32-unknown-unknown --crate-type cdylib \
//!     -O -C panic=abort -C link-arg=-zstack-size=16384 drift.rs -o drift.wasm
//! ```
//!
//! ```toml
//! [[function]]
//! name = "drift"
//! kind = "wasm"
//! module = "drift.wasm"
//! sensor = "vibration"
//! state = 32
//! params = [3.0, 6.0]               # the scores of a warning and of a critical alarm
//! reasons = ["drifting away from its usual level"]
//! ```
//!
//! Keep the stack small: every call has its own memory, and clearing a mebibyte of
//! stack (the default of the linker) takes time.
#![no_std]

use core::arch::wasm32;

/// The start of a batch.
#[repr(C)]
struct Header {
    version: u32,
    readings: u32,
    series: u32,
    state_length: u32,
    numbers: u32,
    numbers_at: u32,
    readings_at: u32,
    states_at: u32,
}

/// One reading, followed by its verdict.
#[repr(C)]
struct Reading {
    time_ns: i64,
    value: f64,
    series: u32,
    _reserved: u32,
    /// 0 nothing, 1 warning, 2 critical.
    level: u8,
    /// 0 high, 1 low.
    side: u8,
    /// One of `reasons`, from 1 on.
    reason: u16,
    _reserved_too: u32,
    score: f64,
    threshold: f64,
}

/// State of a series: `state = 32`. Initially zero.
#[repr(C)]
struct State {
    seen: u64,
    fast: f64,
    slow: f64,
    spread: f64,
}

/// Readings before the first score.
const WARMUP: u64 = 30;

fn step(state: &mut State, reading: &mut Reading, warning: f64, critical: f64) {
    let value = reading.value;
    let moved = (state.fast - state.slow) / state.spread.max(1e-9);
    if state.seen >= WARMUP {
        let score = moved.abs();
        reading.score = score;
        reading.side = u8::from(moved < 0.0);
        reading.level = u8::from(score >= warning) + u8::from(score >= critical);
        reading.reason = u16::from(reading.level > 0);
    }
    state.seen += 1;
    let weight = |most: u64| 1.0 / state.seen.min(most) as f64;
    let (fast, slow) = (weight(10), weight(1_000));
    state.fast += fast * (value - state.fast);
    state.slow += slow * (value - state.slow);
    state.spread += slow * ((value - state.slow).abs() - state.spread);
}

/// Address for the batch: after the stack and the data. Grows the memory as needed.
/// 0: no room.
#[unsafe(no_mangle)]
extern "C" fn weir_input_1(length: usize) -> usize {
    unsafe extern "C" {
        /// End of the data, set by the linker.
        static __heap_base: u8;
    }
    const PAGE: usize = 65_536;
    let address = (&raw const __heap_base as usize).next_multiple_of(8);
    let pages = (address + length).div_ceil(PAGE);
    let missing = pages.saturating_sub(wasm32::memory_size(0));
    match missing > 0 && wasm32::memory_grow(0, missing) == usize::MAX {
        true => 0,
        false => address,
    }
}

/// Returns a status other than 0 for an unsupported batch.
///
/// # Safety
/// Weir has written a batch at the address.
#[unsafe(no_mangle)]
unsafe extern "C" fn weir_evaluate_1(address: usize, _length: usize) -> i32 {
    // SAFETY: docs/reference/functions/wasm.md defines the layout, aligned to 8.
    unsafe {
        let header = &*(address as *const Header);
        if header.version != 1 {
            return 1;
        }
        if header.numbers < 2 || header.state_length as usize != size_of::<State>() {
            return 2;
        }
        let at = |offset: u32| address + offset as usize;
        let numbers = at(header.numbers_at) as *const f64;
        let (warning, critical) = (*numbers, *numbers.add(1));
        let states = at(header.states_at) as *mut State;
        let readings = at(header.readings_at) as *mut Reading;
        for nth in 0..header.readings as usize {
            let reading = &mut *readings.add(nth);
            let state = &mut *states.add(reading.series as usize);
            step(state, reading, warning, critical);
        }
    }
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    wasm32::unreachable()
}

//! The kind `wasm`: a WebAssembly module of the user.

use std::time::Duration;

use toml::de::DeValue;

use crate::file::raw::{Raw, Refused};
use crate::file::reader::Section;
use crate::file::values::{KIB, MIB, MILLISECOND, MINUTE, count, duration, label, size};
use crate::{Module, ModuleContent};

/// `wasm`: a WebAssembly module of the user evaluates readings.
#[derive(Clone, Debug, PartialEq)]
pub struct Wasm {
    pub module: Module,
    /// Bytes of state per series: 0 to 1,024, a multiple of 8.
    pub state: u16,
    /// A changed module keeps the state of its predecessor while this stays the
    /// same. `None`: the state is reset.
    pub state_version: Option<u32>,
    /// Parameters of the module. Up to 64.
    pub params: Vec<f64>,
    /// The texts of the module's reasons, from 1 on. Up to 64 of up to 120 bytes.
    pub reasons: Vec<String>,
    /// About the number of instructions that a call may take per reading, plus once
    /// for itself. 1,000 to 100,000,000.
    pub fuel: u64,
    /// Memory of the module in bytes. 64 KiB to 256 MiB.
    pub memory: u64,
    /// The wall-clock limit of one call, for what fuel does not limit. 100 ms to 60 s.
    pub timeout: Duration,
    /// It is disabled after so many failures in a row. 1 to 1,000,000.
    pub max_failures: u32,
}

/// Numbers of one `params`, and sentences of one `reasons`.
const MAX_ITEMS: usize = 64;

pub(super) fn wasm(section: &mut Section<'_, '_>) -> Wasm {
    let module = section.module("module").unwrap_or_else(|| Module {
        path: Default::default(),
        line: 0,
        content: ModuleContent::new(Vec::new()).into(),
    });
    Wasm {
        module,
        state: section.value("state", 0, state),
        state_version: section.optional("state_version", count(0..=i64::from(u32::MAX))),
        params: section.value("params", Vec::new(), params),
        reasons: section.value("reasons", Vec::new(), reasons),
        fuel: section.value("fuel", 100_000, count(1_000..=100_000_000)),
        memory: section.value("memory", 4 * MIB, size(64 * KIB..=256 * MIB)),
        timeout: section.value(
            "timeout",
            Duration::from_secs(5),
            duration(100 * MILLISECOND..=MINUTE),
        ),
        max_failures: section.value("max_failures", 10, count(1..=1_000_000)),
    }
}

/// A number of bytes.
fn state(raw: Raw<'_>) -> Result<u16, Refused> {
    let bytes: u16 = count(0..=1_024)(raw)?;
    if !bytes.is_multiple_of(8) {
        return Err(format!("must be a multiple of 8 bytes, not {bytes}").into());
    }
    Ok(bytes)
}

fn params(raw: Raw<'_>) -> Result<Vec<f64>, Refused> {
    let list = match raw {
        Raw::File(DeValue::Array(list)) if list.len() <= MAX_ITEMS => list,
        _ => return Err(format!("must be a list of up to {MAX_ITEMS} numbers").into()),
    };
    list.iter()
        .map(|item| Raw::File(item.get_ref()).number())
        .collect()
}

fn reasons(raw: Raw<'_>) -> Result<Vec<String>, Refused> {
    let list = match raw {
        Raw::File(DeValue::Array(list)) if list.len() <= MAX_ITEMS => list,
        _ => return Err(format!("must be a list of up to {MAX_ITEMS} texts").into()),
    };
    list.iter()
        .map(|item| label(120)(Raw::File(item.get_ref())))
        .collect()
}

//! The kind `wasm`: a module of the user's own.

use std::time::Duration;

use toml::de::DeValue;

use crate::range::{count, duration, label, size};
use crate::reader::{Raw, Section};
use crate::{Module, ModuleContent, Wasm};

pub(super) const KEYS: &[&str] = &[
    "module",
    "state",
    "state_version",
    "params",
    "reasons",
    "fuel",
    "memory",
    "timeout",
    "max_failures",
];

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
        state: section.value("state", 0, |raw| {
            let bytes: u16 = count(0..=1_024)(raw)?;
            match bytes % 8 {
                0 => Ok(bytes),
                _ => Err(format!("must be a multiple of 8 bytes, not {bytes}")),
            }
        }),
        state_version: section.optional("state_version", count(0..=i64::from(u32::MAX))),
        params: section.value("params", Vec::new(), params),
        reasons: section.value("reasons", Vec::new(), reasons),
        fuel: section.value("fuel", 100_000, count(1_000..=100_000_000)),
        memory: section.value("memory", 4 << 20, size(64 << 10..=256 << 20)),
        timeout: section.value(
            "timeout",
            Duration::from_secs(5),
            duration(Duration::from_millis(100)..=Duration::from_secs(60)),
        ),
        max_failures: section.value("max_failures", 10, count(1..=1_000_000)),
    }
}

fn params(raw: Raw<'_>) -> Result<Vec<f64>, String> {
    let list = match raw {
        Raw::File(DeValue::Array(list)) if list.len() <= MAX_ITEMS => list,
        _ => return Err(format!("must be a list of up to {MAX_ITEMS} numbers")),
    };
    let numbers = list.iter();
    numbers
        .map(|item| Raw::File(item.get_ref()).number())
        .collect()
}

fn reasons(raw: Raw<'_>) -> Result<Vec<String>, String> {
    let list = match raw {
        Raw::File(DeValue::Array(list)) if list.len() <= MAX_ITEMS => list,
        _ => return Err(format!("must be a list of up to {MAX_ITEMS} texts")),
    };
    let texts = list.iter();
    texts
        .map(|item| label(120)(Raw::File(item.get_ref())))
        .collect()
}

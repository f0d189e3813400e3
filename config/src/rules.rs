//! `[[function]]`: the rules that readings are watched by.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::range::{duration, label};
use crate::reader::{Raw, Reader, Section, shorten};
use crate::{Function, FunctionKind, keys};

mod checks;
mod detectors;
mod devices;
mod limits;
mod wasm;

/// Longer than this, nobody would wait for an alarm to come or go.
const MAX_DELAY: Duration = Duration::from_secs(30 * 24 * 3600);

/// Keys that every kind has.
const COMMON: &[&str] = &[
    "name",
    "kind",
    "device",
    "sensor",
    "location",
    "on_delay",
    "off_delay",
];

/// A kind, the keys that it has beside [`COMMON`], and who reads them.
struct Kind {
    name: &'static str,
    keys: &'static [&'static str],
    read: fn(&mut Section<'_, '_>) -> FunctionKind,
}

/// The first is what a function without a kind, or of an unknown one, is read as.
const KINDS: &[Kind] = &[
    Kind {
        name: "threshold",
        keys: limits::KEYS,
        read: |section| FunctionKind::Threshold(limits::threshold(section)),
    },
    Kind {
        name: "range",
        keys: &["min", "max", "quality", "severity"],
        read: |section| FunctionKind::Range(checks::range(section)),
    },
    Kind {
        name: "rate_of_change",
        keys: &["max_rise", "max_fall", "per", "quality", "severity"],
        read: |section| FunctionKind::RateOfChange(checks::rate_of_change(section)),
    },
    Kind {
        name: "stuck",
        keys: checks::FLATLINE_KEYS,
        read: |section| FunctionKind::Flatline(checks::stuck(section)),
    },
    Kind {
        name: "flatline",
        keys: checks::FLATLINE_KEYS,
        read: |section| FunctionKind::Flatline(checks::flatline(section)),
    },
    Kind {
        name: "gap",
        keys: &["max_gap", "quality", "severity"],
        read: |section| FunctionKind::Gap(checks::gap(section)),
    },
    Kind {
        name: "allowed",
        keys: &["values", "quality", "severity"],
        read: |section| FunctionKind::Allowed(checks::allowed(section)),
    },
    Kind {
        name: "unit",
        keys: &["unit", "assume", "quality", "severity"],
        read: |section| FunctionKind::Unit(checks::unit(section)),
    },
    Kind {
        name: "clock",
        keys: &["max_ahead", "max_behind", "quality", "severity"],
        read: |section| FunctionKind::Clock(checks::clock(section)),
    },
    Kind {
        name: "duplicate",
        keys: &["interval", "quality", "severity"],
        read: |section| FunctionKind::Duplicate(checks::duplicate(section)),
    },
    Kind {
        name: "ewma",
        keys: detectors::EWMA_KEYS,
        read: |section| FunctionKind::Ewma(detectors::ewma(section)),
    },
    Kind {
        name: "mad",
        keys: detectors::MAD_KEYS,
        read: |section| FunctionKind::Mad(detectors::mad(section)),
    },
    Kind {
        name: "seasonal",
        keys: detectors::SEASONAL_KEYS,
        read: |section| FunctionKind::Seasonal(detectors::seasonal(section)),
    },
    Kind {
        name: "cusum",
        keys: detectors::CUSUM_KEYS,
        read: |section| FunctionKind::Cusum(detectors::cusum(section)),
    },
    Kind {
        name: "absence",
        keys: &["after", "factor", "expect", "gateway", "severity"],
        read: |section| FunctionKind::Absence(devices::absence(section)),
    },
    Kind {
        name: "adaptive",
        keys: &[
            "at_most_every",
            "warning_score",
            "critical_score",
            "quality",
        ],
        read: |section| FunctionKind::Adaptive(detectors::adaptive(section)),
    },
    Kind {
        name: "derived",
        keys: &["expression", "output", "unit", "max_age", "severity"],
        read: |section| FunctionKind::Derived(devices::derived(section)),
    },
    Kind {
        name: "multivariate",
        keys: &[
            "sensors",
            "output",
            "warmup",
            "explained",
            "max_age",
            "warning_score",
            "critical_score",
        ],
        read: |section| FunctionKind::Multivariate(devices::multivariate(section)),
    },
    Kind {
        name: "wasm",
        keys: wasm::KEYS,
        read: |section| FunctionKind::Wasm(wasm::wasm(section)),
    },
];

pub(crate) fn functions(reader: &mut Reader<'_>) -> Vec<Function> {
    let mut names = BTreeSet::new();
    let tables = reader.repeated("function");
    tables
        .into_iter()
        .map(|table| {
            let mut section = reader.section_of("function", table);
            let function = function(&mut section);
            if !function.name.is_empty() && !names.insert(function.name.clone()) {
                section.note(
                    "name",
                    format!("another function is named {:?}", function.name),
                );
            }
            function
        })
        .collect()
}

fn function(section: &mut Section<'_, '_>) -> Function {
    let name = section.required("name", name).unwrap_or_default();
    let given = section.required("kind", kind);
    let kind = given.unwrap_or(&KINDS[0]);
    if given.is_some() {
        refuse_keys_of_others(section, kind);
    }
    Function {
        name,
        device: section.optional("device", label(256)),
        sensor: section.optional("sensor", label(256)),
        location: section.optional("location", label(256)),
        kind: (kind.read)(section),
        on_delay: section.value(
            "on_delay",
            Duration::ZERO,
            duration(Duration::ZERO..=MAX_DELAY),
        ),
        off_delay: section.value(
            "off_delay",
            Duration::ZERO,
            duration(Duration::ZERO..=MAX_DELAY),
        ),
    }
}

fn kind(raw: Raw<'_>) -> Result<&'static Kind, String> {
    let name = raw.text()?;
    let known = || KINDS.iter().map(|kind| kind.name);
    KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| {
        let nearest = known().min_by_key(|known| strsim::damerau_levenshtein(name, known));
        let list = known().collect::<Vec<_>>().join(", ");
        let hint = nearest
            .filter(|_| name.len() < 64)
            .map_or(String::new(), |nearest| {
                format!("; did you mean {nearest:?}?")
            });
        format!(
            "there is no kind {:?}; there are {list}{hint}",
            shorten(name)
        )
    })
}

/// A key that another kind has is a mistake, and not one to pass over.
fn refuse_keys_of_others(section: &mut Section<'_, '_>, kind: &Kind) {
    for key in keys::keys_of("function") {
        if section.has(key) && !COMMON.contains(key) && !kind.keys.contains(key) {
            let own = kind.keys.join(", ");
            section.note(
                key,
                format!("is no key of kind {:?}, which has {own}", kind.name),
            );
        }
    }
}

/// The name stands in topics' payloads, alarm ids and metrics.
fn name(raw: Raw<'_>) -> Result<String, String> {
    let name = label(64)(raw)?;
    if name == "payload" {
        let reason = "\"payload\" names the limits that come with a reading: take another name";
        return Err(reason.to_owned());
    }
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    match name.bytes().all(allowed) {
        true => Ok(name),
        false => Err("may contain only a-z, 0-9, _ and -".to_owned()),
    }
}

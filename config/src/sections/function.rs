//! `[[function]]`: the checks and detectors that evaluate readings.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::file::raw::{Raw, Refused, shorten};
use crate::file::reader::{Kind, Reader, Section};
use crate::file::values::{self, DAY, duration, label};

pub(crate) mod checks;
pub(crate) mod detectors;
pub(crate) mod devices;
pub(crate) mod effect;
pub(crate) mod kind;
pub(crate) mod threshold;
pub(crate) mod wasm;

use kind::{FunctionKind, KINDS};

/// The longest delay of an alarm.
const MAX_DELAY: Duration = Duration::from_secs(30 * DAY.as_secs());

/// `[[function]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Unique: `[a-z0-9_-]`, 1 to 64. `payload` is reserved for the limits that
    /// come with a reading.
    pub name: String,
    /// Globs: `*` is any text, `?` any one character. Absent: everything.
    pub device: Option<String>,
    pub sensor: Option<String>,
    pub location: Option<String>,
    pub kind: FunctionKind,
    /// Raise only after the condition held for so long, in event time. 0 to 30 days.
    pub on_delay: Duration,
    /// Clear only after it has been over for so long, in event time. 0 to 30 days.
    pub off_delay: Duration,
    /// The longest gap between two readings that the on-delay bridges, 0 to 30 days.
    /// Absent: the delay, or three usual intervals of the series if that is more.
    pub longest_gap: Option<Duration>,
}

pub(crate) fn functions(reader: &mut Reader<'_>) -> Vec<Function> {
    let mut names = BTreeSet::new();
    reader.each("function", |section| {
        let function = function(section);
        if !function.name.is_empty() && !names.insert(function.name.clone()) {
            let reason = format!("another function is named {:?}", function.name);
            section.note("name", reason);
        }
        function
    })
}

fn function(section: &mut Section<'_, '_>) -> Function {
    let name = section.required("name", name).unwrap_or_default();
    let given = section.required("kind", kind);
    let kind = given.unwrap_or(&KINDS[0]);
    section.record_kinds(KINDS);
    if given.is_some() {
        let (foreign, own) = section.keys_of_other_kinds(kind.name);
        for key in foreign {
            let own = own.join(", ");
            section.note(
                key,
                format!("is not a key of kind {:?}, which has {own}", kind.name),
            );
        }
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
        longest_gap: section.optional("longest_gap", duration(Duration::ZERO..=MAX_DELAY)),
    }
}

fn kind(raw: Raw<'_>) -> Result<&'static Kind<FunctionKind>, Refused> {
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
        .into()
    })
}

/// The name is used in payloads, alarm ids and metrics.
fn name(raw: Raw<'_>) -> Result<String, Refused> {
    if raw.text()? == "payload" {
        let reason = "\"payload\" names the limits that come with a reading: choose another name";
        return Err(reason.into());
    }
    values::name(raw)
}

//! `bridge/devices`: which devices there are, and what they expose
//! (<https://www.zigbee2mqtt.io/guide/usage/exposes.html>).

use std::collections::BTreeMap;

use weir_model::Unit;

use crate::memory::{Exposes, Property};
use crate::output::Output;
use crate::tape::Token;

/// Exposes within each other: a property of a composite of a light.
const MAX_DEPTH: usize = 4;

/// Remembers the devices of the message.
pub(super) fn remember(out: &mut Output<'_, '_>, base: &str) {
    if out.token(0) != Token::Array {
        return;
    }
    let mut devices = BTreeMap::new();
    for at in out.children(0) {
        let Some(name) = out.text_at(at, "friendly_name") else {
            continue;
        };
        let mut exposes = Exposes::new();
        let definition = out.object_at(at, "definition");
        if let Some(list) = definition.and_then(|at| out.find(at, "exposes")) {
            collect(out, list, "", 0, &mut exposes);
        }
        devices.insert(out.str(name).to_owned(), exposes);
    }
    out.memory.describe(base, devices);
}

fn collect(out: &Output<'_, '_>, list: usize, outer: &str, depth: usize, exposes: &mut Exposes) {
    if depth == MAX_DEPTH || out.token(list) != Token::Array {
        return;
    }
    for at in out.children(list) {
        let text = |name| out.text_at(at, name).map(|text| out.str(text));
        let property = text("property").map(|property| match outer {
            "" => property.to_owned(),
            outer => format!("{outer}.{property}"),
        });
        if let Some(features) = out.find(at, "features") {
            let outer = property.as_deref().unwrap_or(outer);
            collect(out, features, outer, depth + 1, exposes);
            continue;
        }
        let Some(property) = property else { continue };
        let value = |name| text(name).map(str::to_owned);
        exposes.insert(
            property,
            Property {
                unit: text("unit").and_then(Unit::canonical).map(str::to_owned),
                on: value("value_on"),
                off: value("value_off"),
            },
        );
    }
}

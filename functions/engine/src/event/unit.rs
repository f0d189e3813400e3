//! Brings a reading into the unit that a function `unit` expects of its series,
//! before its column is looked up.

use weir_codec::{RawReading, RawValue};
use weir_config::{FunctionKind, UnitCheck};
use weir_model::Flags;

use super::context::{EventContext, EventDevice, ValidReading};
use crate::checks::unit::{Conversion, conversion};
use crate::input::UnitOutcome;
use crate::state::index::FunctionIx;

impl<'a> EventContext<'a> {
    /// The reading in the expected unit, and what became of its unit; `None`
    /// when it stays as it came.
    #[inline]
    pub(super) fn in_expected_unit(
        &self,
        owner: &EventDevice<'a>,
        valid: &mut ValidReading<'a>,
        raw: &RawReading,
    ) -> Option<(RawReading, UnitOutcome)> {
        let settings = match valid.series {
            Some(series) => {
                let function = self.tables.series[series.index()].stages.unit?;
                match &self.rules.get(FunctionIx(function.get()))?.kind {
                    FunctionKind::Unit(settings) => settings,
                    _ => return None,
                }
            }
            None => self.unit_of_new(owner, valid)?,
        };
        if matches!(raw.value, RawValue::Text(_)) {
            return None;
        }
        convert(settings, valid, raw)
    }

    #[cold]
    fn unit_of_new(
        &self,
        owner: &EventDevice<'a>,
        valid: &ValidReading<'a>,
    ) -> Option<&'a UnitCheck> {
        self.rules.iter().find_map(|(_, rule)| match &rule.kind {
            FunctionKind::Unit(settings)
                if rule.selects(owner.name, valid.sensor, valid.location) =>
            {
                Some(settings)
            }
            _ => None,
        })
    }
}

fn convert<'a>(
    settings: &'a UnitCheck,
    valid: &mut ValidReading<'a>,
    raw: &RawReading,
) -> Option<(RawReading, UnitOutcome)> {
    let mut converted = *raw;
    match conversion(settings, valid.unit) {
        Conversion::None => None,
        Conversion::Assumed => {
            valid.unit = &settings.unit;
            Some((converted, UnitOutcome::AsExpected))
        }
        Conversion::Impossible => Some((converted, UnitOutcome::Wrong)),
        Conversion::From(from, to) => {
            let convert = |value: f64| from.convert(value, to).filter(|value| value.is_finite());
            let RawValue::Number(value) = raw.value else {
                return None;
            };
            let Some(value) = convert(value) else {
                return Some((converted, UnitOutcome::Wrong));
            };
            converted.value = RawValue::Number(value);
            converted.warning = raw.warning.and_then(convert);
            converted.critical = raw.critical.and_then(convert);
            valid.unit = &settings.unit;
            valid.flags = valid.flags.with(Flags::CONVERTED);
            Some((converted, UnitOutcome::Converted))
        }
    }
}

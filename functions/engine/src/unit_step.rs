//! Brings a reading into the unit that a function `unit` expects of its series,
//! before its column is looked up.

use weir_codec::{RawReading, RawValue};
use weir_config::UnitCheck;
use weir_model::Flags;

use crate::checks::unit::{Conversion, UnitOutcome, conversion};
use crate::kinds::Kind;
use crate::reading::{Judged, Sender, Step};

impl<'a> Step<'a> {
    /// The reading in the expected unit, and what became of its unit; `None`
    /// when it stays as it came.
    #[inline]
    pub(crate) fn in_expected_unit(
        &self,
        sender: &Sender<'a>,
        judged: &mut Judged<'a>,
        raw: &RawReading,
    ) -> Option<(RawReading, UnitOutcome)> {
        let settings = match judged.series {
            Some(series) => {
                let function = self.memory.series[series as usize].stages.unit?;
                match &self.rules.get(usize::from(function.get()) - 1)?.kind {
                    Kind::Unit(settings) => settings,
                    _ => return None,
                }
            }
            None => self.unit_of_new(sender, judged)?,
        };
        if matches!(raw.value, RawValue::Text(_)) {
            return None;
        }
        convert(settings, judged, raw)
    }

    #[cold]
    fn unit_of_new(&self, sender: &Sender<'a>, judged: &Judged<'a>) -> Option<&'a UnitCheck> {
        self.rules.iter().find_map(|rule| match &rule.kind {
            Kind::Unit(settings) if rule.selects(sender.name, judged.sensor, judged.location) => {
                Some(settings)
            }
            _ => None,
        })
    }
}

fn convert<'a>(
    settings: &'a UnitCheck,
    judged: &mut Judged<'a>,
    raw: &RawReading,
) -> Option<(RawReading, UnitOutcome)> {
    let mut converted = *raw;
    match conversion(settings, judged.unit) {
        Conversion::None => None,
        Conversion::Assumed => {
            judged.unit = &settings.unit;
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
            judged.unit = &settings.unit;
            judged.flags = judged.flags.with(Flags::CONVERTED);
            Some((converted, UnitOutcome::Converted))
        }
    }
}

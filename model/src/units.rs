//! Units of measurement: the UCUM codes (<https://ucum.org/ucum>, case-sensitive)
//! that industrial telemetry uses, beside the spellings that devices send for
//! them, and how to get from one to another of the same quantity.
//!
//! A prefix is part of a code here: a unit is one of the list or is not known.
//! What devices send is normalized before the list is asked (`spelling.rs`):
//! signs that look alike, case, and words.

mod spelling;
mod table;

use table::UNITS;

/// A unit that is known: `base = value * factor + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unit {
    quantity: Quantity,
    factor: f64,
    offset: f64,
}

/// What a unit measures. Only units of the same one convert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantity {
    Temperature,
    Pressure,
    Length,
    Mass,
    Time,
    Frequency,
    Speed,
    Acceleration,
    Area,
    Volume,
    VolumeFlow,
    MassFlow,
    Force,
    Energy,
    Power,
    ReactivePower,
    ApparentPower,
    Voltage,
    Current,
    Charge,
    Resistance,
    Conductance,
    Conductivity,
    Capacitance,
    Inductance,
    FluxDensity,
    Angle,
    AngularSpeed,
    Torque,
    Density,
    Fraction,
    Illuminance,
    LuminousFlux,
    Irradiance,
    Level,
    PowerLevel,
    Acidity,
    Amount,
    Viscosity,
    Activity,
    DoseRate,
    Data,
}

impl Unit {
    /// The unit of a UCUM code or another spelling of it: `Cel`, `ºC`, `celsius`.
    pub fn find(text: &str) -> Option<Self> {
        Self::exact(text).or_else(|| spelling::find(text))
    }

    /// As [`Unit::find`], for a reading that is expected in `expected`. A text that
    /// has two meanings has the one that converts: `C` is degrees Celsius where
    /// temperatures are expected, and coulombs elsewhere.
    pub fn find_for(text: &str, expected: Self) -> Option<Self> {
        let converts = |unit: &Self| unit.quantity == expected.quantity;
        let found = Self::find(text);
        if found.as_ref().is_some_and(converts) {
            return found;
        }
        spelling::other_meaning(text).filter(converts).or(found)
    }

    /// The UCUM code of a spelling; the code itself if it is one.
    pub fn canonical(text: &str) -> Option<&'static str> {
        let unit = Self::find(text)?;
        let is_code = |code: &&str| !spelling::is_colloquial(code);
        let own = Self::codes().find(|code| *code == text).filter(is_code);
        let equal = UNITS.iter().filter(|(_, quantity, factor, offset)| {
            (*quantity, *factor, *offset) == (unit.quantity, unit.factor, unit.offset)
        });
        let mut equal = equal.map(|(code, ..)| *code);
        own.or_else(|| equal.find(is_code))
    }

    /// The unit of a code or spelling of the list.
    pub fn exact(code: &str) -> Option<Self> {
        let found = UNITS.binary_search_by(|(known, ..)| (**known).cmp(code));
        let (_, quantity, factor, offset) = UNITS[found.ok()?];
        Some(Self {
            quantity,
            factor,
            offset,
        })
    }

    /// The value in another unit, if it measures the same.
    pub fn convert(self, value: f64, to: Self) -> Option<f64> {
        if self.quantity != to.quantity {
            return None;
        }
        if self.offset == to.offset {
            return Some(value * (self.factor / to.factor));
        }
        let base = value * self.factor + self.offset;
        Some((base - to.offset) / to.factor)
    }

    /// The known codes, in byte order.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        UNITS.iter().map(|(code, ..)| *code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_has_each_code_once() {
        assert!(UNITS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn values_convert_as_the_tables_of_nist_say() {
        #[track_caller]
        fn check(value: f64, from: &str, to: &str, expect: f64) {
            let (from, to) = (Unit::find(from).unwrap(), Unit::find(to).unwrap());
            let found = from.convert(value, to).unwrap();
            assert!(
                (found - expect).abs() <= 1e-9 * expect.abs().max(1.0),
                "{found}"
            );
        }
        check(212.0, "[degF]", "Cel", 100.0);
        check(-40.0, "°C", "°F", -40.0);
        check(0.0, "Cel", "K", 273.15);
        check(1.0, "bar", "[psi]", 14.503_773_773_02);
        check(760.0, "mm[Hg]", "kPa", 101.325_014_435_4);
        check(1.0, "kW.h", "MJ", 3.6);
        check(3_000.0, "rpm", "Hz", 50.0);
        check(100.0, "km/h", "m/s", 27.777_777_777_777_78);
        check(10.0, "[gal_us]/min", "L/min", 37.854_117_84);
        check(45.0, "%", "1", 0.45);
    }

    #[test]
    fn what_measures_something_else_does_not_convert() {
        let unit = |code| Unit::find(code).unwrap();
        assert_eq!(unit("Cel").convert(1.0, unit("bar")), None);
        assert_eq!(unit("W").convert(1.0, unit("V.A")), None);
        assert_eq!(Unit::find("furlong"), None);
        assert_eq!(Unit::find(""), None);
    }
}

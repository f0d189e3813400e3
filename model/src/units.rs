//! Units of measurement: the UCUM codes (<https://ucum.org/ucum>, case-sensitive)
//! that industrial telemetry uses, beside the spellings that devices send for
//! them, and how to get from one to another of the same quantity.
//!
//! A prefix is part of a code here: a unit is one of the list or is not known.
//! What devices send is normalized before the list is asked (`spelling.rs`):
//! signs that look alike, case, and words.

mod spelling;

use std::f64::consts::PI;

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

/// Code, quantity, factor, offset; sorted by code.
#[rustfmt::skip]
const UNITS: &[(&str, Quantity, f64, f64)] = {
    use Quantity::*;
    &[
        ("%", Fraction, 1e-2, 0.0),
        ("%RH", Fraction, 1e-2, 0.0),
        ("%rh", Fraction, 1e-2, 0.0),
        ("'", Angle, PI / 10_800.0, 0.0),
        ("/h", Frequency, 1.0 / 3_600.0, 0.0),
        ("/min", Frequency, 1.0 / 60.0, 0.0),
        ("/s", Frequency, 1.0, 0.0),
        ("1", Fraction, 1.0, 0.0),
        ("1/min", Frequency, 1.0 / 60.0, 0.0),
        ("A", Current, 1.0, 0.0),
        ("A.h", Charge, 3_600.0, 0.0),
        ("Ah", Charge, 3_600.0, 0.0),
        ("B", Level, 10.0, 0.0),
        ("Bq", Activity, 1.0, 0.0),
        ("By", Data, 8.0, 0.0),
        ("C", Charge, 1.0, 0.0),
        ("Cel", Temperature, 1.0, 273.15),
        ("F", Capacitance, 1.0, 0.0),
        ("G", FluxDensity, 1e-4, 0.0),
        ("GBy", Data, 8e9, 0.0),
        ("GHz", Frequency, 1e9, 0.0),
        ("GJ", Energy, 1e9, 0.0),
        ("GW", Power, 1e9, 0.0),
        ("GW.h", Energy, 3.6e12, 0.0),
        ("GWh", Energy, 3.6e12, 0.0),
        ("GiBy", Data, 8_589_934_592.0, 0.0),
        ("H", Inductance, 1.0, 0.0),
        ("Hz", Frequency, 1.0, 0.0),
        ("J", Energy, 1.0, 0.0),
        ("K", Temperature, 1.0, 0.0),
        ("KiBy", Data, 8_192.0, 0.0),
        ("L", Volume, 1e-3, 0.0),
        ("L/h", VolumeFlow, 1e-3 / 3_600.0, 0.0),
        ("L/min", VolumeFlow, 1e-3 / 60.0, 0.0),
        ("L/s", VolumeFlow, 1e-3, 0.0),
        ("MBy", Data, 8e6, 0.0),
        ("MHz", Frequency, 1e6, 0.0),
        ("MJ", Energy, 1e6, 0.0),
        ("MN", Force, 1e6, 0.0),
        ("MOhm", Resistance, 1e6, 0.0),
        ("MPa", Pressure, 1e6, 0.0),
        ("MV.A", ApparentPower, 1e6, 0.0),
        ("MVA", ApparentPower, 1e6, 0.0),
        ("MW", Power, 1e6, 0.0),
        ("MW.h", Energy, 3.6e9, 0.0),
        ("MWh", Energy, 3.6e9, 0.0),
        ("MiBy", Data, 8_388_608.0, 0.0),
        ("Mvar", ReactivePower, 1e6, 0.0),
        ("N", Force, 1.0, 0.0),
        ("N.m", Torque, 1.0, 0.0),
        ("Nm", Torque, 1.0, 0.0),
        ("Ohm", Resistance, 1.0, 0.0),
        ("Pa", Pressure, 1.0, 0.0),
        ("Pa.s", Viscosity, 1.0, 0.0),
        ("S", Conductance, 1.0, 0.0),
        ("S/m", Conductivity, 1.0, 0.0),
        ("Sv/h", DoseRate, 1.0, 0.0),
        ("T", FluxDensity, 1.0, 0.0),
        ("V", Voltage, 1.0, 0.0),
        ("V.A", ApparentPower, 1.0, 0.0),
        ("VA", ApparentPower, 1.0, 0.0),
        ("VAr", ReactivePower, 1.0, 0.0),
        ("W", Power, 1.0, 0.0),
        ("W.h", Energy, 3.6e3, 0.0),
        ("W/m2", Irradiance, 1.0, 0.0),
        ("W/m²", Irradiance, 1.0, 0.0),
        ("Wh", Energy, 3.6e3, 0.0),
        ("[Btu_IT]", Energy, 1_055.055_852_62, 0.0),
        ("[Btu_IT]/h", Power, 1_055.055_852_62 / 3_600.0, 0.0),
        ("[HP]", Power, 745.699_871_582_27, 0.0),
        ("[bbl_us]", Volume, 0.158_987_294_928, 0.0),
        ("[cft_i]", Volume, 0.028_316_846_592, 0.0),
        ("[cft_i]/min", VolumeFlow, 0.028_316_846_592 / 60.0, 0.0),
        ("[degF]", Temperature, 5.0 / 9.0, 459.67 * 5.0 / 9.0),
        ("[degR]", Temperature, 5.0 / 9.0, 0.0),
        ("[ft_i]", Length, 0.304_8, 0.0),
        ("[ft_i]/min", Speed, 0.304_8 / 60.0, 0.0),
        ("[ft_i]/s", Speed, 0.304_8, 0.0),
        ("[g]", Acceleration, 9.806_65, 0.0),
        ("[gal_br]", Volume, 4.546_09e-3, 0.0),
        ("[gal_us]", Volume, 3.785_411_784e-3, 0.0),
        ("[gal_us]/min", VolumeFlow, 3.785_411_784e-3 / 60.0, 0.0),
        ("[in_i'H2O]", Pressure, 249.088_91, 0.0),
        ("[in_i'Hg]", Pressure, 3_386.388_640_341, 0.0),
        ("[in_i]", Length, 0.025_4, 0.0),
        ("[kn_i]", Speed, 1_852.0 / 3_600.0, 0.0),
        ("[lb_av]", Mass, 0.453_592_37, 0.0),
        ("[lb_av]/h", MassFlow, 0.453_592_37 / 3_600.0, 0.0),
        ("[lbf_av]", Force, 4.448_221_615_260_5, 0.0),
        ("[lbf_av].[ft_i]", Torque, 1.355_817_948_331_400_4, 0.0),
        ("[mi_i]", Length, 1_609.344, 0.0),
        ("[mi_i]/h", Speed, 0.447_04, 0.0),
        ("[mil_i]", Length, 2.54e-5, 0.0),
        ("[nmi_i]", Length, 1_852.0, 0.0),
        ("[oz_av]", Mass, 0.028_349_523_125, 0.0),
        ("[pH]", Acidity, 1.0, 0.0),
        ("[ppb]", Fraction, 1e-9, 0.0),
        ("[ppm]", Fraction, 1e-6, 0.0),
        ("[ppth]", Fraction, 1e-3, 0.0),
        ("[psi]", Pressure, 6_894.757_293_168, 0.0),
        ("[sft_i]", Area, 0.092_903_04, 0.0),
        ("[yd_i]", Length, 0.914_4, 0.0),
        ("atm", Pressure, 101_325.0, 0.0),
        ("bar", Pressure, 1e5, 0.0),
        ("bit", Data, 1.0, 0.0),
        ("cP", Viscosity, 1e-3, 0.0),
        ("cal_th", Energy, 4.184, 0.0),
        ("cfm", VolumeFlow, 0.028_316_846_592 / 60.0, 0.0),
        ("cm", Length, 1e-2, 0.0),
        ("cm/s", Speed, 1e-2, 0.0),
        ("cm2", Area, 1e-4, 0.0),
        ("cm3", Volume, 1e-6, 0.0),
        ("cm[H2O]", Pressure, 98.066_5, 0.0),
        ("d", Time, 86_400.0, 0.0),
        ("dB", Level, 1.0, 0.0),
        ("dB[mW]", PowerLevel, 1.0, 0.0),
        ("dBm", PowerLevel, 1.0, 0.0),
        ("deg", Angle, PI / 180.0, 0.0),
        ("deg/s", AngularSpeed, PI / 180.0, 0.0),
        ("degC", Temperature, 1.0, 273.15),
        ("degF", Temperature, 5.0 / 9.0, 459.67 * 5.0 / 9.0),
        ("dm", Length, 1e-1, 0.0),
        ("ft", Length, 0.304_8, 0.0),
        ("g", Mass, 1e-3, 0.0),
        ("g/L", Density, 1.0, 0.0),
        ("g/cm3", Density, 1e3, 0.0),
        ("g/l", Density, 1.0, 0.0),
        ("g/m3", Density, 1e-3, 0.0),
        ("g/s", MassFlow, 1e-3, 0.0),
        ("gal", Volume, 3.785_411_784e-3, 0.0),
        ("gpm", VolumeFlow, 3.785_411_784e-3 / 60.0, 0.0),
        ("h", Time, 3_600.0, 0.0),
        ("hL", Volume, 1e-1, 0.0),
        ("hPa", Pressure, 1e2, 0.0),
        ("har", Area, 1e4, 0.0),
        ("in", Length, 0.025_4, 0.0),
        ("inHg", Pressure, 3_386.388_640_341, 0.0),
        ("kA", Current, 1e3, 0.0),
        ("kBq", Activity, 1e3, 0.0),
        ("kBy", Data, 8e3, 0.0),
        ("kHz", Frequency, 1e3, 0.0),
        ("kJ", Energy, 1e3, 0.0),
        ("kN", Force, 1e3, 0.0),
        ("kN.m", Torque, 1e3, 0.0),
        ("kOhm", Resistance, 1e3, 0.0),
        ("kPa", Pressure, 1e3, 0.0),
        ("kV", Voltage, 1e3, 0.0),
        ("kV.A", ApparentPower, 1e3, 0.0),
        ("kVA", ApparentPower, 1e3, 0.0),
        ("kVAr", ReactivePower, 1e3, 0.0),
        ("kW", Power, 1e3, 0.0),
        ("kW.h", Energy, 3.6e6, 0.0),
        ("kW/m2", Irradiance, 1e3, 0.0),
        ("kWh", Energy, 3.6e6, 0.0),
        ("kcal_th", Energy, 4_184.0, 0.0),
        ("kg", Mass, 1.0, 0.0),
        ("kg/h", MassFlow, 1.0 / 3_600.0, 0.0),
        ("kg/m3", Density, 1.0, 0.0),
        ("kg/min", MassFlow, 1.0 / 60.0, 0.0),
        ("kg/s", MassFlow, 1.0, 0.0),
        ("kgf", Force, 9.806_65, 0.0),
        ("klx", Illuminance, 1e3, 0.0),
        ("km", Length, 1e3, 0.0),
        ("km/h", Speed, 1.0 / 3.6, 0.0),
        ("km2", Area, 1e6, 0.0),
        ("kn", Speed, 1_852.0 / 3_600.0, 0.0),
        ("kph", Speed, 1.0 / 3.6, 0.0),
        ("kvar", ReactivePower, 1e3, 0.0),
        ("l", Volume, 1e-3, 0.0),
        ("l/h", VolumeFlow, 1e-3 / 3_600.0, 0.0),
        ("l/min", VolumeFlow, 1e-3 / 60.0, 0.0),
        ("l/s", VolumeFlow, 1e-3, 0.0),
        ("lb", Mass, 0.453_592_37, 0.0),
        ("lbf", Force, 4.448_221_615_260_5, 0.0),
        ("lm", LuminousFlux, 1.0, 0.0),
        ("lx", Illuminance, 1.0, 0.0),
        ("m", Length, 1.0, 0.0),
        ("m/min", Speed, 1.0 / 60.0, 0.0),
        ("m/s", Speed, 1.0, 0.0),
        ("m/s2", Acceleration, 1.0, 0.0),
        ("m/s²", Acceleration, 1.0, 0.0),
        ("m2", Area, 1.0, 0.0),
        ("m3", Volume, 1.0, 0.0),
        ("m3/h", VolumeFlow, 1.0 / 3_600.0, 0.0),
        ("m3/min", VolumeFlow, 1.0 / 60.0, 0.0),
        ("m3/s", VolumeFlow, 1.0, 0.0),
        ("mA", Current, 1e-3, 0.0),
        ("mA.h", Charge, 3.6, 0.0),
        ("mAh", Charge, 3.6, 0.0),
        ("mH", Inductance, 1e-3, 0.0),
        ("mK", Temperature, 1e-3, 0.0),
        ("mL", Volume, 1e-6, 0.0),
        ("mL/min", VolumeFlow, 1e-6 / 60.0, 0.0),
        ("mN", Force, 1e-3, 0.0),
        ("mOhm", Resistance, 1e-3, 0.0),
        ("mPa.s", Viscosity, 1e-3, 0.0),
        ("mS", Conductance, 1e-3, 0.0),
        ("mS/cm", Conductivity, 1e-1, 0.0),
        ("mS/m", Conductivity, 1e-3, 0.0),
        ("mSv/h", DoseRate, 1e-3, 0.0),
        ("mT", FluxDensity, 1e-3, 0.0),
        ("mV", Voltage, 1e-3, 0.0),
        ("mW", Power, 1e-3, 0.0),
        ("mW/cm2", Irradiance, 10.0, 0.0),
        ("m[H2O]", Pressure, 9_806.65, 0.0),
        ("m[g]", Acceleration, 9.806_65e-3, 0.0),
        ("mbar", Pressure, 1e2, 0.0),
        ("mg", Mass, 1e-6, 0.0),
        ("mg/L", Density, 1e-3, 0.0),
        ("mg/l", Density, 1e-3, 0.0),
        ("mg/m3", Density, 1e-6, 0.0),
        ("mi", Length, 1_609.344, 0.0),
        ("min", Time, 60.0, 0.0),
        ("ml", Volume, 1e-6, 0.0),
        ("mm", Length, 1e-3, 0.0),
        ("mm/s", Speed, 1e-3, 0.0),
        ("mm/s2", Acceleration, 1e-3, 0.0),
        ("mm2", Area, 1e-6, 0.0),
        ("mmHg", Pressure, 133.322_387_415, 0.0),
        ("mm[Hg]", Pressure, 133.322_387_415, 0.0),
        ("mmol", Amount, 1e-3, 0.0),
        ("mol", Amount, 1.0, 0.0),
        ("mph", Speed, 0.447_04, 0.0),
        ("mrad", Angle, 1e-3, 0.0),
        ("ms", Time, 1e-3, 0.0),
        ("m²", Area, 1.0, 0.0),
        ("m³", Volume, 1.0, 0.0),
        ("m³/h", VolumeFlow, 1.0 / 3_600.0, 0.0),
        ("nF", Capacitance, 1e-9, 0.0),
        ("nm", Length, 1e-9, 0.0),
        ("ns", Time, 1e-9, 0.0),
        ("oz", Mass, 0.028_349_523_125, 0.0),
        ("pF", Capacitance, 1e-12, 0.0),
        ("pH", Acidity, 1.0, 0.0),
        ("ppb", Fraction, 1e-9, 0.0),
        ("ppm", Fraction, 1e-6, 0.0),
        ("psi", Pressure, 6_894.757_293_168, 0.0),
        ("rad", Angle, 1.0, 0.0),
        ("rad/s", AngularSpeed, 1.0, 0.0),
        ("rpm", Frequency, 1.0 / 60.0, 0.0),
        ("s", Time, 1.0, 0.0),
        ("t", Mass, 1e3, 0.0),
        ("t/h", MassFlow, 1.0 / 3.6, 0.0),
        ("uA", Current, 1e-6, 0.0),
        ("uF", Capacitance, 1e-6, 0.0),
        ("uH", Inductance, 1e-6, 0.0),
        ("uS", Conductance, 1e-6, 0.0),
        ("uS/cm", Conductivity, 1e-4, 0.0),
        ("uSv/h", DoseRate, 1e-6, 0.0),
        ("uT", FluxDensity, 1e-6, 0.0),
        ("uV", Voltage, 1e-6, 0.0),
        ("ug", Mass, 1e-9, 0.0),
        ("ug/m3", Density, 1e-9, 0.0),
        ("um", Length, 1e-6, 0.0),
        ("umol", Amount, 1e-6, 0.0),
        ("us", Time, 1e-6, 0.0),
        ("var", ReactivePower, 1.0, 0.0),
        ("wk", Time, 604_800.0, 0.0),
        ("yd", Length, 0.914_4, 0.0),
        ("{rpm}", Frequency, 1.0 / 60.0, 0.0),
        ("°", Angle, PI / 180.0, 0.0),
        ("°/s", AngularSpeed, PI / 180.0, 0.0),
        ("°C", Temperature, 1.0, 273.15),
        ("°F", Temperature, 5.0 / 9.0, 459.67 * 5.0 / 9.0),
        ("µA", Current, 1e-6, 0.0),
        ("µF", Capacitance, 1e-6, 0.0),
        ("µS/cm", Conductivity, 1e-4, 0.0),
        ("µSv/h", DoseRate, 1e-6, 0.0),
        ("µT", FluxDensity, 1e-6, 0.0),
        ("µV", Voltage, 1e-6, 0.0),
        ("µg", Mass, 1e-9, 0.0),
        ("µg/m3", Density, 1e-9, 0.0),
        ("µg/m³", Density, 1e-9, 0.0),
        ("µm", Length, 1e-6, 0.0),
        ("µs", Time, 1e-6, 0.0),
        ("Ω", Resistance, 1.0, 0.0),
        ("μg", Mass, 1e-9, 0.0),
        ("μm", Length, 1e-6, 0.0),
        ("μs", Time, 1e-6, 0.0),
        ("℃", Temperature, 1.0, 273.15),
    ]
};

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

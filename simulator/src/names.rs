//! The names that the command line knows: scenarios, anomalies, fault kinds.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// An unknown name, with the known ones.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("there is no {what} {given:?}; there are {names}")]
pub struct UnknownName {
    what: &'static str,
    given: String,
    names: String,
}

macro_rules! names {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant,)+];
            /// The names, in the order of [`Self::ALL`].
            pub const NAMES: &[&str] = &[$($text,)+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl FromStr for $name {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                Self::ALL.iter().copied().find(|name| name.as_str() == text).ok_or_else(|| {
                    UnknownName { what: $what, given: text.to_owned(), names: Self::NAMES.join(", ") }
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

names! {
    /// What happens to a fleet.
    Scenario, "scenario" {
        /// Every kind of fault in turn: the first within seconds, all within minutes.
        Demo = "demo",
        /// No faults: nothing ever crosses a limit.
        Steady = "steady",
        /// No faults; the publisher sends in bursts of five times the rate.
        Burst = "burst",
        /// Bad links: late, repeated and missing messages, dropped connections.
        Flaky = "flaky",
    }
}

names! {
    /// An additional fault in a scenario, on one device of twenty.
    Anomaly, "anomaly" {
        Spike = "spike",
        Drift = "drift",
        Stuck = "stuck",
        Silence = "silence",
        Overheat = "overheat",
    }
}

names! {
    /// What goes wrong with a device.
    FaultKind, "fault" {
        /// A temperature climbs over its warning, then its critical limit.
        Overheat = "overheat",
        /// Single readings far beyond the critical limit.
        Spike = "spike",
        /// A slow climb over the warning limit.
        Drift = "drift",
        /// A sensor repeats one value to the last digit.
        Stuck = "stuck",
        /// The device sends nothing.
        Silence = "silence",
        /// Payloads that cannot be decoded in whole or in part.
        Broken = "broken",
        /// Each message is sent twice.
        Duplicate = "duplicate",
        /// Messages carry a time that is minutes old.
        Late = "late",
        /// The device's clock is minutes ahead.
        ClockAhead = "clock-ahead",
        /// A value that the sensor cannot measure: its wire is broken.
        OutOfRange = "out-of-range",
        /// A state that does not exist.
        BadState = "bad-state",
        /// Another unit of the same quantity, and the value in it.
        OtherUnit = "other-unit",
        /// A unit of another quantity: the sensor's raw signal.
        WrongUnit = "wrong-unit",
        /// Each event is repeated at once, with a new time.
        Restamp = "restamp",
        /// A value falls well below its recent ones, within its limits.
        Dip = "dip",
        /// Every third reading is far from the others.
        Bursts = "bursts",
        /// A small lasting change of level.
        Shift = "shift",
        /// A value that is usual, but not at this time of the day.
        WrongTime = "wrong-time",
        /// A value that is usual, but not beside the device's others.
        Slip = "slip",
        /// A value that contradicts the values computed from the device's others.
        Miswired = "miswired",
        /// A steady value starts to oscillate.
        Shaking = "shaking",
        /// A value goes up and down from reading to reading.
        Hunting = "hunting",
    }
}

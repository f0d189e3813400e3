//! The names behind a slot, where a slot is one (series, function). The alarm
//! engine works with numbers and needs names only at a transition.

/// The names that an alert prints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotNames {
    pub device: String,
    pub sensor: String,
    pub unit: Option<String>,
    pub function: String,
    /// `None` or empty: unknown.
    pub location: Option<String>,
    /// The function's own phrase for this verdict. It follows "sensor value is".
    pub custom_reason: Option<String>,
    /// The expression of a function that is a condition, as configured.
    pub condition: Option<String>,
}

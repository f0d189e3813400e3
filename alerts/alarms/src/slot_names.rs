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
    /// The value of a reading that is a text.
    pub text: Option<String>,
    /// The values that the function allows, as a list for people.
    pub allowed: Option<String>,
    /// When Weir received the message, by its clock, in milliseconds.
    pub recorded_at: Option<i64>,
    /// The expression of a function that is a condition, as configured.
    pub condition: Option<String>,
}

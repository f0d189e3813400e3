//! One reading as a function sees it.

/// One reading as a function sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    /// Nanoseconds.
    pub(crate) time: i64,
    /// When the message was received, nanoseconds.
    pub(crate) received: i64,
    pub(crate) unit: UnitOutcome,
    pub(crate) value: InputValue<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum InputValue<'a> {
    Number(f64),
    Text(&'a str),
}

impl InputValue<'_> {
    #[inline]
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Self::Number(value) => Some(value),
            Self::Text(_) => None,
        }
    }
}

/// The result of bringing a reading into the unit that a function `unit` expects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum UnitOutcome {
    /// It has the expected unit, or no function expects one.
    #[default]
    AsExpected,
    Converted,
    Wrong,
}

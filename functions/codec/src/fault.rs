//! Why a message or a reading is refused: the reason that is counted, and a
//! sentence for the operator.

use std::fmt;

use weir_model::QuarantineReason;

/// Longest piece of a sender's text in a sentence, in characters.
const MAX_QUOTED: usize = 48;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub reason: QuarantineReason,
    pub detail: String,
}

impl Fault {
    #[cold]
    pub fn new(reason: QuarantineReason, detail: String) -> Self {
        Self { reason, detail }
    }
}

/// A sender's text, safe for a log: quoted, escaped and cut.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(MAX_QUOTED) {
            None => write!(f, "{:?}", self.0),
            Some((cut, _)) => write!(f, "{:?}… ({} bytes)", &self.0[..cut], self.0.len()),
        }
    }
}

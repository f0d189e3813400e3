//! Texts within the limits of a receiver, and values in its JSON.

use serde_json::{Value, json};
use weir_model::Alert;

/// The value of an alert: a number, a text, or `null`.
pub(super) fn json_value(alert: &Alert) -> Value {
    match &alert.text {
        Some(text) => json!(text),
        None => json!(alert.value),
    }
}

/// At most so many bytes of a text, cut between characters.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

//! Bytes and names as text for URLs, logs and terminals.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Two lower-case digits per byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

/// A path segment or a query's value of a URL: everything but the unreserved
/// characters is percent-encoded (RFC 3986, section 2).
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Text from the network as one line that is safe to print: every control
/// character (line breaks and terminal escapes included) becomes U+FFFD.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_names() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
        assert_eq!(
            percent_encoded("hall 2/a-b_c.~é"),
            "hall%202%2Fa-b_c.~%C3%A9"
        );
    }

    #[test]
    fn text_for_a_terminal_has_no_control_characters() {
        assert_eq!(printable("Küche °C"), "Küche °C");
        assert_eq!(
            printable("a\n\u{1b}[31mb\u{7f}"),
            "a\u{fffd}\u{fffd}[31mb\u{fffd}"
        );
        assert_eq!(printable(""), "");
    }
}

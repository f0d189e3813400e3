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
/// character (line breaks and terminal escapes included), and every character that
/// changes the direction of the text after it, becomes U+FFFD.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if is_hidden(c) { '\u{fffd}' } else { c })
        .collect()
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061c}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
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
    fn text_for_a_terminal_has_no_characters_that_control_it() {
        for (text, expect) in [
            ("", ""),
            ("Küche 7 °C", "Küche 7 °C"),
            ("a\n\u{1b}[31mb\u{7f}", "a\u{fffd}\u{fffd}[31mb\u{fffd}"),
            ("a\nb\u{9b}1m", "a\u{fffd}b\u{fffd}1m"),
            ("\u{202e}gnp.exe", "\u{fffd}gnp.exe"),
            ("\u{2066}x\u{2069}", "\u{fffd}x\u{fffd}"),
        ] {
            assert_eq!(printable(text), expect, "{text:?}");
        }
    }
}

//! Text of devices on a terminal.

/// A text from a device as one line, without control characters and without characters
/// that change the direction of what follows.
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
    fn what_controls_a_terminal_is_replaced_and_all_else_stays() {
        for (text, expect) in [
            ("Küche 7 °C", "Küche 7 °C"),
            ("a\u{1b}[2Jb", "a\u{fffd}[2Jb"),
            ("a\nb\u{9b}1m", "a\u{fffd}b\u{fffd}1m"),
            ("\u{202e}gnp.exe", "\u{fffd}gnp.exe"),
            ("\u{2066}x\u{2069}", "\u{fffd}x\u{fffd}"),
        ] {
            assert_eq!(printable(text), expect, "{text:?}");
        }
    }
}

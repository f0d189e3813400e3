//! Text from the network in the log: escaped, and cut.
//!
//! A client id, a topic or a peer's error message may hold line breaks, terminal
//! escapes or 64 KiB of text. Everything that a peer can choose goes into the log
//! through [`shown`], so that it can neither forge a line nor fill the disk.

use std::fmt::{self, Display, Formatter, Write};

/// Characters of one text in the log.
const MAX_CHARS: usize = 200;

/// The beginning of a text. `?shown(name)` is for names: in quotes, so that a name
/// cannot pass for the next field. `%shown(error)` is for sentences.
pub(crate) fn shown(text: impl Display) -> Shown {
    let mut shown = Shown {
        text: String::new(),
        left: MAX_CHARS,
    };
    // It refuses what is beyond the limit, which ends the formatting.
    if write!(shown, "{text}").is_err() {
        shown.text.push('…');
    }
    shown
}

/// See [`shown`].
pub(crate) struct Shown {
    text: String,
    left: usize,
}

impl Write for Shown {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(character);
        }
        Ok(())
    }
}

impl Display for Shown {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for character in self.text.chars() {
            match character {
                '\'' | '"' => f.write_char(character)?,
                _ => escape(character, f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.text.chars() {
            match character {
                '\'' => f.write_char(character)?,
                _ => escape(character, f)?,
            }
        }
        f.write_char('"')
    }
}

fn escape(character: char, f: &mut Formatter<'_>) -> fmt::Result {
    match character {
        // Invisible characters and marks of direction, which `escape_debug` may
        // leave as they are.
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => {
            write!(f, "{}", character.escape_unicode())
        }
        _ => write!(f, "{}", character.escape_debug()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_the_network_cannot_forge_a_line_or_steer_a_terminal() {
        for (text, expect) in [
            ("pump-1", "pump-1"),
            ("Küche/sensör", "Küche/sensör"),
            (
                "a/\n2026-11-30T00:00:00Z  WARN the journal is damaged",
                "a/\\n2026-11-30T00:00:00Z  WARN the journal is damaged",
            ),
            ("a\r\tb", "a\\r\\tb"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("x\u{202e}y\u{200b}z", "x\\u{202e}y\\u{200b}z"),
            ("line\u{2028}break\u{85}", "line\\u{2028}break\\u{85}"),
            ("NUL\0", "NUL\\0"),
            ("back\\slash", "back\\\\slash"),
        ] {
            assert_eq!(shown(text).to_string(), expect, "{text:?}");
            assert_eq!(format!("{:?}", shown(text)), format!("\"{expect}\""));
        }
    }

    #[test]
    fn a_name_cannot_pass_for_the_next_field() {
        let name = "a\" peer=\"10.0.0.1";
        assert_eq!(format!("{:?}", shown(name)), "\"a\\\" peer=\\\"10.0.0.1\"");
        assert_eq!(shown("it's \"quoted\"").to_string(), "it's \"quoted\"");
    }

    #[test]
    fn a_long_text_is_cut_at_200_characters() {
        let exact = "é".repeat(200);
        assert_eq!(shown(&exact).to_string(), exact);
        assert_eq!(shown("é".repeat(65_000)).to_string(), format!("{exact}…"));
        let escaped = shown("\n".repeat(65_000)).to_string();
        assert_eq!(escaped, format!("{}…", "\\n".repeat(200)));
    }
}

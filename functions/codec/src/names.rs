//! Device ids out of names that were no ids: harmless, and never two the same.

use crate::span::{Scratch, Span};

/// The id of a device of this name, appended to the scratch when it differs.
///
/// `/` becomes `:`, and each other character that no id may have `_`. A name that lost
/// something by this has the first four digits of its CRC-32 behind it.
pub(crate) fn device_of(text: &str, name: Span, scratch: &mut Scratch) -> Span {
    let original = scratch.resolve(text, name);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '.' | '-');
    let has_slash = original.contains('/');
    let leads_with_dot = original.starts_with('.');
    if original.chars().all(is_plain) && !leads_with_dot {
        return name;
    }
    let is_changed = leads_with_dot
        || original.chars().any(|c| c != '/' && !is_plain(c))
        || (has_slash && original.contains(':'));
    let crc = crc32(original.as_bytes());
    let start = scratch.unescaped.len();
    scratch.copy(text, name);
    let end = scratch.unescaped.len();
    let id = scratch.unescaped.len();
    let mut at = start;
    while at < end {
        let Some(character) = scratch
            .unescaped
            .get(at..end)
            .and_then(|rest| rest.chars().next())
        else {
            break;
        };
        at += character.len_utf8();
        let leads = at - character.len_utf8() == start;
        scratch.unescaped.push(match character {
            '/' => ':',
            '.' if leads => '_',
            c if is_plain(c) => c,
            _ => '_',
        });
    }
    if is_changed {
        let digits = format!("{crc:08x}");
        scratch.unescaped.push('-');
        scratch.unescaped.push_str(&digits[..4]);
    }
    scratch.since(id)
}

/// CRC-32 of IEEE 802.3, as zlib has it.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_ids_that_differ_where_the_names_do() {
        #[track_caller]
        fn check(name: &str, id: &str) {
            let mut scratch = Scratch::default();
            scratch.unescaped.push_str(name);
            let span = scratch.since(0);
            let found = device_of("", span, &mut scratch);
            assert_eq!(scratch.resolve("", found), id);
        }
        check("0x00158d0000000001", "0x00158d0000000001");
        check("kitchen/floor_light", "kitchen:floor_light");
        check("Temperatur Wohnung/Küche", "Temperatur_Wohnung:K_che-050f");
        check("a:b/c", "a:b:c-7012");
        check(".x", "_x-1400");
    }
}

//! Globs over names: the configuration selects devices, sensors, locations and
//! functions with them. `*` matches any text, `?` any one character.

/// Whether the glob matches the whole text. Takes at most `glob × text` steps, whatever
/// the input: only the last `*` is retried.
pub fn glob_matches(glob: &str, text: &str) -> bool {
    let (mut glob, mut text) = (glob.chars(), text.chars());
    let mut retry = None;
    loop {
        match (glob.next(), text.clone().next()) {
            (Some('*'), _) => retry = Some((glob.clone(), text.clone())),
            (None, None) => return true,
            (Some(expected), Some(found)) if expected == '?' || expected == found => {
                text.next();
            }
            _ => {
                // The last star matches one character more.
                let Some((after_star, mut rest)) = retry.take() else {
                    return false;
                };
                if rest.next().is_none() {
                    return false;
                }
                glob = after_star.clone();
                text = rest.clone();
                retry = Some((after_star, rest));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(glob: &str, text: &str, expect: bool) {
        assert_eq!(glob_matches(glob, text), expect, "{glob:?} on {text:?}");
    }

    #[test]
    fn globs_match_whole_names() {
        check("", "", true);
        check("", "a", false);
        check("*", "", true);
        check("*", "anything", true);
        check("pump-*", "pump-", true);
        check("pump-*", "pump-17", true);
        check("pump-*", "a-pump-17", false);
        check("*-17", "pump-17", true);
        check("p?mp", "pömp", true);
        check("p?mp", "pmp", false);
        check("a*b*c", "aXbYbZc", true);
        check("a*b*c", "aXbYbZ", false);
        check(
            "*a*a*a*b",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            false,
        );
        check("[a]", "[a]", true);
        check("temperature", "temperature", true);
        check("temperature", "Temperature", false);
        check("**", "x", true);
        check("?*", "", false);
        check("pump-?", "pump-10", false);
        check("*a*b", "xaybzb", true);
        check("*a*b", "xayz", false);
        check("pump", "pump-1", false);
        check(&"*a".repeat(60), &"a".repeat(59), false);
    }
}

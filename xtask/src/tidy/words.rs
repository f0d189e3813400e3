//! Plain technical English: phrases that documents, comments, logs and help do
//! not use, each with what to write instead.
//!
//! A phrase is matched within a line, whatever its case, at word boundaries;
//! `_` is part of a word, so names of functions and metrics are not affected.
//! To refuse another phrase, add it to [`IDIOMS`].

use std::collections::BTreeMap;

/// Phrases, and what to write instead.
const IDIOMS: &[(&[&str], &str)] = &[
    (
        &[
            "tells",
            "is told",
            "are told",
            "was told",
            "were told",
            "be told",
            "been told",
            "told of",
        ],
        "say who does it: `reports`, `returns`, `notifies`, `logs`",
    ),
    (
        &["lets go", "let go of", "letting go"],
        "`truncates`, `releases`, `deletes`",
    ),
    (
        &["goes on by itself", "go on by itself"],
        "`continues`, `recovers without a restart`",
    ),
    (
        &["no more", "any more", "nothing more"],
        "`no longer`, `disabled after N failures`, `at most N`",
    ),
    (&["anew"], "`again`, `reset`"),
    (
        &["stands in", "stand in", "stood in", "what stands"],
        "`is defined in`, `is stored in`, `is in`",
    ),
    (
        &["lies", "lie in", "lay in"],
        "`is in`, `is stored in`, `is`",
    ),
    (&["what there is"], "`existing`, or the noun that is meant"),
    (&["unless given", "unless said otherwise"], "`default: …`"),
    (
        &["takes on", "taken on", "takes it on", "takes up"],
        "`applies`, `accepts`, `loads`",
    ),
    (
        &["rs` says", "toml` says", "md` says"],
        "subject first: `` `topic_filter.rs` decides which … ``",
    ),
    (
        &["stays in force", "stayed in force"],
        "`keeping current configuration`, `is still used`",
    ),
    (
        &["does not advance", "stands still", "stand still"],
        "`stalled`, `is stalled`",
    ),
    (
        &["is where its condition holds"],
        "`<function>: condition `…` is true`",
    ),
    (
        &["a running weir a question", "a running weir questions"],
        "`Run a SQL query`",
    ),
    (
        &["that numbers were left out"],
        "`Gaps detected in device sequence numbers`",
    ),
];

/// Beginnings of phrases in which such words mean something else.
const EXCEPTIONS: &[&str] = &["no more than", "nothing more than"];

/// Names on disk and on the wire, which do not change.
const NAMES: &[(&str, &str)] = &[("alerts/notify/src/lanes.rs", "tells")];

/// Beginnings of paths whose text still has such phrases: they are counted, and
/// not refused. When a count is 0, its line goes.
const UNFINISHED: &[&str] = &["ingest/"];

/// This file has to name what it refuses.
const TABLE: &str = "xtask/src/tidy/words.rs";

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) faults: Vec<String>,
    /// By the entry of [`UNFINISHED`].
    pub(super) pending: BTreeMap<&'static str, usize>,
}

impl Words {
    /// Checks a file by its name, which is relative to the workspace's root.
    pub(super) fn add(&mut self, name: &str, text: &str) {
        if !is_prose(name) || name == TABLE {
            return;
        }
        let found = check(name, text);
        match UNFINISHED.iter().find(|start| name.starts_with(**start)) {
            Some(start) => *self.pending.entry(start).or_default() += found.len(),
            None => self.faults.extend(found),
        }
    }
}

/// Documents, sources, configuration and scripts; `.ci/run` has no ending.
fn is_prose(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    match file.rsplit_once('.') {
        Some((_, ending)) => ["md", "rs", "toml", "py", "sh", "wat"].contains(&ending),
        None => true,
    }
}

fn check(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let lower = line.to_lowercase();
        for (phrases, instead) in IDIOMS {
            let is_name = |phrase: &&str| NAMES.contains(&(name, *phrase));
            let phrases = phrases.iter().filter(|phrase| !is_name(phrase));
            let found = phrases.filter(|phrase| has(&lower, phrase));
            faults.extend(found.map(|phrase| {
                let number = number + 1;
                format!("{name}:{number}: not \"{phrase}\": write {instead}")
            }));
        }
    }
    faults
}

/// Whether the line has the phrase on its own, and not as part of an exception.
fn has(line: &str, phrase: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(phrase).any(|(start, _)| {
        let (before, rest) = line.split_at(start);
        let after = &rest[phrase.len()..];
        !before.ends_with(is_word)
            && !after.starts_with(is_word)
            && !EXCEPTIONS
                .iter()
                .any(|exception| rest.starts_with(exception))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn count(line: &str, expect: usize) {
        let found = check("a.md", line);
        assert_eq!(found.len(), expect, "{line}: {found:#?}");
    }

    #[test]
    fn a_phrase_is_refused_with_its_line_and_what_to_write() {
        let found = check("a.md", "fine\nThe journal Lets Go of it.\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a.md:2: not \"lets go\": write `truncates`"));
        count("// It is told, and begins anew.", 2);
    }

    #[test]
    fn words_that_contain_a_phrase_and_names_are_not_refused() {
        count("fn a_sink_is_told_anew() {}", 0);
        count("applies, families, replies, anewly", 0);
        count("at most 5, no more than that", 0);
        count("It is called no more.", 1);
    }

    #[test]
    fn unfinished_folders_are_counted_and_others_refused() {
        let mut words = Words::default();
        words.add("ingest/a.rs", "unless given");
        words.add("alerts/notify/src/lanes.rs", "the table `tells`");
        words.add(".ci/run", "# unless given");
        words.add("tests/golden/v1.json", "unless given");
        words.add(TABLE, "unless given");
        assert_eq!(words.pending, BTreeMap::from([("ingest/", 1)]));
        assert_eq!(words.faults.len(), 1, "{:?}", words.faults);
    }

    #[test]
    fn phrases_are_written_in_lower_case() {
        let phrases = IDIOMS.iter().flat_map(|(phrases, _)| *phrases);
        for phrase in phrases.chain(EXCEPTIONS) {
            assert_eq!(*phrase, phrase.to_lowercase());
        }
    }
}

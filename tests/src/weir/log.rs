//! Reading a log for what should not be in it.

/// Lines of level WARN or ERROR, and panics, that contain none of `allowed`.
pub(crate) fn unexpected<'a>(log: &'a str, allowed: &[String]) -> Vec<&'a str> {
    let lines = log.lines().filter(|line| is_trouble(line));
    lines
        .filter(|line| !allowed.iter().any(|text| line.contains(text.as_str())))
        .collect()
}

/// The last lines, for a failure's report.
pub(crate) fn tail(log: &str, lines: usize) -> String {
    let mut last: Vec<&str> = log.lines().rev().take(lines).collect();
    last.reverse();
    last.join("\n")
}

fn is_trouble(line: &str) -> bool {
    // The level is the second word of a line: `<time> <level> …`.
    let level = line.split_whitespace().nth(1).unwrap_or_default();
    matches!(level, "WARN" | "ERROR")
        || line.contains("\"level\":\"WARN\"")
        || line.contains("\"level\":\"ERROR\"")
        || line.contains("panicked at")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_found_by_its_level_and_not_by_its_words() {
        let log = "\
2026-01-01T00:00:00.1Z  INFO weir: ready, no ERROR here
2026-01-01T00:00:00.2Z  WARN weir_ingest::source: connection lost error=eof
2026-01-01T00:00:00.3Z ERROR weir: journal failed
{\"timestamp\":\"…\",\"level\":\"WARN\",\"fields\":{}}
thread 'pipeline' panicked at server/src/pipeline.rs:1:1:";
        assert_eq!(unexpected(log, &[]).len(), 4);
        let allowed = ["connection lost".to_owned(), "journal failed".to_owned()];
        assert_eq!(unexpected(log, &allowed).len(), 2);
    }

    #[test]
    fn the_tail_keeps_the_order() {
        assert_eq!(tail("a\nb\nc", 2), "b\nc");
    }
}

//! The words of DECLARE, FETCH, MOVE and CLOSE.

/// A statement about a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CursorWords {
    Declare {
        name: String,
        /// `WITH HOLD`: it survives the transaction.
        hold: bool,
        query: String,
    },
    Fetch {
        name: String,
        /// Rows; `None` for all.
        rows: Option<usize>,
        /// MOVE: the rows are skipped.
        skip: bool,
    },
    /// One cursor, or all.
    Close { name: Option<String> },
    /// It asks for rows that have passed.
    Backwards,
}

impl CursorWords {
    /// `None` if it is another statement.
    pub(super) fn parse(sql: &str) -> Option<Self> {
        let text = sql.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
        let (first, rest) = word(text)?;
        match first.keyword().as_str() {
            "declare" => declare(rest),
            "fetch" => fetch(rest, false),
            "move" => fetch(rest, true),
            "close" => {
                let (name, rest) = word(rest)?;
                let all = name.keyword() == "all";
                let name = (!all).then(|| name.name());
                rest.is_empty().then_some(Self::Close { name })
            }
            _ => None,
        }
    }
}

struct Word<'a> {
    text: &'a str,
    quoted: bool,
}

impl Word<'_> {
    /// In lower case; empty if it is quoted.
    fn keyword(&self) -> String {
        if self.quoted {
            String::new()
        } else {
            self.text.to_ascii_lowercase()
        }
    }

    fn name(&self) -> String {
        if self.quoted {
            self.text.replace("\"\"", "\"")
        } else {
            self.text.to_ascii_lowercase()
        }
    }
}

/// The first word or quoted name, and what follows it.
fn word(text: &str) -> Option<(Word<'_>, &str)> {
    let text = text.trim_start();
    if let Some(quoted) = text.strip_prefix('"') {
        let mut end = quoted.find('"')?;
        while quoted[end + 1..].starts_with('"') {
            end += 2 + quoted[end + 2..].find('"')?;
        }
        let word = Word {
            text: &quoted[..end],
            quoted: true,
        };
        return Some((word, quoted[end + 1..].trim_start()));
    }
    let end = text
        .find(|c: char| c.is_whitespace() || c == '"')
        .unwrap_or(text.len());
    let (text, rest) = text.split_at(end);
    let word = Word {
        text,
        quoted: false,
    };
    (!text.is_empty()).then_some((word, rest.trim_start()))
}

fn declare(rest: &str) -> Option<CursorWords> {
    let (name, mut rest) = word(rest)?;
    let (mut hold, mut without) = (false, false);
    loop {
        let (option, after) = word(rest)?;
        rest = after;
        match option.keyword().as_str() {
            "for" => break,
            "hold" => hold = !without,
            "without" => without = true,
            "binary" | "insensitive" | "asensitive" | "no" | "scroll" | "cursor" | "with" => {}
            _ => return None,
        }
    }
    Some(CursorWords::Declare {
        name: name.name(),
        hold,
        query: rest.to_owned(),
    })
}

fn fetch(rest: &str, skip: bool) -> Option<CursorWords> {
    let mut words = Vec::new();
    let mut rest = rest;
    while let Some((word, after)) = word(rest) {
        words.push(word);
        rest = after;
    }
    let (name, before) = words.split_last()?;
    let before: Vec<String> = before.iter().map(Word::keyword).collect();
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let direction = match before.as_slice() {
        [direction @ .., "from" | "in"] => direction,
        direction => direction,
    };
    let rows = match direction {
        [] | ["next" | "forward"] => Some(1),
        ["all"] | ["forward", "all"] => None,
        [rows] | ["forward", rows] => match rows.parse::<i64>() {
            Ok(rows) => match usize::try_from(rows) {
                Ok(rows) => Some(rows),
                Err(_) => return Some(CursorWords::Backwards),
            },
            Err(_) => return Some(CursorWords::Backwards),
        },
        ["absolute" | "relative" | "backward", _] => return Some(CursorWords::Backwards),
        _ => return None,
    };
    Some(CursorWords::Fetch {
        name: name.name(),
        rows,
        skip,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_about_cursors_are_recognised() {
        let declare = |name: &str, hold, query: &str| CursorWords::Declare {
            name: name.to_owned(),
            hold,
            query: query.to_owned(),
        };
        let fetch = |name: &str, rows, skip| CursorWords::Fetch {
            name: name.to_owned(),
            rows,
            skip,
        };
        let close = |name: Option<&str>| CursorWords::Close {
            name: name.map(str::to_owned),
        };
        for (sql, expect) in [
            (
                "DECLARE \"my cur\" CURSOR FOR SELECT 1",
                declare("my cur", false, "SELECT 1"),
            ),
            (
                "declare C binary no scroll cursor with hold for\n select ';' ;",
                declare("c", true, "select ';'"),
            ),
            (
                "DECLARE \"a\"\"b\" INSENSITIVE CURSOR WITHOUT HOLD FOR TABLE readings",
                declare("a\"b", false, "TABLE readings"),
            ),
            (
                "FETCH FORWARD 100 FROM \"my cur\"",
                fetch("my cur", Some(100), false),
            ),
            ("fetch all in c;", fetch("c", None, false)),
            ("FETCH c", fetch("c", Some(1), false)),
            ("FETCH NEXT FROM c", fetch("c", Some(1), false)),
            ("FETCH FORWARD ALL c", fetch("c", None, false)),
            ("MOVE FORWARD 3 IN c", fetch("c", Some(3), true)),
            ("FETCH PRIOR FROM c", CursorWords::Backwards),
            ("FETCH -1 FROM c", CursorWords::Backwards),
            ("MOVE ABSOLUTE 1 IN c", CursorWords::Backwards),
            ("CLOSE \"my cur\"", close(Some("my cur"))),
            ("CLOSE ALL", close(None)),
        ] {
            assert_eq!(CursorWords::parse(sql), Some(expect), "{sql}");
        }
        for sql in [
            "SELECT 1",
            "DECLARE c CURSOR",
            "DECLARE \"c CURSOR FOR SELECT 1",
            "CLOSE",
        ] {
            assert_eq!(CursorWords::parse(sql), None, "{sql}");
        }
    }
}

//! Statements that are no queries and that clients of Postgres send all the same:
//! transactions, settings of the connection, SHOW. They are answered and change
//! nothing. Whatever else is no query is left to the store, which refuses it.

/// One of them, as it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Nothing but comments.
    Empty,
    Begin,
    Commit,
    Rollback,
    /// Done, in name only; with the word of its answer.
    Done(&'static str),
    Show {
        name: String,
        value: &'static str,
    },
    /// `SELECT pg_advisory_unlock_all()`: there are no locks.
    UnlockAll,
    /// `DEALLOCATE`: one prepared statement, or all.
    Deallocate(Option<String>),
    /// `CLOSE ALL`: every cursor of the connection ends.
    CloseAll,
    /// `DISCARD ALL`: the same, and nothing else to discard.
    DiscardAll,
}

/// Settings that a connection may set: none of them changes what a query gives.
const SETTINGS: [&str; 18] = [
    "application_name",
    "bytea_output",
    "client_encoding",
    "client_min_messages",
    "datestyle",
    "default_transaction_read_only",
    "extra_float_digits",
    "idle_in_transaction_session_timeout",
    "intervalstyle",
    "jit",
    "lock_timeout",
    "names",
    "search_path",
    "session",
    "standard_conforming_strings",
    "statement_timeout",
    "time",
    "timezone",
];

impl Command {
    /// Several of them at once, as pools send them when they reset a connection. `None`
    /// if one of the statements is something else, or if quotes or comments could hide
    /// where a statement ends.
    pub(super) fn parse_several(sql: &str) -> Option<Vec<Self>> {
        if sql.contains(['\'', '"', '$', '\\']) || sql.contains("--") || sql.contains("/*") {
            return None;
        }
        let statements = sql.split(';').filter(|part| !part.trim().is_empty());
        let commands = statements.map(Self::parse).collect::<Option<Vec<_>>>()?;
        (commands.len() > 1).then_some(commands)
    }

    pub(super) fn parse(sql: &str) -> Option<Self> {
        let text = without_comments(sql);
        let text = text.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
        // A second statement behind it goes to the store, which refuses both.
        if text.contains(';') {
            return None;
        }
        let words: Vec<String> = text
            .split(|c: char| c.is_whitespace() || c == '=')
            .filter(|word| !word.is_empty())
            .map(|word| word.to_ascii_lowercase())
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Some(match words.as_slice() {
            [] => Self::Empty,
            ["begin", ..] | ["start", "transaction", ..] => Self::Begin,
            ["commit", ..] | ["end", ..] => Self::Commit,
            ["rollback" | "abort"] | ["rollback" | "abort", "transaction" | "work"] => {
                Self::Rollback
            }
            // Nothing can have changed since, so there is nothing to go back to.
            ["savepoint", _] => Self::Done("SAVEPOINT"),
            ["release", _] | ["release", "savepoint", _] => Self::Done("RELEASE"),
            ["rollback", "to", _] | ["rollback", "to", "savepoint", _] => Self::Done("ROLLBACK"),
            ["set", "session" | "local", setting, ..] | ["set", setting, ..]
                if SETTINGS.contains(setting)
                    || ["transaction", "characteristics"].contains(setting) =>
            {
                Self::Done("SET")
            }
            ["reset", setting] if SETTINGS.contains(setting) || *setting == "all" => {
                Self::Done("RESET")
            }
            ["discard", "all"] => Self::DiscardAll,
            ["discard", "temp" | "plans" | "sequences"] => Self::Done("DISCARD ALL"),
            ["deallocate", "all"] | ["deallocate", "prepare", "all"] => Self::Deallocate(None),
            ["deallocate", "prepare", _] | ["deallocate", _] => {
                let name = text.split_whitespace().last().unwrap_or_default();
                Self::Deallocate(Some(unquoted(name)))
            }
            ["close", "all"] => Self::CloseAll,
            ["unlisten", _] => Self::Done("UNLISTEN"),
            [
                "select",
                "pg_advisory_unlock_all()" | "pg_catalog.pg_advisory_unlock_all()",
            ] => Self::UnlockAll,
            ["show", "transaction", "isolation", "level"] => show("transaction_isolation")?,
            ["show", "time", "zone"] => show("timezone")?,
            ["show", name] => show(name)?,
            _ => return None,
        })
    }
}

/// A name as it is stored: as written in quotes, else in lower case.
fn unquoted(name: &str) -> String {
    let quoted = name
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        Some(name) => name.replace("\"\"", "\""),
        None => name.to_ascii_lowercase(),
    }
}

fn show(name: &str) -> Option<Command> {
    let value = weir_sql::postgres_setting(name)?;
    Some(Command::Show {
        name: name.to_owned(),
        value,
    })
}

/// Without the comments that it begins with.
pub(super) fn without_comments(sql: &str) -> &str {
    let mut text = sql.trim_start();
    loop {
        let rest = if let Some(line) = text.strip_prefix("--") {
            line.split_once('\n').map_or("", |(_, rest)| rest)
        } else if let Some(comment) = text.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, rest)| rest)
        } else {
            return text;
        };
        text = rest.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_nothing_is_answered() {
        let shown = |name: &str, value| Command::Show {
            name: name.to_owned(),
            value,
        };
        for (sql, expect) in [
            ("-- ping", Command::Empty),
            ("/* x */ ;", Command::Empty),
            ("BEGIN", Command::Begin),
            ("begin isolation level read committed;", Command::Begin),
            ("START TRANSACTION READ ONLY", Command::Begin),
            ("COMMIT", Command::Commit),
            ("-- x\nROLLBACK", Command::Rollback),
            ("SAVEPOINT \"x\"", Command::Done("SAVEPOINT")),
            ("RELEASE SAVEPOINT x", Command::Done("RELEASE")),
            ("ROLLBACK TO SAVEPOINT x", Command::Done("ROLLBACK")),
            ("SET extra_float_digits = 3", Command::Done("SET")),
            ("SET TIME ZONE 'UTC'", Command::Done("SET")),
            (
                "set session characteristics as transaction read only",
                Command::Done("SET"),
            ),
            ("SET application_name='x'", Command::Done("SET")),
            ("DEALLOCATE ALL", Command::Deallocate(None)),
            (
                "DEALLOCATE \"_pg3_0\"",
                Command::Deallocate(Some("_pg3_0".to_owned())),
            ),
            ("SHOW TimeZone", shown("timezone", "UTC")),
            (
                "show transaction isolation level",
                shown("transaction_isolation", "read committed"),
            ),
        ] {
            assert_eq!(Command::parse(sql), Some(expect), "{sql}");
        }
    }

    #[test]
    fn what_pools_send_to_reset_a_connection_is_answered() {
        let reset = "\nSELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;";
        assert_eq!(
            Command::parse_several(reset),
            Some(vec![
                Command::UnlockAll,
                Command::CloseAll,
                Command::Done("UNLISTEN"),
                Command::Done("RESET"),
            ])
        );
        for sql in [
            "DISCARD ALL",
            "BEGIN; DROP TABLE readings",
            "RESET ALL; SELECT 1",
            "SET application_name = 'a;b'; COPY readings TO STDOUT; --'",
        ] {
            assert_eq!(Command::parse_several(sql), None, "{sql}");
        }
        assert_eq!(Command::parse("DISCARD ALL;"), Some(Command::DiscardAll));
    }

    #[test]
    fn all_else_is_left_to_the_store() {
        for sql in [
            "SELECT 1",
            "SET datafusion.execution.batch_size = 1",
            "RESET datafusion.execution.batch_size",
            "SHOW TABLES",
            "BEGIN; DROP TABLE readings",
            "COPY readings TO STDOUT",
        ] {
            assert_eq!(Command::parse(sql), None, "{sql}");
        }
    }
}

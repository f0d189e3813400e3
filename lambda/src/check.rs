//! Whether a configuration can run as a function: what it refuses, and what it
//! ignores.

use weir_config::{AwsState, Config, Function, FunctionKind, Problem};

/// Tables that only the server reads.
const IGNORED: [&str; 18] = [
    "http",
    "tls",
    "broker",
    "source",
    "journal",
    "retain",
    "quarantine",
    "watchdog",
    "query",
    "flight",
    "postgres",
    "reload",
    "alarms",
    "alarm",
    "channel",
    "notify",
    "maintenance",
    "inhibit",
];

/// What cannot run here. `text` is the file, for the lines.
pub fn check(config: &Config, text: &str) -> Vec<Problem> {
    let lines = function_lines(text);
    let mut problems = weir_engine::check(config);
    if config.auth.is_some() {
        problems.push(Problem {
            line: line_of(text, "[auth]"),
            key: "auth".to_owned(),
            reason: "a function does not read the access file: IAM or an authorizer decides who \
                     may send"
                .to_owned(),
            nearest: None,
        });
    }
    for (nth, function) in config.functions.iter().enumerate() {
        if config.aws.state == AwsState::None
            && let Some(why) = needs_memory(function)
        {
            problems.push(Problem {
                line: lines.get(nth).copied().unwrap_or_default(),
                key: format!("function.{}", function.name),
                reason: format!(
                    "{why}, which needs memory between messages: set aws.state = \"dynamodb\""
                ),
                nearest: None,
            });
        }
    }
    problems
}

/// The tables of the file that have no effect here.
pub fn ignored(text: &str) -> Vec<&'static str> {
    let table: toml::Table = text.parse().unwrap_or_default();
    let is_given = |name: &&&str| table.contains_key(**name);
    let mut given: Vec<&str> = IGNORED.iter().filter(is_given).copied().collect();
    let store = table.get("store").and_then(toml::Value::as_table);
    if store.is_some_and(|store| store.contains_key("embedded")) {
        given.push("store.embedded");
    }
    given
}

/// What about a function has to be remembered; `None`: nothing.
fn needs_memory(function: &Function) -> Option<String> {
    if !function.on_delay.is_zero() || !function.off_delay.is_zero() {
        return Some("a delay".to_owned());
    }
    match &function.kind {
        FunctionKind::Threshold(threshold) if threshold.deadband > 0.0 => {
            Some("a deadband".to_owned())
        }
        FunctionKind::Threshold(_)
        | FunctionKind::Range(_)
        | FunctionKind::Allowed(_)
        | FunctionKind::Unit(_)
        | FunctionKind::Clock(_) => None,
        kind => Some(format!("kind {:?}", name_of(kind))),
    }
}

fn name_of(kind: &FunctionKind) -> &'static str {
    match kind {
        FunctionKind::Threshold(_) => "threshold",
        FunctionKind::Range(_) => "range",
        FunctionKind::Clock(_) => "clock",
        FunctionKind::RateOfChange(_) => "rate_of_change",
        FunctionKind::Flatline(_) => "flatline",
        FunctionKind::Gap(_) => "gap",
        FunctionKind::Duplicate(_) => "duplicate",
        FunctionKind::Allowed(_) => "allowed",
        FunctionKind::Unit(_) => "unit",
        FunctionKind::Ewma(_) => "ewma",
        FunctionKind::Mad(_) => "mad",
        FunctionKind::Seasonal(_) => "seasonal",
        FunctionKind::Cusum(_) => "cusum",
        FunctionKind::Absence(_) => "absence",
        FunctionKind::Adaptive(_) => "adaptive",
        FunctionKind::Derived(_) => "derived",
        FunctionKind::Multivariate(_) => "multivariate",
        FunctionKind::Wasm(_) => "wasm",
    }
}

/// The lines of `[[function]]`, from 1.
fn function_lines(text: &str) -> Vec<usize> {
    let lines = (1..).zip(text.lines());
    lines
        .filter(|(_, line)| line.trim_start().starts_with("[[function]]"))
        .map(|(number, _)| number)
        .collect()
}

fn line_of(text: &str, start: &str) -> usize {
    let mut lines = (1..).zip(text.lines());
    let found = lines.find(|(_, line)| line.trim_start().starts_with(start));
    found.map_or(0, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[[function]]\nname = \"f\"\nkind = ";

    #[track_caller]
    fn check_state(rest: &str, expect: Option<&str>) {
        let text = format!("# A comment.\n{HEAD}{rest}");
        let config = Config::from_toml(&text).unwrap();
        let problems = check(&config, &text);
        let found = problems
            .first()
            .map(|problem| (problem.line, &*problem.reason));
        match expect {
            None => assert_eq!(found, None),
            Some(why) => {
                let (line, reason) = found.unwrap();
                assert!(line == 2 && reason.starts_with(why), "{line}: {reason}");
            }
        }
        let with_state = format!("{text}\n[aws]\nstate = \"dynamodb\"\ntable = \"t\"\n");
        let config = Config::from_toml(&with_state).unwrap();
        assert_eq!(check(&config, &with_state), []);
    }

    #[test]
    fn without_state_only_functions_without_memory_run() {
        check_state("\"threshold\"\nwarning_high = 1", None);
        check_state(
            "\"threshold\"\nwarning_high = 1\ndeadband = 0.5",
            Some("a deadband"),
        );
        check_state(
            "\"threshold\"\nwarning_high = 1\non_delay = \"5s\"",
            Some("a delay"),
        );
        check_state(
            "\"threshold\"\nwarning_high = 1\noff_delay = \"5s\"",
            Some("a delay"),
        );
        check_state("\"range\"\nmin = 0", None);
        check_state("\"ewma\"\nhalf_life = \"1m\"", Some("kind \"ewma\""));
        check_state("\"absence\"\nafter = \"1m\"", Some("kind \"absence\""));
    }

    #[test]
    fn what_only_the_server_reads_is_named() {
        let text = "[http]\nlisten = \"127.0.0.1:1\"\n[store.embedded]\nretention = \"1d\"\n\
                    [[channel]]\nname = \"a\"\n[limits]\nmax_devices = 1\n";
        assert_eq!(ignored(text), ["http", "channel", "store.embedded"]);
        assert_eq!(ignored(""), [""; 0]);
    }

    #[test]
    fn an_access_file_is_refused() {
        let text = "[http]\n[auth]\nfile = \"access.toml\"\n";
        let config = Config::from_toml(text).unwrap();
        let problems = check(&config, text);
        assert_eq!((problems[0].line, &*problems[0].key), (2, "auth"));
    }
}

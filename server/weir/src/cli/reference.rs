//! `docs/reference/command-line.md`, generated from the commands and their help.

use std::fmt::Write;

use clap::{Arg, ArgAction, Command, CommandFactory};

use super::Cli;

/// What every command has, and what the page explains once.
const COMMON: &[&str] = &["help", "version", "url", "token_file", "ca_file"];

fn own(command: &Command) -> impl Iterator<Item = &Arg> {
    let is_own = |arg: &&Arg| !COMMON.contains(&arg.get_id().as_str());
    command.get_arguments().filter(is_own)
}

fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    own(command).filter(|arg| !arg.is_positional())
}

fn subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    let is_own = |command: &&Command| command.get_name() != "help";
    command.get_subcommands().filter(is_own)
}

/// `alarms …`, `export FILE`, `replay --quarantine`.
fn usage(command: &Command) -> String {
    let mut usage = command.get_name().to_owned();
    for arg in own(command) {
        let is_many = matches!(arg.get_action(), ArgAction::Append);
        match arg.get_long() {
            None => {
                let more = if is_many { "…" } else { "" };
                write!(usage, " {}{more}", value_name(arg)).unwrap();
            }
            Some(long) if arg.is_required_set() => {
                write!(usage, " --{long}{}", value(arg)).unwrap();
            }
            Some(_) => {}
        }
    }
    if subcommands(command).next().is_some() {
        usage.push_str(" …");
    }
    usage
}

fn takes_values(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

fn value_name(arg: &Arg) -> String {
    match arg.get_value_names() {
        Some([name, ..]) => name.to_string(),
        _ => arg.get_id().as_str().to_uppercase(),
    }
}

/// ` FILE` behind the flag; nothing for a switch.
fn value(arg: &Arg) -> String {
    if !takes_values(arg) {
        return String::new();
    }
    let several = arg
        .get_num_args()
        .is_some_and(|range| range.max_values() > 1);
    let more = if several { "…" } else { "" };
    format!(" {}{more}", value_name(arg))
}

/// `--config FILE`
fn flag(arg: &Arg) -> String {
    let long = arg.get_long().expect("it has a long name");
    format!("`--{long}{}`", value(arg))
}

fn default(arg: &Arg) -> String {
    let values = arg.get_default_values().iter();
    let values = values.map(|value| value.to_string_lossy());
    match values.collect::<Vec<_>>().join(" ") {
        _ if !takes_values(arg) => String::new(),
        _ if arg.is_required_set() => "required".to_owned(),
        text if text.is_empty() => text,
        text => format!("`{text}`"),
    }
}

/// The help, in one line, and the values that the flag can have.
fn meaning(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    assert!(!help.is_empty(), "{} has no help", arg.get_id());
    let values = arg.get_possible_values();
    if values.is_empty() || !takes_values(arg) {
        return escaped(&help);
    }
    let values = values.iter().map(|value| match value.get_help() {
        Some(help) => format!("`{}` ({help})", value.get_name()),
        None => format!("`{}`", value.get_name()),
    });
    let values = values.collect::<Vec<_>>().join(", ");
    format!("{}. Values: {values}", escaped(&help))
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace(" * ", " `*` ")
}

fn about(command: &Command) -> String {
    command.get_about().expect("it has help").to_string()
}

/// A row per flag; columns that no flag needs are left out.
fn table_of_flags(text: &mut String, command: &Command) {
    let environment = |arg: &Arg| match arg.get_env() {
        Some(variable) => format!("`{}`", variable.to_string_lossy()),
        None => String::new(),
    };
    type Column<'c> = (&'static str, &'c dyn Fn(&Arg) -> String);
    let columns: [Column<'_>; 4] = [
        ("flag", &flag),
        ("environment", &environment),
        ("default", &default),
        ("meaning", &meaning),
    ];
    let is_used = |column: &Column<'_>| flags(command).any(|arg| !(column.1)(arg).is_empty());
    let columns: Vec<_> = columns.into_iter().filter(is_used).collect();
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let lines: Vec<_> = columns.iter().map(|_| "---").collect();
    let mut row = |cells: &[String]| {
        let cells = cells.iter().map(|cell| match cell.as_str() {
            "" => " ".to_owned(),
            cell => format!(" {cell} "),
        });
        writeln!(text, "|{}|", cells.collect::<Vec<_>>().join("|")).unwrap();
    };
    row(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
    row(&lines.iter().map(ToString::to_string).collect::<Vec<_>>());
    for arg in flags(command) {
        row(&columns
            .iter()
            .map(|(_, cell)| cell(arg))
            .collect::<Vec<_>>());
    }
}

/// A row per subcommand, with its flags and their defaults.
fn table_of_subcommands(text: &mut String, command: &Command) {
    text.push_str("| command | flags | purpose |\n| --- | --- | --- |\n");
    for command in subcommands(command) {
        let flags = flags(command).map(|arg| match default(arg) {
            text if text.is_empty() => flag(arg),
            text => format!("{} ({text})", flag(arg)),
        });
        let flags = flags.collect::<Vec<_>>().join(", ");
        let space = if flags.is_empty() { "" } else { " " };
        writeln!(
            text,
            "| `{}` | {flags}{space}| {} |",
            escaped(&usage(command)),
            about(command),
        )
        .unwrap();
    }
}

#[test]
fn the_reference_is_that_of_the_commands() {
    let mut root = Cli::command();
    root.build();
    let mut text = String::from("| command | purpose |\n| --- | --- |\n");
    for command in subcommands(&root) {
        let (usage, about) = (usage(command), about(command));
        writeln!(text, "| `weir {usage}` | {about} |").unwrap();
    }
    for command in subcommands(&root) {
        let is_group = subcommands(command).next().is_some();
        if !is_group && flags(command).next().is_none() {
            continue;
        }
        let usage = usage(command);
        let title = usage.trim_end_matches(" …");
        writeln!(text, "\n### `weir {title}`\n").unwrap();
        if is_group {
            table_of_subcommands(&mut text, command);
        } else {
            table_of_flags(&mut text, command);
        }
    }
    weir_doc_block::assert_markdown("docs/reference/command-line.md", "command-line", &text);
}

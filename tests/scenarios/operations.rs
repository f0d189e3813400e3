//! Running Weir: command line, reload, upgrades, access, monitoring.

mod access;
mod command_line;
mod golden;
mod openapi;
mod page;
mod quarantine_replay;
mod reload;
mod reload_kills;
mod shell;
mod watchdogs;

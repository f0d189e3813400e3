//! The configuration in force and its files: reading, watching, reloading, and the
//! history that decides which configuration applies to which message.

pub(crate) mod access_watch;
pub(crate) mod config_history;
pub(crate) mod current;
pub(crate) mod load_config;
pub(crate) mod module_watch;
pub(crate) mod reload;

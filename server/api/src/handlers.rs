//! One module per resource: the handlers, and the documents that they answer.

pub(crate) mod alarm_figures;
pub(crate) mod alarm_list;
pub(crate) mod alarms;
pub(crate) mod channel_test;
pub(crate) mod config;
pub(crate) mod devices;
pub(crate) mod explain;
pub(crate) mod fleet;
pub(crate) mod flow;
pub(crate) mod functions;
pub(crate) mod ingest;
pub(crate) mod limits;
pub(crate) mod metrics;
pub(crate) mod openapi;
pub(crate) mod overview;
pub(crate) mod page;
pub(crate) mod quarantine;
pub(crate) mod query;
pub(crate) mod readings;
pub(crate) mod session;
pub(crate) mod shadow;
pub(crate) mod stream;
pub(crate) mod system;
pub(crate) mod whoami;
pub(crate) mod write;

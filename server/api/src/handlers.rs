//! One module per resource: the handlers, and the documents that they answer.

pub(crate) mod alarm_figures;
pub(crate) mod alarms;
pub(crate) mod channel_test;
pub(crate) mod devices;
pub(crate) mod explain;
pub(crate) mod flow;
pub(crate) mod functions;
pub(crate) mod ingest;
pub(crate) mod metrics;
pub(crate) mod openapi;
pub(crate) mod quarantine;
pub(crate) mod query;
pub(crate) mod query_v3;
pub(crate) mod readings;
pub(crate) mod replay;
pub(crate) mod shadow;
pub(crate) mod stream;
pub(crate) mod write;

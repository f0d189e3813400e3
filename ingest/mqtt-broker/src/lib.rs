//! An MQTT broker (3.1, 3.1.1 and 5) that acknowledges what its log has committed.
#![forbid(unsafe_code)]
#![allow(dead_code)]
mod message;
mod retained;
mod time;
mod topic_tree;
pub use retained::RetainedLimits;
pub use time::Time;

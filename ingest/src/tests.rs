//! What the tests of several endpoints share.

pub(crate) mod scripted_broker;
pub(crate) mod test_journal;

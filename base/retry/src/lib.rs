//! What every retry loop needs, once: how long to wait ([`Backoff`]), when to log
//! a failure that repeats ([`LogThrottle`]), and the loop of a worker thread that
//! must not give up before Weir stops ([`until_stopped`]).
//!
//! No runtime and no logging: the caller sleeps and logs where it is async.

mod backoff;
mod log_throttle;
mod until_stopped;

pub use backoff::Backoff;
pub use log_throttle::LogThrottle;
pub use until_stopped::{Failure, sleep_unless_stopped, until_stopped};

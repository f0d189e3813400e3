//! The doors: how a message comes in, and how its sender learns that it is safe.
//!
//! A door appends what it took to the journal, verbatim, and acknowledges in
//! the order of receipt once the journal has committed. It parses nothing.
//! Doors also are the way out to the same brokers: see [`Outlet`].

mod broker;
mod guard;
mod intake;
mod outlet;
mod source;
mod source_outlet;
#[cfg(test)]
mod test_journal;

pub use broker::{BrokerError, BrokerOutlet, BrokerStatus, EmbeddedBroker};
pub use guard::Guard;
pub use intake::Intake;
pub use outlet::{Outlet, OutletError, Publication};
pub use source::{ConnectionStatus, SourceDoor, SourceError, SourceStatus};
pub use source_outlet::{SourceOutlet, SourceOutletStatus};

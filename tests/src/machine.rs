//! Processes, ports, clocks and file systems of this machine.

mod address;
mod clock;
mod process;
mod programs;
mod tmpfs;
mod wait;

pub use address::{Address, free_port};
pub use clock::Clock;
pub use process::{Exit, Process};
pub use programs::{bootstrap_binary, library, program, weir_binary};
pub use tmpfs::Tmpfs;
pub use wait::{DEADLINE, now_ms, wait_until};

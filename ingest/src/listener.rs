//! The accept loop is that of every other listener.

pub use weir_listener::{Accepted, Listener, Places, WhenFull};

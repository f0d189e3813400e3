//! The functions as one crate: [`weir_codec`] and [`weir_engine`], with
//! WebAssembly modules.

pub use weir_codec::split_lines;
pub use weir_engine::*;

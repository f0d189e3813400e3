//! Stores device shadows and applies requests in batches, one durable transaction
//! each. It returns the answers; publishing them belongs to the caller. The
//! documents themselves are in `weir-shadow-document`.

mod in_flight;
mod shadow_store;
mod shadow_tables;
mod store_error;

pub use shadow_store::{Change, ShadowStore};
pub use store_error::StoreError;

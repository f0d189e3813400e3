//! Calls to AWS, signed with Signature Version 4, without an SDK: a few calls do
//! not justify a hundred crates (`docs/design/decisions/`).
//!
//! - [`Credentials`]: from a profile file or from the environment.
//! - [`authorization`]: the signature of any request.
//! - [`Client`]: signs and sends the requests of one service.
//! - [`mod@sns`]: the call `Publish`.

mod arn;
mod client;
mod credentials;
mod signature;
pub mod sns;

pub use arn::Arn;
pub use client::{Call, Client, Service};
pub use credentials::{Credentials, CredentialsError};
pub use signature::{Scope, SignedRequest, authorization};

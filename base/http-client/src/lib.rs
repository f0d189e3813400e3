//! The HTTP client for Weir's outgoing requests: blocking, over rustls.
//!
//! It follows no redirect, uses no proxy, has one deadline for the whole exchange,
//! and connects only to public addresses unless [`Options::allow_private`] is set.
//! A response with any status is an `Ok`: what a status means is up to the caller.

mod address;
mod client;
mod error;
mod trust;

pub use address::{PrivateAddress, check_public};
pub use client::{HttpClient, Method, Options, Request, Response};
pub use error::{HttpError, with_advice};
pub use trust::{Trust, TrustError};

//! Calls to AWS, signed with Signature Version 4, without an SDK: a few calls do
//! not justify a hundred crates (`docs/design/decisions/`).
//!
//! - [`Credentials`]: from a profile file or from the environment.
//! - [`authorization`]: the signature of any request.
//! - [`Client`]: signs and sends the requests of one service.
//! - [`JsonClient`]: DynamoDB, Timestream and SQS.
//! - [`mod@sns`], [`IotData`], [`Bucket`]: alerts, shadows, objects of S3.

mod arn;
mod client;
mod credentials;
mod error;
mod iot_data;
mod json;
mod s3;
mod signature;
pub mod sns;

pub use arn::Arn;
pub use client::{Call, Client, Service};
pub use credentials::{Credentials, CredentialsError};
pub use error::AwsError;
pub use iot_data::IotData;
pub use json::JsonClient;
pub use s3::Bucket;
pub use signature::{Scope, SignedRequest, authorization};

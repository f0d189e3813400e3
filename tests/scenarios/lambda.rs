//! The functions on AWS Lambda: `weir lambda` and `bootstrap`, under a stub of the
//! Runtime API, against AWS as moto has it.

mod aws;
mod http;
mod same_effects;
mod template;

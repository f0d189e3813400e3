//! Device shadows, by MQTT and HTTP.

mod aws_clients;
mod faults;
mod requests;

//! Messages on their way in: formats, brokers and what they send wrong.

mod bad_packets;
mod bad_payloads;
mod bridges;
mod broker_restart;
mod codecs;
mod line_protocol;
mod links;
mod main_job;
mod reference_event;
mod sequences;
mod telegraf;
mod unrouted;

//! The presets: one module per format that has its own topics and names.
//!
//! A preset reads the tape of a payload and writes events, readings and attributes. It
//! is a function of topic, payload and time of receipt.

mod aws_shadow;
mod azure;
mod ble;
mod chirpstack;
mod esphome;
mod event;
mod lorawan;
mod owntracks;
mod ruuvi;
mod senml;
mod shelly;
mod shelly_gen1;
mod tasmota;
mod tts;
mod zigbee2mqtt;

use weir_config::RouteCodec;

use crate::decoder::Decoder;
use crate::fault::Fault;
use crate::output::{Facts, Output};
use crate::span::{MAX_TEXT_BYTES, Span};
use crate::tape::{Node, Token};
use crate::walk;

impl Decoder {
    /// Decodes the payload of a preset that sends text. An error means that the message
    /// is refused.
    pub fn decode_text(
        &mut self,
        codec: RouteCodec,
        text: &str,
        facts: &Facts<'_>,
    ) -> Result<(), Fault> {
        self.clear();
        if text.len() > MAX_TEXT_BYTES {
            let detail = format!("the payload has {} bytes, more than 2 GiB", text.len());
            return Err(Fault::new(weir_model::QuarantineReason::TooLarge, detail));
        }
        let trimmed = text.trim();
        if trimmed.starts_with(['{', '[']) {
            walk::json::walk(text, &mut self.nodes, &mut self.scratch)?;
        } else {
            let start = trimmed.as_ptr() as usize - text.as_ptr() as usize;
            let span = Span {
                start: start as u32,
                end: (start + trimmed.len()) as u32,
            };
            self.nodes.push(Node {
                key: Span::NONE,
                token: Token::Text(span),
                end: 1,
            });
        }
        self.consume(codec, text, facts)
    }

    /// As [`Self::decode_text`], for a payload of bytes.
    pub fn decode_bytes(
        &mut self,
        codec: RouteCodec,
        bytes: &[u8],
        facts: &Facts<'_>,
    ) -> Result<(), Fault> {
        self.clear();
        match codec {
            RouteCodec::MsgPack => walk::msgpack::walk(bytes, &mut self.nodes, &mut self.scratch)?,
            RouteCodec::ChirpStack => {
                let event = facts.last_level();
                walk::chirpstack::walk(bytes, event, &mut self.nodes, &mut self.scratch)?;
            }
            _ => walk::cbor::walk(bytes, &mut self.nodes, &mut self.scratch)?,
        }
        self.consume(codec, "", facts)
    }

    fn consume(&mut self, codec: RouteCodec, text: &str, facts: &Facts<'_>) -> Result<(), Fault> {
        let Self {
            events,
            readings,
            faults,
            absent,
            kind,
            attributes,
            scratch,
            nodes,
            memory,
            ..
        } = self;
        let out = &mut Output {
            text,
            facts,
            nodes,
            scratch,
            events,
            readings,
            faults,
            absent,
            attributes,
            kind,
            memory,
        };
        match codec {
            RouteCodec::Cbor | RouteCodec::MsgPack => event::decode(out),
            RouteCodec::SenMl => senml::decode(out),
            RouteCodec::Zigbee2Mqtt => zigbee2mqtt::decode(out),
            RouteCodec::Tasmota => tasmota::decode(out),
            RouteCodec::Shelly => shelly::decode(out),
            RouteCodec::EspHome => esphome::decode(out),
            RouteCodec::OwnTracks => owntracks::decode(out),
            RouteCodec::Ruuvi => ruuvi::decode(out),
            RouteCodec::Ble => ble::decode(out),
            RouteCodec::Tts => tts::decode(out),
            RouteCodec::ChirpStack => chirpstack::decode(out),
            RouteCodec::AwsShadow => aws_shadow::decode(out),
            RouteCodec::Azure => azure::decode(out),
            // These have decoders of their own.
            RouteCodec::Json | RouteCodec::LineProtocol | RouteCodec::Value => Ok(()),
        }
    }
}

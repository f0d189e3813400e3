//! From a message to decoded events: which route its topic takes, and how its
//! payload is read.

use weir_codec::{Decoder, Fault, JsonSettings, LineSettings, Quoted};
use weir_config::{
    Captures, Config, Limits, LineProtocol, Precision, Route, RouteCodec, RouteOptions,
};
use weir_model::{Ingress, Message, QuarantineReason as Reason, parse_oversized_notice};

use crate::topic_names::Composed;

/// What decides how a message is decoded.
#[derive(Debug)]
pub(crate) struct Routes {
    routes: Vec<Route>,
    line_names: LineProtocol,
    /// Of writes by HTTP, which have no route.
    no_options: RouteOptions,
    pub(crate) limits: Limits,
}

/// A message whose events are in the decoder.
pub(crate) struct Decoded<'m> {
    pub(crate) captures: Captures<'m>,
    pub(crate) codec: RouteCodec,
    /// The payload.
    pub(crate) text: &'m str,
}

/// How the payload of a topic is read.
#[derive(Clone, Copy)]
struct Way<'r> {
    codec: RouteCodec,
    precision: Precision,
    options: &'r RouteOptions,
}

impl Routes {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            routes: config.routes.clone(),
            line_names: config.line_protocol.clone(),
            no_options: RouteOptions::default(),
            limits: config.limits.clone(),
        }
    }

    /// Fills the decoder with the events of a message. An error means that the
    /// message is refused as a whole.
    pub(crate) fn decode<'m>(
        &self,
        message: &Message<'m>,
        decoder: &mut Decoder,
        composed: &'m mut Composed,
    ) -> Result<Decoded<'m>, Fault> {
        let (captures, way) = self.route(message)?;
        let (codec, precision, options) = (way.codec, way.precision, way.options);
        let captures = composed.compose(&options.names, message.topic, captures);
        let clears = message.retained || codec == RouteCodec::Value;
        if message.payload.is_empty() && clears {
            decoder.decode_clear();
            return Ok(Decoded {
                captures,
                codec,
                text: "",
            });
        }
        let text = payload_text(message.payload, &self.limits)?;
        let max_readings = self.limits.max_readings_per_message;
        match codec {
            RouteCodec::Json => decoder.decode(
                text,
                JsonSettings {
                    sensor_in_topic: captures.sensor.is_some(),
                    max_readings,
                    time: &options.time,
                    time_unit: options.time_unit,
                    numbers_in_text: options.numbers_in_text,
                    decimal_comma: options.decimal_comma,
                },
            )?,
            RouteCodec::LineProtocol => decoder.decode_lines(
                text,
                LineSettings {
                    names: &self.line_names,
                    precision,
                    max_readings,
                },
            )?,
            RouteCodec::Value => decoder.decode_value(text, options.decimal_comma)?,
        }
        Ok(Decoded {
            captures,
            codec,
            text,
        })
    }

    /// What the topic says, and how the payload is encoded.
    fn route<'m>(&self, message: &Message<'m>) -> Result<(Captures<'m>, Way<'_>), Fault> {
        for route in &self.routes {
            if let Some(captures) = route.topic.captures(message.topic) {
                let way = Way {
                    codec: route.codec,
                    precision: route.precision,
                    options: &route.options,
                };
                return Ok((captures, way));
            }
        }
        // A write by HTTP has no topic of its own.
        if message.ingress == Ingress::Http
            && let Some(precision) = Precision::of_write_topic(message.topic)
        {
            let way = Way {
                codec: RouteCodec::LineProtocol,
                precision,
                options: &self.no_options,
            };
            return Ok((Captures::default(), way));
        }
        let detail = format!("no route takes the topic {}", Quoted(message.topic));
        Err(Fault::new(Reason::NoRoute, detail))
    }
}

/// The payload without a byte order mark, and without the NUL that ends a text in C,
/// or several, with the white space around them.
fn without_padding(payload: &[u8]) -> &[u8] {
    let payload = payload.strip_prefix(b"\xef\xbb\xbf").unwrap_or(payload);
    let is_padding = |byte: &u8| matches!(byte, 0 | b'\n' | b'\r' | b' ' | b'\t');
    let kept = payload
        .iter()
        .rposition(|byte| !is_padding(byte))
        .map_or(0, |last| last + 1);
    let (text, padding) = payload.split_at(kept);
    if padding.contains(&0) { text } else { payload }
}

/// The payload as text, when it may be one.
fn payload_text<'a>(payload: &'a [u8], limits: &Limits) -> Result<&'a str, Fault> {
    if payload.len() as u64 > limits.max_payload {
        let detail = format!(
            "the payload has {} bytes, more than {} (limits.max_payload)",
            payload.len(),
            limits.max_payload
        );
        return Err(Fault::new(Reason::TooLarge, detail));
    }
    if payload.first() == Some(&0)
        && let Some(notice) = parse_oversized_notice(payload)
    {
        let detail = format!("the listener dropped it because it is too large: {notice}");
        return Err(Fault::new(Reason::TooLarge, detail));
    }
    let payload = without_padding(payload);
    if payload.is_empty() {
        let detail = "the payload has no bytes".to_owned();
        return Err(Fault::new(Reason::Empty, detail));
    }
    std::str::from_utf8(payload).map_err(|error| {
        let valid = error.valid_up_to();
        let detail = format!("the payload is not UTF-8 from byte {valid} on");
        Fault::new(Reason::InvalidUtf8, detail)
    })
}

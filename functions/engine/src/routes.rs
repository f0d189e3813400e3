//! From a message to decoded events: which route its topic takes, and how its
//! payload is read.

use weir_codec::{Decoder, Facts, Fault, JsonSettings, LineSettings, Quoted, Span};
use weir_config::{
    Captures, Config, Limits, LineProtocol, PayloadOptions, Precision, Route, RouteCodec,
    RouteOptions,
};
use weir_model::{
    Ingress, Message, QuarantineReason as Reason, glob_matches, parse_oversized_notice,
};

/// What decides how a message is decoded.
#[derive(Debug)]
pub(crate) struct Routes {
    routes: Vec<Route>,
    line_names: LineProtocol,
    pub(crate) limits: Limits,
}

/// A message whose events are in the decoder.
pub(crate) struct Decoded<'m> {
    pub(crate) captures: Captures<'m>,
    pub(crate) codec: RouteCodec,
    /// The payload.
    pub(crate) text: &'m str,
}

impl Routes {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            routes: config.routes.clone(),
            line_names: config.line_protocol.clone(),
            limits: config.limits.clone(),
        }
    }

    /// Fills the decoder with the events of a message. An error means that the
    /// message is refused as a whole.
    pub(crate) fn decode<'m>(
        &self,
        message: &Message<'m>,
        decoder: &mut Decoder,
    ) -> Result<Decoded<'m>, Fault> {
        let matched = self.route(message)?;
        let Matched {
            mut captures,
            codec,
            ..
        } = matched;
        let clears = message.retained || codec == RouteCodec::Value;
        if message.payload.is_empty() && clears {
            decoder.decode_clear();
            return Ok(Decoded {
                captures,
                codec,
                text: "",
            });
        }
        let text = self.decode_as(message, &matched, decoder)?;
        if let Some(options) = matched.options.filter(|options| **options != NO_OPTIONS) {
            apply(options, message.topic, text, decoder);
        }
        if codec.names_devices() {
            captures.device = None;
            captures.sensor = None;
        }
        Ok(Decoded {
            captures,
            codec,
            text,
        })
    }

    /// Returns the text that the spans of the result point into.
    fn decode_as<'m>(
        &self,
        message: &Message<'m>,
        matched: &Matched<'m, '_>,
        decoder: &mut Decoder,
    ) -> Result<&'m str, Fault> {
        let Matched {
            captures, codec, ..
        } = *matched;
        let max_readings = self.limits.max_readings_per_message;
        let names_sensor = matched.options.is_some_and(|names| names.sensor.is_some());
        let is_named = names_sensor && !codec.names_devices();
        let sensor = captures.sensor.or(is_named.then_some(""));
        let facts = Facts {
            topic: message.topic,
            device: captures.device,
            sensor,
            literal_levels: matched.literal_levels,
            timezone: matched.options.and_then(|options| options.timezone),
            received: message.received.0,
            max_readings,
        };
        let bytes = checked_payload(message.payload, &self.limits)?;
        if is_binary(codec, bytes) {
            decoder.decode_bytes(codec, bytes, &facts)?;
            return Ok("");
        }
        let text = payload_text(bytes)?;
        let written = matched.options.map_or(&PLAIN, |options| &options.payload);
        match codec {
            RouteCodec::Json => decoder.decode(
                text,
                JsonSettings {
                    sensor_in_topic: sensor.is_some(),
                    max_readings,
                    time: written.time_member(),
                    time_unit: written.time_unit,
                    numbers_in_text: written.numbers_in_text,
                    decimal_comma: written.decimal_comma,
                },
            )?,
            RouteCodec::LineProtocol => decoder.decode_lines(
                text,
                LineSettings {
                    names: &self.line_names,
                    precision: matched.precision,
                    max_readings,
                },
            )?,
            RouteCodec::Value => decoder.decode_value(text, written.decimal_comma)?,
            _ => decoder.decode_text(codec, text, &facts)?,
        }
        Ok(text)
    }

    /// The device that the topic names, unless that is left to the codec.
    pub(crate) fn device_of<'m>(&self, message: &Message<'m>) -> Option<&'m str> {
        let matched = self.route(message).ok()?;
        let device = matched.captures.device?;
        (!matched.codec.names_devices()).then_some(device)
    }

    /// What the topic says, and how the payload is encoded.
    fn route<'m>(&self, message: &Message<'m>) -> Result<Matched<'m, '_>, Fault> {
        for route in &self.routes {
            if let Some(captures) = route.captures(message.topic) {
                return Ok(Matched {
                    captures,
                    codec: route.codec,
                    precision: route.precision,
                    literal_levels: route.topic.literal_levels(),
                    options: Some(&route.options),
                });
            }
        }
        // A write by HTTP has no topic of its own.
        if message.ingress == Ingress::Http
            && let Some(precision) = Precision::of_write_topic(message.topic)
        {
            return Ok(Matched {
                captures: Captures::default(),
                codec: RouteCodec::LineProtocol,
                precision,
                literal_levels: 0,
                options: None,
            });
        }
        let detail = format!("no route takes the topic {}", Quoted(message.topic));
        Err(Fault::new(Reason::NoRoute, detail))
    }
}

/// Whether the codec reads these bytes as they are, and not as a text.
fn is_binary(codec: RouteCodec, bytes: &[u8]) -> bool {
    let is_text = || bytes.trim_ascii_start().starts_with(b"{") || bytes.starts_with(b"[");
    match codec {
        RouteCodec::Cbor | RouteCodec::MsgPack => true,
        RouteCodec::SenMl => !is_text() && !bytes.trim_ascii_start().starts_with(b"["),
        RouteCodec::ChirpStack => !is_text(),
        _ => false,
    }
}

/// The route of a message.
struct Matched<'m, 'r> {
    captures: Captures<'m>,
    codec: RouteCodec,
    precision: Precision,
    literal_levels: usize,
    options: Option<&'r RouteOptions>,
}

const NO_OPTIONS: RouteOptions = RouteOptions {
    device: None,
    sensor: None,
    location: None,
    unit: None,
    timezone: None,
    except: Vec::new(),
    payload: PayloadOptions::DEFAULT,
};

/// Of messages without a route.
static PLAIN: PayloadOptions = PayloadOptions::DEFAULT;

/// Drops what is not wanted, and names what has no name.
fn apply(options: &RouteOptions, topic: &str, text: &str, decoder: &mut Decoder) {
    if !options.except.is_empty() {
        let is_wanted = |sensor: &str| {
            let mut globs = options.except.iter();
            !globs.any(|glob| glob_matches(glob, sensor))
        };
        decoder.retain_sensors(text, &is_wanted);
    }
    let mut names = [Span::NONE; 4];
    let templates = [
        &options.device,
        &options.sensor,
        &options.location,
        &options.unit,
    ];
    for (name, template) in names.iter_mut().zip(templates) {
        if let Some(template) = template {
            *name = decoder.write(|out| template.render(topic, out));
        }
    }
    let [device, sensor, location, unit] = names;
    decoder.name(device, sensor, location, unit);
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

/// The payload, when it may be one.
fn checked_payload<'a>(payload: &'a [u8], limits: &Limits) -> Result<&'a [u8], Fault> {
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
    if payload.is_empty() {
        return Err(empty());
    }
    Ok(payload)
}

fn empty() -> Fault {
    let detail = "the payload has no bytes".to_owned();
    Fault::new(Reason::Empty, detail)
}

/// The payload as text.
pub(crate) fn payload_text(payload: &[u8]) -> Result<&str, Fault> {
    let payload = without_padding(payload);
    if payload.is_empty() {
        return Err(empty());
    }
    std::str::from_utf8(payload).map_err(|error| {
        let valid = error.valid_up_to();
        let detail = format!("the payload is not UTF-8 from byte {valid} on");
        Fault::new(Reason::InvalidUtf8, detail)
    })
}

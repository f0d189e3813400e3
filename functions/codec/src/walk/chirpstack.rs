//! The walker of ChirpStack's events in Protobuf (`integration/integration.proto` of
//! ChirpStack v4, MIT): the tape is that of the same event in JSON.

use weir_model::QuarantineReason as Reason;

use crate::fault::Fault;
use crate::json_scanner::MAX_DEPTH;
use crate::span::{Scratch, Span};
use crate::tape::{Node, TapeWriter, Token};
use crate::walk::bytes::{Broken, Walk, broken_fault, repeated_fault};
use crate::walk::wire::{Fields, Held};

/// What a field is.
#[derive(Clone, Copy)]
enum Type {
    Text,
    Bytes,
    Boolean,
    Unsigned,
    Signed,
    Float,
    Double,
    /// `google.protobuf.Timestamp`
    Time,
    Message(&'static [Field]),
    /// Messages, as an array.
    Messages(&'static [Field]),
    /// `map<string, string>`
    Texts,
    /// `google.protobuf.Struct`
    Struct,
}

/// Number, name in JSON, type.
type Field = (u32, &'static str, Type);

const INFO: &[Field] = &[
    (4, "applicationName", Type::Text),
    (6, "deviceProfileName", Type::Text),
    (7, "deviceName", Type::Text),
    (8, "devEui", Type::Text),
    (9, "tags", Type::Texts),
];
const GATEWAY: &[Field] = &[
    (1, "gatewayId", Type::Text),
    (6, "rssi", Type::Signed),
    (7, "snr", Type::Float),
];
const LOCATION: &[Field] = &[
    (1, "latitude", Type::Double),
    (2, "longitude", Type::Double),
    (3, "altitude", Type::Double),
    (5, "accuracy", Type::Float),
];
const UPLINK: &[Field] = &[
    (2, "time", Type::Time),
    (3, "deviceInfo", Type::Message(INFO)),
    (7, "fCnt", Type::Unsigned),
    (8, "fPort", Type::Unsigned),
    (10, "data", Type::Bytes),
    (11, "object", Type::Struct),
    (12, "rxInfo", Type::Messages(GATEWAY)),
];
const STATUS: &[Field] = &[
    (2, "time", Type::Time),
    (3, "deviceInfo", Type::Message(INFO)),
    (4, "margin", Type::Signed),
    (5, "externalPowerSource", Type::Boolean),
    (6, "batteryLevelUnavailable", Type::Boolean),
    (7, "batteryLevel", Type::Float),
];
const PLACE: &[Field] = &[
    (2, "time", Type::Time),
    (3, "deviceInfo", Type::Message(INFO)),
    (4, "location", Type::Message(LOCATION)),
];
const LOG: &[Field] = &[
    (1, "time", Type::Time),
    (2, "deviceInfo", Type::Message(INFO)),
];
const OTHER: &[Field] = &[
    (2, "time", Type::Time),
    (3, "deviceInfo", Type::Message(INFO)),
];

/// Fills the tape with the event of this name.
pub(crate) fn walk(
    bytes: &[u8],
    event: &str,
    nodes: &mut Vec<Node>,
    scratch: &mut Scratch,
) -> Result<(), Fault> {
    let fields = match event {
        "up" => UPLINK,
        "status" => STATUS,
        "location" => PLACE,
        "log" => LOG,
        _ => OTHER,
    };
    let mut out = TapeWriter::new("", nodes, scratch);
    let walked = message(&mut out, Span::NONE, bytes, fields);
    walked.map_err(|broken| broken_fault(broken, Reason::InvalidProtobuf, "Protobuf"))?;
    repeated_fault(&out)
}

fn message(out: &mut TapeWriter<'_, '_>, key: Span, bytes: &[u8], fields: &[Field]) -> Walk<()> {
    let at = out.open(key, Token::Object);
    let mut read = Fields::of(bytes);
    let mut seen = 0_u32;
    while let Some((number, held)) = read.next()? {
        let Some(index) = fields.iter().position(|(known, ..)| *known == number) else {
            continue;
        };
        let is_again = seen >> index & 1 == 1;
        seen |= 1 << index;
        let (_, name, of) = fields[index];
        if is_again {
            // All messages of an array were read with its first.
            let is_read = matches!(of, Type::Messages(_) | Type::Texts);
            if is_read {
                continue;
            }
        }
        let key = copy(out, name);
        match of {
            Type::Messages(fields) => {
                let list = out.open(key, Token::Array);
                each(bytes, number, &mut |held| {
                    message(out, Span::NONE, held.bytes()?, fields)
                })?;
                out.close(list);
            }
            Type::Texts => {
                let map = out.open(key, Token::Object);
                each(bytes, number, &mut |held| {
                    let (key, value) = entry(held.bytes()?)?;
                    let key = copy(out, key);
                    let text = value.map_or(Ok(""), Held::text)?;
                    let text = copy(out, text);
                    out.leaf(key, Token::Text(text));
                    Ok(())
                })?;
                out.close_object(map);
            }
            Type::Message(fields) => message(out, key, held.bytes()?, fields)?,
            Type::Struct => structure(out, key, held.bytes()?, 0)?,
            scalar => {
                let token = self::scalar(out, held, scalar)?;
                out.leaf(key, token);
            }
        }
    }
    out.close_object(at);
    Ok(())
}

fn copy(out: &mut TapeWriter<'_, '_>, text: &str) -> Span {
    let start = out.scratch.unescaped.len();
    out.scratch.unescaped.push_str(text);
    out.scratch.since(start)
}

/// Every field of this number.
fn each<'b>(bytes: &'b [u8], number: u32, take: &mut dyn FnMut(Held<'b>) -> Walk<()>) -> Walk<()> {
    let mut read = Fields::of(bytes);
    while let Some((found, held)) = read.next()? {
        if found == number {
            take(held)?;
        }
    }
    Ok(())
}

/// Key and value of an entry of a map.
fn entry(bytes: &[u8]) -> Walk<(&str, Option<Held<'_>>)> {
    let mut read = Fields::of(bytes);
    let (mut key, mut value) = ("", None);
    while let Some((number, held)) = read.next()? {
        match number {
            1 => key = held.text()?,
            2 => value = Some(held),
            _ => {}
        }
    }
    Ok((key, value))
}

fn scalar(out: &mut TapeWriter<'_, '_>, held: Held<'_>, of: Type) -> Walk<Token> {
    Ok(match of {
        Type::Text => {
            let text = held.text()?;
            Token::Text(copy(out, text))
        }
        Type::Bytes => Token::Opaque(held.bytes()?.len() as u32),
        Type::Boolean => Token::Boolean(held.varint()? != 0),
        Type::Signed => {
            let value = held.varint()? as i64;
            let magnitude = if value < 0 { -1 - value } else { value };
            Token::Integer {
                negative: value < 0,
                magnitude: magnitude as u64,
            }
        }
        Type::Float => Token::Float(held.float()?),
        Type::Double => Token::Float(held.double()?),
        Type::Time => time(held.bytes()?)?,
        _ => Token::Integer {
            negative: false,
            magnitude: held.varint()?,
        },
    })
}

fn time(bytes: &[u8]) -> Walk<Token> {
    let mut read = Fields::of(bytes);
    let (mut seconds, mut nanos) = (0, 0);
    while let Some((number, held)) = read.next()? {
        match number {
            1 => seconds = held.varint()? as i64,
            2 => nanos = held.varint()? as i64,
            _ => {}
        }
    }
    let whole = seconds.checked_mul(1_000_000_000);
    let time = whole.and_then(|whole| whole.checked_add(nanos));
    Ok(time.map_or(Token::Null, Token::Instant))
}

fn structure(out: &mut TapeWriter<'_, '_>, key: Span, bytes: &[u8], depth: u32) -> Walk<()> {
    if depth >= MAX_DEPTH {
        return Err(Broken::TooDeep { at: 0 });
    }
    let at = out.open(key, Token::Object);
    each(bytes, 1, &mut |held| {
        let (key, inner) = entry(held.bytes()?)?;
        let key = copy(out, key);
        value(out, key, inner.map_or(Ok(&[][..]), Held::bytes)?, depth + 1)
    })?;
    out.close_object(at);
    Ok(())
}

/// `google.protobuf.Value`
fn value(out: &mut TapeWriter<'_, '_>, key: Span, bytes: &[u8], depth: u32) -> Walk<()> {
    let mut read = Fields::of(bytes);
    let mut last = None;
    while let Some(field) = read.next()? {
        last = Some(field);
    }
    let token = match last {
        Some((2, held)) => Token::Float(held.double()?),
        Some((3, held)) => {
            let text = held.text()?;
            Token::Text(copy(out, text))
        }
        Some((4, held)) => Token::Boolean(held.varint()? != 0),
        Some((5, held)) => return structure(out, key, held.bytes()?, depth + 1),
        Some((6, held)) => {
            if depth >= MAX_DEPTH {
                return Err(Broken::TooDeep { at: 0 });
            }
            let list = out.open(key, Token::Array);
            each(held.bytes()?, 1, &mut |held| {
                value(out, Span::NONE, held.bytes()?, depth + 1)
            })?;
            out.close(list);
            return Ok(());
        }
        _ => Token::Null,
    };
    out.leaf(key, token);
    Ok(())
}

//! An item as attributes of DynamoDB.
//!
//! ```text
//! pk  S  d#{device}
//! v   N  version
//! m   B  0 | memory      1 | deflated memory      2 | SHA-256, the key of an object in S3
//! c   N  digest of the configuration
//! a   B  postcard: what was applied
//! o   B  JSON: the outbox; absent when it is empty
//! due N  milliseconds; b N  one of 16 buckets: absent when nothing is due
//! ```

use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use weir_model::{Timestamp, hex};

use crate::state::Item;

/// Sweeps look at one bucket after the other.
pub(super) const BUCKETS: u64 = 16;
/// Memory of at most so many bytes is kept in the item: DynamoDB takes 400 KB.
const MAX_INLINE: usize = 300 * 1024;
/// Memory beyond this is not plausible.
const MAX_MEMORY: u64 = 64 << 20;

const RAW: u8 = 0;
const DEFLATED: u8 = 1;
const POINTER: u8 = 2;

/// An item's attributes, and the memory that has to be put elsewhere first.
pub(super) struct Written {
    pub(super) attributes: Value,
    /// Key and content of an object.
    pub(super) object: Option<(String, Vec<u8>)>,
}

/// An item as read; its memory may have to be fetched.
pub(super) struct Loaded {
    pub(super) item: Item,
    /// The key of the object that holds the memory.
    pub(super) object: Option<String>,
}

pub(super) fn key(device: &str) -> Value {
    json!({"pk": {"S": format!("d#{device}")}})
}

pub(super) fn bucket(device: &str) -> u64 {
    u64::from(Sha256::digest(device)[0]) % BUCKETS
}

pub(super) fn write(item: &Item) -> Written {
    let packed = packed(&item.memory);
    let mut object = None;
    let memory = if packed.len() <= MAX_INLINE {
        packed
    } else {
        let digest = Sha256::digest(&packed);
        object = Some((object_key(&digest), packed));
        [&[POINTER], &digest[..]].concat()
    };
    let applied = postcard::to_stdvec(&item.applied).expect("plain values always serialise");
    let mut attributes = json!({
        "pk": {"S": format!("d#{}", item.device)},
        "v": {"N": item.version.to_string()},
        "m": {"B": STANDARD.encode(memory)},
        "c": {"N": item.config.to_string()},
        "a": {"B": STANDARD.encode(applied)},
    });
    if !item.outbox.is_empty() {
        let outbox = serde_json::to_vec(&item.outbox).expect("texts and numbers are JSON");
        attributes["o"] = json!({"B": STANDARD.encode(outbox)});
    }
    if let Some(due) = item.due {
        attributes["due"] = json!({"N": due.millis().to_string()});
        attributes["b"] = json!({"N": bucket(&item.device).to_string()});
    }
    Written { attributes, object }
}

/// The object of a memory, by the digest of its bytes.
fn object_key(digest: &[u8]) -> String {
    format!("state/{}", hex(digest))
}

/// Raw or deflated, the smaller.
fn packed(memory: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(vec![DEFLATED], Compression::fast());
    let deflated = encoder.write_all(memory).and_then(|()| encoder.finish());
    let deflated = deflated.expect("writing to a Vec does not fail");
    match deflated.len() <= memory.len() {
        true => deflated,
        false => [&[RAW], memory].concat(),
    }
}

pub(super) fn unpacked(packed: &[u8]) -> Result<Vec<u8>, String> {
    match packed.split_first() {
        Some((&RAW, memory)) => Ok(memory.to_vec()),
        Some((&DEFLATED, deflated)) => {
            let mut memory = Vec::new();
            let mut decoder = DeflateDecoder::new(deflated).take(MAX_MEMORY);
            let read = decoder.read_to_end(&mut memory);
            read.map(|_| memory)
                .map_err(|error| format!("its memory: {error}"))
        }
        Some((other, _)) => Err(format!("its memory has the form {other}")),
        None => Err("its memory is empty".to_owned()),
    }
}

pub(super) fn device_of(attributes: &Map<String, Value>) -> Option<&str> {
    let key = attributes.get("pk")?.get("S")?.as_str()?;
    key.strip_prefix("d#")
}

pub(super) fn read(attributes: &Map<String, Value>) -> Result<Loaded, String> {
    let device = device_of(attributes).ok_or("it has no device")?;
    let number = |name: &str| {
        let text = attributes.get(name)?.get("N")?.as_str()?;
        text.parse::<u64>().ok()
    };
    let bytes = |name: &str| {
        let text = attributes.get(name)?.get("B")?.as_str()?;
        STANDARD.decode(text).ok()
    };
    let packed = bytes("m").ok_or("it has no memory")?;
    let (memory, object) = match packed.split_first() {
        Some((&POINTER, digest)) => (Vec::new(), Some(object_key(digest))),
        _ => (unpacked(&packed)?, None),
    };
    let applied = bytes("a").ok_or("it has no list of messages")?;
    let applied = postcard::from_bytes(&applied).map_err(|error| format!("a: {error}"))?;
    let outbox = match bytes("o") {
        Some(outbox) => serde_json::from_slice(&outbox).map_err(|error| format!("o: {error}"))?,
        None => Default::default(),
    };
    let due = number("due").and_then(|millis| Timestamp::from_millis(millis as i64));
    Ok(Loaded {
        item: Item {
            device: device.to_owned(),
            version: number("v").ok_or("it has no version")?,
            memory,
            config: number("c").unwrap_or_default(),
            applied,
            outbox,
            due,
        },
        object,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Incoming, MessageId, Processed};
    use crate::state::{Applied, Outbox};

    fn item(memory: Vec<u8>) -> Item {
        let message = Incoming {
            id: MessageId::Named("m".to_owned()),
            topic: String::new(),
            client: String::new(),
            received: Timestamp(0),
            payload: Vec::new(),
            group: None,
            fault: None,
        };
        let mut applied = Applied::default();
        applied.add(&message, &Processed::default());
        applied.silence = Some(Timestamp(7));
        Item {
            device: "p1".to_owned(),
            version: 3,
            memory,
            config: u64::MAX,
            applied,
            outbox: Outbox {
                alerts: Vec::new(),
                report: Some(vec![1, 2]),
            },
            due: Timestamp::from_millis(1_700_000_000_000),
        }
    }

    #[test]
    fn an_item_comes_back_as_it_was() {
        for memory in [vec![7; 5_000], (0..=255).collect()] {
            let item = item(memory);
            let Written { attributes, object } = write(&item);
            assert!(object.is_none());
            let read = read(attributes.as_object().unwrap()).unwrap();
            assert_eq!((read.item, read.object), (item, None));
        }
        let quiet = Item {
            outbox: Outbox::default(),
            due: None,
            ..item(vec![1])
        };
        let attributes = write(&quiet).attributes;
        assert!(attributes.get("o").is_none() && attributes.get("due").is_none());
        assert_eq!(read(attributes.as_object().unwrap()).unwrap().item, quiet);
    }

    #[test]
    fn memory_that_is_too_large_is_named_by_its_digest() {
        let mut seed = 1_u64;
        let random = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 56) as u8
        });
        let memory: Vec<u8> = random.take(500 * 1024).collect();
        let Written { attributes, object } = write(&item(memory.clone()));
        let (key, content) = object.unwrap();
        let read = read(attributes.as_object().unwrap()).unwrap();
        assert_eq!(read.object.as_deref(), Some(&*key));
        assert_eq!(unpacked(&content).unwrap(), memory);
        assert!(attributes.to_string().len() < 1_000);
        assert!(unpacked(&[]).is_err() && unpacked(&[9]).is_err());
    }
}

//! `weir decode`: what a payload becomes, and why. It needs no running Weir and stores
//! nothing.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Deserialize;
use serde_json::Value;
use weir_backtest::decode::{Decoding, with_codec};
use weir_config::{Config, RouteCodec};
use weir_model::{Ingress, Message, Timestamp};
use weir_workers::load_config;

use crate::cli::DecodeArgs;
use crate::commands::bad_config;
use crate::output;

/// Largest payload or line that is read.
const MAX_BYTES: u64 = 16 << 20;

/// A line of `--messages`.
#[derive(Debug, Deserialize)]
struct Line {
    topic: String,
    payload: Option<String>,
    payload_base64: Option<String>,
    received_ms: Option<i64>,
    #[serde(default)]
    retained: bool,
}

/// What is decoded.
struct Input {
    topic: String,
    payload: Vec<u8>,
    received: Timestamp,
    retained: bool,
}

pub(crate) fn run(args: &DecodeArgs) -> Result<ExitCode> {
    let mut config = Config::default();
    if let Some(file) = &args.config {
        match load_config(file, std::iter::empty()) {
            Ok(loaded) => config = loaded.config,
            Err(error) => {
                eprintln!("{error}");
                return Ok(bad_config());
            }
        }
    }
    if let Some(name) = &args.codec {
        let codec = RouteCodec::from_name(name);
        let codec =
            codec.ok_or_else(|| anyhow!("there is no codec {name:?}: see `weir codecs`"))?;
        config = with_codec(config, codec, args.topic.as_deref());
        if config.routes.is_empty() {
            bail!("codec {name:?} has no usual topic: give one with --topic");
        }
    }
    let mut decoding = Decoding::new(&config);
    let mut refuses = false;
    let reader = input(args.file.as_deref())?;
    if args.messages {
        for line in BufReader::new(reader).split(b'\n') {
            let line = line.context("cannot read the messages")?;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let input = message(&line)?;
            refuses |= print(args, &mut decoding, &input)?;
        }
    } else {
        let mut payload = Vec::new();
        let read = reader.take(MAX_BYTES).read_to_end(&mut payload);
        read.context("cannot read the payload")?;
        let topic = match &args.topic {
            Some(topic) => topic.clone(),
            None => a_topic(&config)?,
        };
        let input = Input {
            topic,
            payload,
            received: Timestamp::now(),
            retained: false,
        };
        refuses = print(args, &mut decoding, &input)?;
    }
    Ok(if refuses {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn input(file: Option<&Path>) -> Result<Box<dyn Read>> {
    match file {
        Some(file) if file != Path::new("-") => {
            let opened = File::open(file);
            let opened = opened.with_context(|| format!("cannot read {}", file.display()))?;
            Ok(Box::new(opened))
        }
        _ => Ok(Box::new(io::stdin().lock())),
    }
}

fn message(line: &[u8]) -> Result<Input> {
    let line: Line = serde_json::from_slice(line).context("a line is no message")?;
    let payload = match (line.payload, line.payload_base64) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(text)) => BASE64_STANDARD
            .decode(text)
            .context("\"payload_base64\" is not base64")?,
        _ => bail!("a message has either \"payload\" or \"payload_base64\""),
    };
    let received = match line.received_ms {
        Some(millis) => Timestamp::from_millis(millis).context("\"received_ms\" is no time")?,
        None => Timestamp::now(),
    };
    Ok(Input {
        topic: line.topic,
        payload,
        received,
        retained: line.retained,
    })
}

/// A topic of the first route, with the names of its captures.
fn a_topic(config: &Config) -> Result<String> {
    let route = config.routes.first().context("there is no route")?;
    let levels = route.topic.as_str().split('/').map(|level| match level {
        "+" | "#" => "x",
        level => level.trim_matches(['{', '}']),
    });
    Ok(levels.collect::<Vec<_>>().join("/"))
}

/// Prints what a message becomes; true if anything would be quarantined.
fn print(args: &DecodeArgs, decoding: &mut Decoding, input: &Input) -> Result<bool> {
    let found = decoding.decode(&Message {
        received: input.received,
        ingress: Ingress::Source,
        client: "",
        topic: &input.topic,
        payload: &input.payload,
        qos: 1,
        retained: input.retained,
        duplicate: false,
    });
    let shown = if args.json {
        found.to_string()
    } else {
        described(&input.topic, &found)
    };
    output::line(&shown)?;
    let quarantined = found["quarantined"].as_array();
    Ok(quarantined.is_some_and(|entries| !entries.is_empty()))
}

fn described(topic: &str, found: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => output::printable(text),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let mut lines = vec![format!("topic   {}", output::printable(topic))];
    if !found["device"].is_null() {
        lines.push(format!("device  {}", text(&found["device"])));
    }
    for (name, value) in found["other"].as_object().into_iter().flatten() {
        lines.push(format!("{name:<7} {}", text(value)));
    }
    let readings = found["readings"].as_array();
    if readings.is_some_and(|readings| !readings.is_empty()) {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(["sensor", "value", "unit", "time", "location", "device"]);
        for reading in readings.into_iter().flatten() {
            let value = match &reading["text"] {
                Value::String(text) => format!("{text:?}"),
                _ => text(&reading["value"]),
            };
            let time = reading["time_ms"].as_i64().and_then(Timestamp::from_millis);
            table.add_row([
                text(&reading["sensor"]),
                value,
                text(&reading["unit"]),
                time.map_or("receipt".to_owned(), |time| time.to_string()),
                text(&reading["location"]),
                text(&reading["device"]),
            ]);
        }
        lines.push(table.to_string());
    }
    for entry in found["quarantined"].as_array().into_iter().flatten() {
        let (reason, detail) = (text(&entry["reason"]), text(&entry["detail"]));
        lines.push(format!("quarantined as {reason}: {detail}"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_message() {
        let input = message(
            br#"{"topic": "a/b", "payload_base64": "AQI=", "received_ms": 5, "retained": true}"#,
        );
        let input = input.unwrap();
        assert_eq!((&*input.topic, &*input.payload), ("a/b", &[1, 2][..]));
        assert_eq!((input.received.millis(), input.retained), (5, true));
        for line in [&b"{}"[..], br#"{"topic": "a"}"#, b"x"] {
            assert!(message(line).is_err());
        }
    }

    #[test]
    fn a_description_has_readings_and_reasons() {
        let config = with_codec(Config::default(), RouteCodec::Ruuvi, None);
        let mut decoding = Decoding::new(&config);
        let found = decoding.decode(&Message {
            received: Timestamp(1_700_000_000_000_000_000),
            ingress: Ingress::Source,
            client: "",
            topic: "ruuvi/g/AA:BB",
            payload: br#"{"rssi": -60, "data": "00"}"#,
            qos: 1,
            retained: false,
            duplicate: false,
        });
        let shown = described("ruuvi/g/AA:BB", &found);
        assert!(shown.contains("device  AA:BB"), "{shown}");
        assert!(shown.contains("-60"), "{shown}");
        assert!(shown.contains("quarantined as not_decoded"), "{shown}");
    }
}

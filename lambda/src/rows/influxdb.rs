//! InfluxDB v2 and v3, and Timestream for InfluxDB: the lines of the InfluxDB
//! worker, in requests of its size.

use std::ops::Range;
use std::time::SystemTime;

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use weir_config::InfluxDb;
use weir_http_client::{HttpClient, Method, Request};
use weir_influxdb::{
    Failure, LineBatch, SinkError, encode_lines, judge, names_a_line, retry_after,
};
use weir_model::percent_encoded;

use crate::outlets::{RefusedReading, Rows};

/// Bytes of an answer that are read.
const MAX_RESPONSE: u64 = 64 << 10;

/// A client of one bucket.
#[derive(Debug)]
pub(crate) struct Influx {
    http: HttpClient,
    url: String,
    token: Option<String>,
    config: InfluxDb,
}

impl Influx {
    pub(crate) fn new(http: HttpClient, config: &InfluxDb) -> std::io::Result<Self> {
        let token = config.token_file.as_ref();
        let token = token.map(std::fs::read_to_string).transpose()?;
        Ok(Self {
            http,
            url: format!(
                "{}/api/v2/write?bucket={}&org={}&precision=ns",
                config.url,
                percent_encoded(&config.bucket),
                percent_encoded(&config.org)
            ),
            token: token.map(|token| format!("Token {}", token.trim())),
            config: config.clone(),
        })
    }

    /// Opens the connection.
    pub(crate) fn open(&self) {
        let _ = self.http.send(&Request {
            method: Method::Get,
            url: &format!("{}/ping", self.config.url),
            headers: &[],
            body: b"",
            max_response: MAX_RESPONSE,
        });
    }

    pub(crate) fn write(&self, rows: &[Rows<'_>]) -> Result<Vec<RefusedReading>, String> {
        let mut lines = [LineBatch::default()];
        for rows in rows {
            encode_lines(rows.batch, rows.catalog, &self.config.mapping, &mut lines);
        }
        let [lines] = lines;
        let mut refused = Vec::new();
        let mut accepted = 0;
        let mut parts: Vec<Range<usize>> = Vec::new();
        let mut at = 0;
        while at < lines.len() {
            let end = (at + self.config.batch_lines).min(lines.len());
            parts.push(at..end);
            at = end;
        }
        // A refused request is cut in halves until the refused lines stand alone.
        while let Some(part) = parts.pop() {
            let (message, is_size) = match self.post(lines.body(&part)) {
                Ok(()) => {
                    accepted += part.len();
                    continue;
                }
                Err(SinkError::Rejected { message }) => (message, false),
                Err(SinkError::TooLarge { message }) => (message, true),
                Err(error) => return Err(format!("InfluxDB: {error}")),
            };
            if part.len() > 1 {
                let middle = part.start + part.len() / 2;
                parts.push(part.start..middle);
                parts.push(middle..part.end);
                continue;
            }
            let line = lines.line(part.start);
            // What refuses everything without naming a line is not a store.
            if !is_size && accepted == 0 && !names_a_line(&message, line) {
                return Err(format!("InfluxDB refuses everything: {message}"));
            }
            let origin = lines.origin(part.start);
            refused.push(RefusedReading {
                position: origin.position,
                reading: origin.reading,
                detail: format!("InfluxDB: {message}: {line}"),
            });
        }
        Ok(refused)
    }

    fn post(&self, body: &str) -> Result<(), SinkError> {
        let mut headers = vec![("content-type", "text/plain; charset=utf-8")];
        if let Some(token) = &self.token {
            headers.push(("authorization", token));
        }
        let compressed;
        let body = if self.config.gzip {
            headers.push(("content-encoding", "gzip"));
            compressed = gzip(body);
            &*compressed
        } else {
            body.as_bytes()
        };
        let request = Request {
            method: Method::Post,
            url: &self.url,
            headers: &headers,
            body,
            max_response: MAX_RESPONSE,
        };
        let once = || {
            let answer = self.http.send(&request);
            let answer = answer.map_err(|error| Failure::no_answer(&error).error)?;
            let after = answer.header("retry-after");
            let after = after.and_then(|after| retry_after(after, SystemTime::now()));
            let text = String::from_utf8_lossy(&answer.body);
            judge(answer.status, None, after, &text).map_err(|failure| failure.error)
        };
        match once() {
            // The connection may have been closed while the process was frozen.
            Err(SinkError::Retry { after: None, .. }) => once(),
            outcome => outcome,
        }
    }
}

fn gzip(body: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder
        .write_all(body.as_bytes())
        .and_then(|()| encoder.finish())
        .expect("writing to a Vec does not fail")
}

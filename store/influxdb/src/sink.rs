//! A client of one bucket: sends one request of lines, reads the token file,
//! asks the server about itself.
//!
//! A write may be repeated at any time: the same series and time overwrite
//! themselves. The write is a request of our own, because influxdb2 loses the
//! answer's headers (Retry-After) and does not compress lines; `diagnose` asks
//! through influxdb2.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use influxdb2::api::buckets::ListBucketsRequest;
use influxdb2::models::Status;
use influxdb2::{Client, ClientBuilder};
use reqwest_influx::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
};
use reqwest_influx::redirect::Policy;
use reqwest_influx::{ClientBuilder as HttpBuilder, Url};
use thiserror::Error;
use weir_config::InfluxDb;

use crate::answer::{self, Failure, SinkError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the sink could not be created.
#[derive(Debug, Error)]
pub enum InfluxConfigError {
    #[error("cannot read the token file {path}: {source}")]
    Token { path: PathBuf, source: io::Error },
    #[error("the token file {path} holds something that is not a token")]
    TokenText { path: PathBuf },
    #[error("{url:?} is not a URL of a server")]
    Url { url: String },
    #[error("cannot make the HTTP client: {0}")]
    Client(#[from] influxdb2::BuildError),
    #[error("cannot make the HTTP client: {0}")]
    Http(#[from] reqwest_influx::Error),
}

/// Server errors that blame lines, and how often in a row each was received.
pub(crate) type RepeatedErrors = HashMap<String, u32>;

/// A client of one bucket.
#[derive(Debug)]
pub struct InfluxSink {
    config: InfluxDb,
    http: reqwest_influx::Client,
    write_url: Url,
    /// Marked as sensitive, so that it is not printed.
    authorization: Option<HeaderValue>,
    client: Client,
    /// The last line that the server accepted: writing it again changes nothing
    /// and shows whether the server accepts anything.
    pub(crate) witness: Option<String>,
    pub(crate) repeated: RepeatedErrors,
}

impl InfluxSink {
    pub fn new(config: &InfluxDb) -> Result<Self, InfluxConfigError> {
        let bad_url = || InfluxConfigError::Url {
            url: config.url.clone(),
        };
        let host = Url::parse(&config.url).ok().filter(Url::has_host);
        let mut write_url = host.ok_or_else(bad_url)?;
        write_url.set_path("/api/v2/write");
        write_url
            .query_pairs_mut()
            .append_pair("bucket", &config.bucket)
            .append_pair("org", &config.org)
            .append_pair("precision", "ns");
        let token = token(config)?;
        Ok(Self {
            http: http(config).build()?,
            write_url,
            authorization: authorization(config, &token)?,
            client: client(config, &token)?,
            witness: None,
            repeated: RepeatedErrors::default(),
            config: config.clone(),
        })
    }

    /// Reads the token file again.
    pub fn reload_token(&mut self) -> Result<(), InfluxConfigError> {
        let token = token(&self.config)?;
        self.authorization = authorization(&self.config, &token)?;
        self.client = client(&self.config, &token)?;
        Ok(())
    }

    /// Writes lines as one request.
    pub(crate) async fn write(&self, lines: &str) -> Result<(), SinkError> {
        self.post(lines).await.map_err(|failure| failure.error)
    }

    pub(crate) async fn post(&self, lines: &str) -> Result<(), Failure> {
        let mut request = self
            .http
            .post(self.write_url.clone())
            .header(CONTENT_TYPE, "text/plain; charset=utf-8");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        request = if self.config.gzip {
            request.header(CONTENT_ENCODING, "gzip").body(gzip(lines))
        } else {
            request.body(lines.to_owned())
        };
        let answer = request
            .send()
            .await
            .map_err(|error| Failure::no_answer(&error))?;
        let status = answer.status();
        let after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|after| after.to_str().ok())
            .and_then(|after| answer::retry_after(after, SystemTime::now()));
        // If the body breaks off, the status decides.
        let text = answer.text().await.unwrap_or_default();
        answer::judge(status.as_u16(), status.canonical_reason(), after, &text)
    }

    /// Asks the server why it accepts nothing; `None` when it reports no problem.
    pub async fn diagnose(&self) -> Option<String> {
        let health = self.client.health().await.ok()?;
        if health.status == Status::Fail {
            let why = health
                .message
                .unwrap_or_else(|| "no reason given".to_owned());
            return Some(format!("its /health says: {}", answer::shorten(&why)));
        }
        let request = ListBucketsRequest {
            org: Some(self.config.org.clone()),
            limit: Some(100),
            ..ListBucketsRequest::default()
        };
        let buckets = self.client.list_buckets(Some(request)).await.ok()?.buckets;
        if buckets
            .iter()
            .any(|bucket| bucket.name == self.config.bucket)
        {
            return None;
        }
        let (bucket, org) = (&self.config.bucket, &self.config.org);
        let names: Vec<_> = buckets.into_iter().map(|bucket| bucket.name).collect();
        Some(format!(
            "{org:?} has no bucket {bucket:?}; it has: {}",
            answer::shorten(&names.join(", "))
        ))
    }
}

fn token(config: &InfluxDb) -> Result<String, InfluxConfigError> {
    let Some(path) = &config.token_file else {
        return Ok(String::new());
    };
    let text = std::fs::read_to_string(path).map_err(|source| InfluxConfigError::Token {
        path: path.clone(),
        source,
    })?;
    Ok(text.trim().to_owned())
}

fn authorization(config: &InfluxDb, token: &str) -> Result<Option<HeaderValue>, InfluxConfigError> {
    if token.is_empty() {
        return Ok(None);
    }
    let mut value = HeaderValue::from_str(&format!("Token {token}")).map_err(|_| {
        let path = config.token_file.clone().unwrap_or_default();
        InfluxConfigError::TokenText { path }
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// Redirects are not followed: they would send readings to a host that is not configured.
fn http(config: &InfluxDb) -> HttpBuilder {
    reqwest_influx::Client::builder()
        .timeout(config.timeout)
        .connect_timeout(config.timeout.min(CONNECT_TIMEOUT))
        .redirect(Policy::none())
        .http1_only()
}

fn client(config: &InfluxDb, token: &str) -> Result<Client, InfluxConfigError> {
    Ok(ClientBuilder::with_builder(http(config), &config.url, &config.org, token).build()?)
}

/// The fastest level: lines are so repetitive that higher levels gain little.
fn gzip(lines: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(lines.len() / 4), Compression::fast());
    encoder
        .write_all(lines.as_bytes())
        .and_then(|()| encoder.finish())
        .expect("writing to a Vec does not fail")
}

#[cfg(test)]
mod tests;

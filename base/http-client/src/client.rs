//! Requests and responses over one connection pool.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use ureq::http;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::transport::DefaultConnector;

use crate::address::GuardedResolver;
use crate::error::HttpError;
use crate::trust::Trust;

/// Longest wait that a `Retry-After` header can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// How a client connects.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// For the whole exchange, from name resolution to the end of the body.
    pub timeout: Duration,
    /// Allows addresses of this machine and of private networks.
    pub allow_private: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// A request. A GET and a DELETE are sent without their body.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub method: Method,
    pub url: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
    /// Bytes of the response's body that are read.
    pub max_response: u64,
}

/// A response with any status.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    headers: http::HeaderMap,
    /// At most [`Request::max_response`] bytes.
    pub body: Vec<u8>,
    /// False if the body is longer than what was read.
    pub is_complete: bool,
}

/// Sends requests. Clones share the connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    agent: ureq::Agent,
}

impl HttpClient {
    pub fn new(options: Options, trust: &Trust) -> Self {
        let roots: Vec<_> = trust
            .roots()
            .iter()
            .map(|der| Certificate::from_der(der).to_owned())
            .collect();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(RootCerts::new_with_certs(&roots))
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_global(Some(options.timeout))
            .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")))
            .build();
        let connector = DefaultConnector::default();
        let resolver = GuardedResolver {
            allow_private: options.allow_private,
        };
        Self {
            agent: ureq::Agent::with_parts(config, connector, resolver),
        }
    }

    /// Sends a request and reads the response.
    pub fn send(&self, request: &Request<'_>) -> Result<Response, HttpError> {
        let mut builder = http::Request::builder()
            .method(request.method.as_str())
            .uri(request.url);
        for (name, value) in request.headers {
            builder = builder.header(*name, *value);
        }
        let response = if matches!(request.method, Method::Get | Method::Delete) {
            let request = builder.body(()).map_err(|_| HttpError::InvalidUrl)?;
            self.agent.run(request)?
        } else {
            let request = builder.body(request.body);
            self.agent
                .run(request.map_err(|_| HttpError::InvalidUrl)?)?
        };
        Ok(Response::read(response, request.max_response))
    }
}

impl Response {
    /// Reads the body: to its end if possible, so that the connection can be used
    /// again. A body that breaks off is incomplete, not an error.
    fn read(response: http::Response<ureq::Body>, max: u64) -> Self {
        let (parts, mut body) = response.into_parts();
        let (mut bytes, mut reader) = (Vec::new(), body.as_reader());
        let mut is_complete = reader.by_ref().take(max).read_to_end(&mut bytes).is_ok();
        if bytes.len() as u64 == max {
            is_complete &= matches!(reader.read(&mut [0]), Ok(0));
        }
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: bytes,
            is_complete,
        }
    }

    /// Whether the status is a 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of this name, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Retry-After` in seconds, at most an hour.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header("retry-after")?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
    }

    /// `Date`: the server's clock in milliseconds since the epoch, rounded down to
    /// the second.
    pub fn date_ms(&self) -> Option<i64> {
        let date = httpdate::parse_http_date(self.header("date")?).ok()?;
        let since = date.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn client(allow_private: bool) -> HttpClient {
        let options = Options {
            timeout: Duration::from_secs(5),
            allow_private,
        };
        HttpClient::new(options, &Trust::System)
    }

    fn request(method: Method, url: &str) -> Request<'_> {
        Request {
            method,
            url,
            headers: &[("x-test", "yes")],
            body: b"x",
            max_response: 4,
        }
    }

    #[test]
    fn loopback_is_refused_before_anything_is_sent() {
        let client = client(false);
        for url in [
            "http://127.0.0.1:9/",
            "http://localhost:9/",
            "http://[::1]:9/",
        ] {
            let error = client.send(&request(Method::Post, url)).unwrap_err();
            assert!(
                error.to_string().contains("allow_private"),
                "{url}: {error}"
            );
        }
    }

    #[test]
    fn a_response_is_read_whatever_its_status() {
        #[track_caller]
        fn check(method: Method, expect: &str, body: &str, found: (&[u8], bool)) {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}/a?b=c", listener.local_addr().unwrap());
            let response = format!(
                "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nDate: Mon, 21 Sep 2026 14:13:20 GMT\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let server = thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut received = Vec::new();
                read_request(&mut stream, &mut received);
                stream.write_all(response.as_bytes()).unwrap();
                received
            });
            let response = client(true).send(&request(method, &url)).unwrap();
            let received = String::from_utf8(server.join().unwrap()).unwrap();
            assert!(received.starts_with(expect), "{received}");
            assert!(received.contains("x-test: yes"), "{received}");
            assert_eq!((response.status, response.is_success()), (503, false));
            assert_eq!(response.retry_after(), Some(Duration::from_secs(7)));
            assert_eq!(response.date_ms(), Some(1_790_000_000_000));
            assert_eq!((&*response.body, response.is_complete), found);
        }
        check(Method::Get, "GET /a?b=c HTTP/1.1", "ok", (b"ok", true));
        check(Method::Put, "PUT /a?b=c HTTP/1.1", "four", (b"four", true));
        let cut: (&[u8], bool) = (b"five", false);
        check(Method::Post, "POST /a?b=c HTTP/1.1", "five!", cut);
    }

    /// Reads a request: its head, and its body of one byte if it has one.
    fn read_request(stream: &mut impl Read, received: &mut Vec<u8>) {
        let mut byte = [0];
        while !received.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
            received.push(byte[0]);
        }
        if !received.starts_with(b"GET") {
            stream.read_exact(&mut byte).unwrap();
        }
    }
}

//! Signs and sends the requests of one service. The endpoint of the region is the
//! default; another one can be set, such as a VPC endpoint or a test server.

use weir_http_client::{HttpClient, HttpError, Method, Request, Response};
use weir_model::Timestamp;

use crate::credentials::Credentials;
use crate::error::AwsError;
use crate::signature::{Scope, SignedRequest, authorization, payload_hash, query_string};

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The signing name, such as `dynamodb`.
    pub name: &'static str,
    pub region: String,
    /// Without a trailing slash.
    pub endpoint: String,
}

impl Service {
    /// The service in a region of a partition (`aws`, `aws-cn`, …), or at an
    /// endpoint of one's own.
    pub fn new(name: &'static str, partition: &str, region: &str, endpoint: Option<&str>) -> Self {
        let suffix = if partition == "aws-cn" { ".cn" } else { "" };
        let regional = || format!("https://{name}.{region}.amazonaws.com{suffix}");
        let endpoint = endpoint.map_or_else(regional, |own| own.trim_end_matches('/').to_owned());
        Self {
            name,
            region: region.to_owned(),
            endpoint,
        }
    }

    /// Host and path of the endpoint.
    fn host_and_path(&self) -> (&str, &str) {
        let rest = self.endpoint.split_once("://").map_or("", |(_, rest)| rest);
        match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        }
    }
}

/// One request to a service.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub method: Method,
    /// Percent-encoded, with the leading slash.
    pub path: &'a str,
    /// Names and values before percent-encoding.
    pub query: &'a [(&'a str, &'a str)],
    /// Lower-case names, such as `content-type` and `x-amz-target`.
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
    /// Bytes of the response's body that are read.
    pub max_response: u64,
}

/// Calls one service with one set of credentials.
#[derive(Clone, Debug)]
pub struct Client {
    http: HttpClient,
    service: Service,
    credentials: Credentials,
}

impl Client {
    pub fn new(http: HttpClient, service: Service, credentials: Credentials) -> Self {
        Self {
            http,
            service,
            credentials,
        }
    }

    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Replaces credentials that expire.
    pub fn set_credentials(&mut self, credentials: Credentials) {
        self.credentials = credentials;
    }

    /// Opens a connection, so that the first call does not wait for it. Whatever
    /// comes of it: the first call reports it.
    pub fn open(&self) {
        let _ = self.http.send(&Request {
            method: Method::Get,
            url: &format!("{}/", self.service.endpoint),
            headers: &[],
            body: b"",
            max_response: 64 << 10,
        });
    }

    /// As [`Self::call`], once more if the failure passes; only a success is `Ok`.
    pub fn call_twice(
        &self,
        call: &Call<'_>,
        now: impl Fn() -> Timestamp,
    ) -> Result<Response, AwsError> {
        let once = || {
            let service = self.service.name;
            let response = self.call(call, now());
            let response = response.map_err(|source| AwsError::Http { service, source })?;
            match response.is_success() {
                true => Ok(response),
                false => Err(AwsError::refused(service, &response)),
            }
        };
        match once() {
            Err(error) if error.is_passing() => once(),
            outcome => outcome,
        }
    }

    /// Signs and sends; returns a response with any status. `now`: wall clock.
    pub fn call(&self, call: &Call<'_>, now: Timestamp) -> Result<Response, HttpError> {
        let time = now.date_time().format("%Y%m%dT%H%M%SZ").to_string();
        let (host, base) = self.service.host_and_path();
        let path = format!("{base}{}", call.path);
        let hash = payload_hash(call.body);
        let mut headers = call.headers.to_vec();
        headers.extend([("host", host), ("x-amz-date", &time)]);
        if let Some(token) = &self.credentials.session_token {
            headers.push(("x-amz-security-token", token));
        }
        if self.service.name == "s3" {
            headers.push(("x-amz-content-sha256", &hash));
        }
        let scope = Scope {
            region: &self.service.region,
            service: self.service.name,
            time: &time,
        };
        let signed = SignedRequest {
            method: call.method.as_str(),
            path: &path,
            query: call.query,
            headers: &headers,
            payload_hash: &hash,
        };
        let authorization = authorization(&self.credentials, scope, &signed);
        // The HTTP client sets the host itself.
        headers.retain(|(name, _)| *name != "host");
        headers.push(("authorization", &authorization));
        let mut url = format!("{}{}", self.service.endpoint, call.path);
        if !call.query.is_empty() {
            url.push('?');
            url.push_str(&query_string(call.query));
        }
        self.http.send(&Request {
            method: call.method,
            url: &url,
            headers: &headers,
            body: call.body,
            max_response: call.max_response,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_the_regions_or_ones_own() {
        #[track_caller]
        fn check(partition: &str, own: Option<&str>, endpoint: &str, parts: (&str, &str)) {
            let service = Service::new("dynamodb", partition, "eu-central-1", own);
            assert_eq!(service.endpoint, endpoint);
            assert_eq!(service.host_and_path(), parts);
        }
        let host = "dynamodb.eu-central-1.amazonaws.com";
        check("aws", None, &format!("https://{host}"), (host, ""));
        let cn = format!("{host}.cn");
        check("aws-cn", None, &format!("https://{cn}"), (&cn, ""));
        let own = "http://127.0.0.1:5000";
        check("aws", Some(own), own, ("127.0.0.1:5000", ""));
        let prefix = "http://proxy/aws/";
        check("aws", Some(prefix), "http://proxy/aws", ("proxy", "/aws"));
    }
}

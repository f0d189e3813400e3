//! Signature Version 4.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use weir_model::{hex, percent_encoded};

use crate::credentials::Credentials;

/// What the signature is valid for.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    pub region: &'a str,
    /// The signing name, such as `dynamodb`.
    pub service: &'a str,
    /// `20260921T141320Z`
    pub time: &'a str,
}

/// What the signature covers of a request.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    pub method: &'a str,
    /// As sent: percent-encoded, with the leading slash.
    pub path: &'a str,
    /// Names and values before percent-encoding.
    pub query: &'a [(&'a str, &'a str)],
    /// Lower-case names, with `host` and `x-amz-date`.
    pub headers: &'a [(&'a str, &'a str)],
    /// SHA-256 of the body in hexadecimal: `payload_hash`.
    pub payload_hash: &'a str,
}

/// The value of the `authorization` header.
pub fn authorization(
    credentials: &Credentials,
    scope: Scope<'_>,
    request: &SignedRequest<'_>,
) -> String {
    let mut headers = request.headers.to_vec();
    headers.sort_unstable();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let mut canonical = format!(
        "{}\n{}\n{}\n",
        request.method,
        canonical_path(request.path, scope.service),
        query_string(request.query)
    );
    for (name, value) in &headers {
        canonical.push_str(&format!("{name}:{}\n", value.trim()));
    }
    canonical.push_str(&format!("\n{names}\n{}", request.payload_hash));
    let Scope {
        region,
        service,
        time,
    } = scope;
    let day = time.split('T').next().unwrap_or_default();
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let hash = payload_hash(canonical.as_bytes());
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}");
    let mut key = format!("AWS4{}", credentials.secret_access_key).into_bytes();
    for part in [day, region, service, "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    let signature = hex(&hmac(&key, to_sign.as_bytes()));
    let access_key = &credentials.access_key_id;
    format!(
        "AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, \
         Signature={signature}"
    )
}

/// SHA-256 in hexadecimal.
pub(crate) fn payload_hash(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

/// The query as sent and as signed: percent-encoded, in the order of names.
pub(crate) fn query_string(query: &[(&str, &str)]) -> String {
    let encode = |(name, value): &(&str, &str)| (percent_encoded(name), percent_encoded(value));
    let mut pairs: Vec<(String, String)> = query.iter().map(encode).collect();
    pairs.sort_unstable();
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("&")
}

/// All services but S3 sign the path with each segment percent-encoded again.
fn canonical_path(path: &str, service: &str) -> String {
    if service == "s3" {
        return path.to_owned();
    }
    let segments: Vec<String> = path.split('/').map(percent_encoded).collect();
    segments.join("/")
}

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: None,
        }
    }

    /// `post-x-www-form-urlencoded` of AWS's test suite for Signature Version 4.
    #[test]
    fn the_signature_is_that_of_aws() {
        let scope = Scope {
            region: "us-east-1",
            service: "service",
            time: "20150830T123600Z",
        };
        let request = SignedRequest {
            method: "POST",
            path: "/",
            query: &[],
            headers: &[
                ("content-type", "application/x-www-form-urlencoded"),
                ("host", "example.amazonaws.com"),
                ("x-amz-date", "20150830T123600Z"),
            ],
            payload_hash: &payload_hash(b"Param1=value1"),
        };
        let signature = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";
        assert_eq!(
            authorization(&credentials(), scope, &request),
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, Signature={signature}"
            )
        );
    }

    const TIME: &str = "20260921T141320Z";

    #[track_caller]
    fn check(service: &str, request: SignedRequest<'_>, body: &[u8], expect: &str) {
        let scope = Scope {
            region: "eu-central-1",
            service,
            time: TIME,
        };
        let request = SignedRequest {
            payload_hash: &payload_hash(body),
            ..request
        };
        let found = authorization(&credentials(), scope, &request);
        let (_, signed) = found.split_once("SignedHeaders=").unwrap();
        assert_eq!(signed, expect, "{service}");
    }

    /// The expected signatures are those of botocore 1.43.
    #[test]
    fn every_part_of_a_request_is_signed_as_botocore_signs_it() {
        let host = |service| match service {
            "dynamodb" => ("host", "dynamodb.eu-central-1.amazonaws.com"),
            "s3" => ("host", "bucket.s3.eu-central-1.amazonaws.com"),
            _ => ("host", "data.iot.eu-central-1.amazonaws.com"),
        };
        // A session token and a target header, not in their order.
        let request = SignedRequest {
            method: "POST",
            path: "/",
            query: &[],
            headers: &[
                ("x-amz-target", "DynamoDB_20120810.PutItem"),
                ("content-type", "application/x-amz-json-1.0"),
                host("dynamodb"),
                ("x-amz-date", TIME),
                ("x-amz-security-token", "TOKEN/+="),
            ],
            payload_hash: "",
        };
        let expect = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target, \
             Signature=4b5a5569bccc201756290617cd18cf954181d2fe6d1d4926201e690bbb06ef02";
        check("dynamodb", request, br#"{"TableName":"weir"}"#, expect);
        // A path and a query with characters that are encoded.
        let request = SignedRequest {
            path: "/things/pump%201/shadow",
            query: &[("x", "1"), ("name", "a b/c")],
            headers: &[host("iotdata"), ("x-amz-date", TIME)],
            ..request
        };
        let expect = "host;x-amz-date, \
             Signature=33aca374b9a34670e205de454b71c4403c8ed6f7773d12e8deb0e988556383a3";
        check("iotdata", request, br#"{"state":{}}"#, expect);
        let request = SignedRequest {
            method: "GET",
            path: "/api/things/shadow/ListNamedShadowsForThing/p%3A1",
            query: &[("pageSize", "2"), ("nextToken", "é")],
            ..request
        };
        let expect = "host;x-amz-date, \
             Signature=edacd271488ebd653776deed283058e90f159c8738528cf576beaaf5c469495e";
        check("iotdata", request, b"", expect);
        // S3 signs the path as sent, and the hash of the body as a header.
        let hash = payload_hash(b"{}");
        let request = SignedRequest {
            method: "PUT",
            path: "/quarantine/bad%20json/a%2Bb.json",
            query: &[],
            headers: &[
                host("s3"),
                ("x-amz-date", TIME),
                ("x-amz-content-sha256", &hash),
            ],
            payload_hash: "",
        };
        let expect = "host;x-amz-content-sha256;x-amz-date, \
             Signature=f5b9f623a979ed2a48d90db2331d63861a4e38a126fbd26fb2af24dbfd54aefa";
        check("s3", request, b"{}", expect);
    }
}

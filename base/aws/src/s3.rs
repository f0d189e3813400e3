//! Amazon S3: objects of one bucket.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>

use weir_http_client::Method;
use weir_model::{Timestamp, percent_encoded};

use crate::client::{Call, Client};
use crate::error::AwsError;

/// Bytes of an object that are read.
const MAX_RESPONSE: u64 = 32 << 20;

/// One bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    name: String,
}

impl Bucket {
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn put(&self, key: &str, content_type: &str, body: &[u8]) -> Result<(), AwsError> {
        let headers = [("content-type", content_type)];
        self.call(Method::Put, key, &headers, body).map(|_| ())
    }

    /// `None`: there is no such object.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, AwsError> {
        match self.call(Method::Get, key, &[], b"") {
            Ok(body) => Ok(Some(body)),
            Err(AwsError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Succeeds also if there is no such object.
    pub fn delete(&self, key: &str) -> Result<(), AwsError> {
        self.call(Method::Delete, key, &[], b"").map(|_| ())
    }

    fn call(
        &self,
        method: Method,
        key: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Vec<u8>, AwsError> {
        let key: Vec<String> = key.split('/').map(percent_encoded).collect();
        let path = format!("/{}/{}", percent_encoded(&self.name), key.join("/"));
        let call = Call {
            method,
            path: &path,
            query: &[],
            headers,
            body,
            max_response: MAX_RESPONSE,
        };
        Ok(self.client.call_twice(&call, Timestamp::now)?.body)
    }
}

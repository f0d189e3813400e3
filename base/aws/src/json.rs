//! The protocol of most services: a POST of JSON whose header names the operation.

use serde_json::Value;
use weir_http_client::Method;
use weir_model::Timestamp;

use crate::client::{Call, Client};
use crate::error::AwsError;

/// Bytes of a response that are read: DynamoDB's largest is 16 MB.
const MAX_RESPONSE: u64 = 20 << 20;

/// The operations of one service of this protocol.
#[derive(Clone, Debug)]
pub struct JsonClient {
    client: Client,
    /// Such as `DynamoDB_20120810`.
    target: &'static str,
}

impl JsonClient {
    pub fn dynamo_db(client: Client) -> Self {
        Self {
            client,
            target: "DynamoDB_20120810",
        }
    }

    pub fn timestream(client: Client) -> Self {
        Self {
            client,
            target: "Timestream_20181101",
        }
    }

    pub fn sqs(client: Client) -> Self {
        Self {
            client,
            target: "AmazonSQS",
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// One operation. It is repeated once if its failure passes, so it has to be one
    /// that may be repeated.
    pub fn call(&self, operation: &str, body: &Value) -> Result<Value, AwsError> {
        let target = format!("{}.{operation}", self.target);
        let body = body.to_string();
        let call = Call {
            method: Method::Post,
            path: "/",
            query: &[],
            headers: &[
                ("content-type", "application/x-amz-json-1.0"),
                ("x-amz-target", &target),
            ],
            body: body.as_bytes(),
            max_response: MAX_RESPONSE,
        };
        let response = self.client.call_twice(&call, Timestamp::now)?;
        match response.body.is_empty() {
            true => Ok(Value::Null),
            false => serde_json::from_slice(&response.body).map_err(|_| AwsError::Answer {
                service: self.client.service().name,
                what: "it is not JSON",
            }),
        }
    }
}

//! AWS IoT Data: device shadows.
//! <https://docs.aws.amazon.com/iot/latest/apireference/API_Operations_AWS_IoT_Data_Plane.html>

use weir_http_client::Method;
use weir_model::{Timestamp, percent_encoded};

use crate::client::{Call, Client};
use crate::error::AwsError;

/// Bytes of a shadow that are read: AWS allows 8 KB, or 30 KB on request, and adds
/// metadata for each member.
const MAX_RESPONSE: u64 = 256 << 10;

/// The shadows of one account and region.
#[derive(Clone, Debug)]
pub struct IotData {
    client: Client,
    /// A named shadow, or the classic one.
    name: Option<String>,
}

impl IotData {
    pub fn new(client: Client, name: Option<String>) -> Self {
        Self { client, name }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Updates the shadow of a thing; returns the answer.
    pub fn update(&self, thing: &str, payload: &[u8]) -> Result<Vec<u8>, AwsError> {
        self.call(Method::Post, thing, payload)
    }

    /// The shadow of a thing; `None` if it has none.
    pub fn get(&self, thing: &str) -> Result<Option<Vec<u8>>, AwsError> {
        match self.call(Method::Get, thing, b"") {
            Ok(shadow) => Ok(Some(shadow)),
            Err(AwsError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn call(&self, method: Method, thing: &str, body: &[u8]) -> Result<Vec<u8>, AwsError> {
        let path = format!("/things/{}/shadow", percent_encoded(thing));
        let query: Vec<_> = self
            .name
            .iter()
            .map(|name| ("name", name.as_str()))
            .collect();
        let call = Call {
            method,
            path: &path,
            query: &query,
            headers: &[],
            body,
            max_response: MAX_RESPONSE,
        };
        Ok(self.client.call_twice(&call, Timestamp::now)?.body)
    }
}

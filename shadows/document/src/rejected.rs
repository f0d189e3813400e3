//! Why a request is rejected, with the codes and texts of the AWS service: SDKs and
//! their users compare them.

use serde::Serialize;
use thiserror::Error;

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Rejected {
    #[error("Invalid JSON")]
    InvalidJson,
    #[error("Missing required node: state")]
    MissingState,
    #[error("State node must be an object")]
    StateNotObject,
    #[error("Desired node must be an object")]
    DesiredNotObject,
    #[error("Reported node must be an object")]
    ReportedNotObject,
    #[error("Invalid version")]
    InvalidVersion,
    #[error("Invalid clientToken")]
    InvalidClientToken,
    #[error("JSON contains too many levels of nesting; maximum is {max}")]
    TooDeep { max: usize },
    #[error("State contains an invalid node")]
    InvalidNode,
    #[error("Invalid thing name")]
    InvalidThing,
    #[error("Invalid shadow name")]
    InvalidShadow,
    #[error("Invalid pageSize: it is between 1 and 100")]
    InvalidPageSize,
    #[error("Invalid nextToken")]
    InvalidNextToken,
    #[error("Unauthorized")]
    Unauthorized,
    #[error("Forbidden")]
    Forbidden,
    /// `name`: `thing`, or `thing~shadow` for a named shadow.
    #[error("No shadow exists with name: '{name}'")]
    NotFound { name: String },
    #[error("Version conflict")]
    VersionConflict,
    #[error("The payload exceeds the maximum size allowed")]
    TooLarge,
    #[error("Unsupported documented encoding; supported encoding is UTF-8")]
    NotUtf8,
    #[error("Too many requests in flight for the thing; maximum is {max}")]
    TooManyRequests { max: usize },
    #[error("Internal service failure")]
    Internal,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    code: u16,
    message: String,
    timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token: Option<&'a str>,
}

impl Rejected {
    /// The HTTP status, and the `code` of the answer.
    pub const fn code(&self) -> u16 {
        match self {
            Self::InvalidJson
            | Self::MissingState
            | Self::StateNotObject
            | Self::DesiredNotObject
            | Self::ReportedNotObject
            | Self::InvalidVersion
            | Self::InvalidClientToken
            | Self::TooDeep { .. }
            | Self::InvalidNode
            | Self::InvalidThing
            | Self::InvalidShadow
            | Self::InvalidPageSize
            | Self::InvalidNextToken => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound { .. } => 404,
            Self::VersionConflict => 409,
            Self::TooLarge => 413,
            Self::NotUtf8 => 415,
            Self::TooManyRequests { .. } => 429,
            Self::Internal => 500,
        }
    }

    /// The name in the AWS data plane: an exception in its clients.
    pub const fn exception(&self) -> &'static str {
        match self.code() {
            400 => "InvalidRequestException",
            401 => "UnauthorizedException",
            403 => "ForbiddenException",
            404 => "ResourceNotFoundException",
            409 => "ConflictException",
            413 => "RequestEntityTooLargeException",
            415 => "UnsupportedDocumentEncodingException",
            429 => "ThrottlingException",
            _ => "InternalFailureException",
        }
    }

    /// `{"code", "message", "timestamp" (seconds), "clientToken"?}`.
    pub fn to_json(&self, now_s: i64, client_token: Option<&str>) -> serde_json::Value {
        serde_json::to_value(self.body(now_s, client_token)).expect("texts and integers are JSON")
    }

    /// [`Rejected::to_json`] as bytes.
    pub fn payload(&self, now_s: i64, client_token: Option<&str>) -> Vec<u8> {
        serde_json::to_vec(&self.body(now_s, client_token)).expect("texts and integers are JSON")
    }

    fn body<'a>(&self, timestamp: i64, client_token: Option<&'a str>) -> Body<'a> {
        Body {
            code: self.code(),
            message: self.to_string(),
            timestamp,
            client_token,
        }
    }
}

//! What the SQL endpoints share: who may query, limits, parameters.

use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, NullArray, StringArray};
use serde_json::{Map, Value};
use thiserror::Error;
use weir_auth::{Access, Action, Credentials, Identity, Unauthenticated};
use weir_config::Query;
use weir_model::Timestamp;
use weir_sql::{Parameters, QueryLimits};

/// The reason of a login that was not checked.
pub const BUSY: &str = "too many passwords are being checked; try again";

/// Whether whoever shows this token may query; why not, otherwise.
pub fn admit(access: &Access, token: Option<&str>) -> Result<Identity, &'static str> {
    let identity = match token {
        Some(token) => access.authenticate(Credentials::Token(token), Timestamp::now()),
        None => access.everybody(),
    };
    may_read(access, identity)
}

/// As [`admit`], by a name and its password or token, which wait for their turn.
pub async fn admit_by_password(
    access: &Access,
    name: &str,
    password: &[u8],
    peer: IpAddr,
) -> Result<Identity, &'static str> {
    let credentials = Credentials::Password { name, password };
    let identity = access
        .log_in(credentials, Some(peer), Timestamp::now())
        .await;
    may_read(access, identity)
}

fn may_read(
    access: &Access,
    identity: Result<Identity, Unauthenticated>,
) -> Result<Identity, &'static str> {
    let identity = identity.map_err(|error| match error {
        Unauthenticated::Busy => BUSY,
        Unauthenticated::Missing | Unauthenticated::Wrong => "there is no valid token or password",
    })?;
    if access.allows(&identity, Action::Read) {
        Ok(identity)
    } else {
        Err("this identity may not read")
    }
}

/// What one query may use, as it is configured.
pub fn limits(config: &Query) -> QueryLimits {
    QueryLimits {
        max_rows: config.max_rows,
        timeout: config.timeout,
        memory: usize::try_from(config.max_memory).unwrap_or(usize::MAX),
    }
}

/// Why a parameter of a query cannot be used.
#[derive(Debug, Error)]
pub enum ParameterError {
    #[error("the parameter {0} is out of range")]
    OutOfRange(String),
    #[error("the parameter {0} is not a single value")]
    NotASingleValue(String),
}

/// Parameters as JSON gives them; those of a statement are `$name`.
pub fn named(values: Map<String, Value>) -> Result<Parameters, ParameterError> {
    if values.is_empty() {
        return Ok(Parameters::None);
    }
    let named = values.into_iter().map(|(name, value)| {
        let array: ArrayRef = match &value {
            Value::Null => Arc::new(NullArray::new(1)),
            Value::Bool(value) => Arc::new(BooleanArray::from(vec![*value])),
            Value::String(text) => Arc::new(StringArray::from(vec![text.as_str()])),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Arc::new(Int64Array::from(vec![whole])),
                (None, Some(number)) => Arc::new(Float64Array::from(vec![number])),
                (None, None) => return Err(ParameterError::OutOfRange(name)),
            },
            Value::Array(_) | Value::Object(_) => {
                return Err(ParameterError::NotASingleValue(name));
            }
        };
        Ok((name, array))
    });
    Ok(Parameters::Named(named.collect::<Result<_, _>>()?))
}

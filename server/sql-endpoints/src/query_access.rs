//! What the SQL endpoints share: who may query, limits, parameters.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, NullArray, StringArray};
use serde_json::{Map, Value};
use thiserror::Error;
use weir_auth::{Access, Action, Credentials, Identity};
use weir_clock::now;
use weir_config::Query;
use weir_sql::{Parameters, QueryLimits};

/// Whether whoever shows these credentials may query; why not, otherwise. Hashes
/// chosen passwords: call it where blocking is allowed for those.
pub fn admit(access: &Access, shown: Option<Credentials<'_>>) -> Result<Identity, &'static str> {
    let identity = match shown {
        Some(credentials) => access.authenticate(credentials, now()),
        None => access.everybody(),
    };
    let identity = identity.map_err(|_| "there is no valid token or password")?;
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

//! Parses requests. Everything about a request that does not depend on the shadow is
//! checked here, before a lookup.

use serde_json::{Map, Value};
use weir_config::Shadows;

use crate::rejected::Rejected;

/// Longest client token, in bytes.
const MAX_TOKEN_BYTES: usize = 64;

/// An operation on a shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    Get,
    Update,
    Delete,
    /// An update by Weir. It gets no `rejected` answer: a report that does not fit is
    /// counted and dropped.
    Report,
}

/// One request to a shadow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub thing: String,
    /// `None`: the classic shadow.
    pub name: Option<String>,
    pub operation: Operation,
    pub payload: Vec<u8>,
    /// False: only the delta, if there is one, is returned as an answer.
    pub publish: bool,
}

/// The `desired` or `reported` section of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Section {
    #[default]
    Absent,
    /// `null`: the section is removed.
    Remove,
    /// Members to set, or to delete with `null`.
    Patch(Map<String, Value>),
}

/// A well-formed update.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateRequest {
    pub desired: Section,
    pub reported: Section,
    pub client_token: Option<String>,
    /// The version that the shadow must have.
    pub version: Option<u64>,
}

/// A request, or why it is rejected. The token is echoed in both cases.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    pub client_token: Option<String>,
    pub request: Result<UpdateRequest, Rejected>,
}

impl UpdateRequest {
    /// Parses and checks the body of an update.
    pub fn parse(payload: &[u8], limits: &Shadows) -> Parsed {
        let mut root = match object(payload) {
            Ok(root) => root,
            Err(rejected) => {
                return Parsed {
                    client_token: None,
                    request: Err(rejected),
                };
            }
        };
        let client_token = match token(&mut root) {
            Ok(token) => token,
            Err(rejected) => {
                return Parsed {
                    client_token: None,
                    request: Err(rejected),
                };
            }
        };
        let request = Self::from_members(root, client_token.clone(), limits);
        Parsed {
            client_token,
            request,
        }
    }

    fn from_members(
        mut root: Map<String, Value>,
        client_token: Option<String>,
        limits: &Shadows,
    ) -> Result<Self, Rejected> {
        let version = match root.remove("version") {
            None | Some(Value::Null) => None,
            Some(version) => Some(version.as_u64().ok_or(Rejected::InvalidVersion)?),
        };
        let mut state = match root.remove("state").ok_or(Rejected::MissingState)? {
            Value::Object(state) => state,
            // Both sections are removed; the shadow is empty and valid.
            Value::Null => {
                let (desired, reported) = (Section::Remove, Section::Remove);
                return Ok(Self {
                    desired,
                    reported,
                    client_token,
                    version,
                });
            }
            _ => return Err(Rejected::StateNotObject),
        };
        let desired = section(&mut state, "desired", Rejected::DesiredNotObject, limits)?;
        let reported = section(&mut state, "reported", Rejected::ReportedNotObject, limits)?;
        if !state.is_empty() {
            return Err(Rejected::InvalidNode);
        }
        Ok(Self {
            desired,
            reported,
            client_token,
            version,
        })
    }
}

/// The client token of a get: its body is empty or an object.
pub fn client_token(payload: &[u8]) -> Result<Option<String>, Rejected> {
    if payload.is_empty() {
        Ok(None)
    } else {
        token(&mut object(payload)?)
    }
}

fn object(payload: &[u8]) -> Result<Map<String, Value>, Rejected> {
    let text = std::str::from_utf8(payload).map_err(|_| Rejected::NotUtf8)?;
    match serde_json::from_str(text) {
        Ok(Value::Object(root)) => Ok(root),
        Ok(_) | Err(_) => Err(Rejected::InvalidJson),
    }
}

fn token(root: &mut Map<String, Value>) -> Result<Option<String>, Rejected> {
    match root.remove("clientToken") {
        None => Ok(None),
        Some(Value::String(token)) if token.len() <= MAX_TOKEN_BYTES => Ok(Some(token)),
        Some(_) => Err(Rejected::InvalidClientToken),
    }
}

fn section(
    state: &mut Map<String, Value>,
    name: &str,
    not_object: Rejected,
    limits: &Shadows,
) -> Result<Section, Rejected> {
    match state.remove(name) {
        None => Ok(Section::Absent),
        Some(Value::Null) => Ok(Section::Remove),
        Some(Value::Object(patch)) => {
            check_members(&patch, 1, limits.max_depth)?;
            Ok(Section::Patch(patch))
        }
        Some(_) => Err(not_object),
    }
}

/// The section is level 1; every object and array in it is one level deeper.
fn check_members(patch: &Map<String, Value>, level: usize, max: usize) -> Result<(), Rejected> {
    if level > max {
        return Err(Rejected::TooDeep { max });
    }
    for value in patch.values() {
        match value {
            Value::Object(inner) => check_members(inner, level + 1, max)?,
            Value::Array(items) => check_items(items, level + 1, max)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    Ok(())
}

/// An array is a value: a null in it could not mean "delete".
fn check_items(items: &[Value], level: usize, max: usize) -> Result<(), Rejected> {
    if level > max {
        return Err(Rejected::TooDeep { max });
    }
    for item in items {
        match item {
            Value::Null => return Err(Rejected::InvalidNode),
            Value::Array(inner) => check_items(inner, level + 1, max)?,
            Value::Object(inner) => {
                if inner.values().any(Value::is_null) {
                    return Err(Rejected::InvalidNode);
                }
                // Objects within an array contain only values.
                check_items_of(inner, level + 1, max)?;
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    Ok(())
}

fn check_items_of(inner: &Map<String, Value>, level: usize, max: usize) -> Result<(), Rejected> {
    if level > max {
        return Err(Rejected::TooDeep { max });
    }
    for value in inner.values() {
        check_items(std::slice::from_ref(value), level, max)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! One value as it was given, in the file or in an environment variable.

use std::borrow::Cow;

use thiserror::Error;
use toml::Spanned;
use toml::de::DeValue;

/// Why a value is refused: a predicate that follows the name of its key, such as
/// `must not be empty`. It never repeats a secret.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub(crate) struct Refused(Cow<'static, str>);

impl From<&'static str> for Refused {
    fn from(reason: &'static str) -> Self {
        Self(reason.into())
    }
}

impl From<String> for Refused {
    fn from(reason: String) -> Self {
        Self(reason.into())
    }
}

/// A value as it was given.
#[derive(Clone, Copy)]
pub(crate) enum Raw<'a> {
    File(&'a DeValue<'a>),
    /// From the environment: text that is read as the type that the key has.
    Variable(&'a str),
}

impl<'a> Raw<'a> {
    pub(crate) fn text(self) -> Result<&'a str, Refused> {
        match self {
            Self::File(DeValue::String(text)) => Ok(text),
            Self::File(other) => {
                Err(format!("must be a text in quotes, not {}", kind(other)).into())
            }
            Self::Variable(text) => Ok(text),
        }
    }

    /// A list of texts; of a variable, separated by commas.
    pub(crate) fn texts(self) -> Result<Vec<String>, Refused> {
        match self {
            Self::File(DeValue::Array(list)) => {
                let text = |item: &Spanned<DeValue<'_>>| {
                    Raw::File(item.get_ref()).text().map(str::to_owned)
                };
                list.iter().map(text).collect()
            }
            Self::File(other) => {
                Err(format!("must be a list of texts, not {}", kind(other)).into())
            }
            Self::Variable("") => Ok(Vec::new()),
            Self::Variable(text) => {
                Ok(text.split(',').map(|part| part.trim().to_owned()).collect())
            }
        }
    }

    pub(crate) fn integer(self) -> Result<i64, Refused> {
        match self {
            Self::File(DeValue::Integer(n)) => i64::from_str_radix(n.as_str(), n.radix())
                .map_err(|_| format!("{} is beyond 64 bits", shorten(n.as_str())).into()),
            Self::File(other) => Err(format!("must be a whole number, not {}", kind(other)).into()),
            Self::Variable(text) => text
                .parse()
                .map_err(|_| format!("must be a whole number, not {:?}", shorten(text)).into()),
        }
    }

    /// A finite number, with or without a decimal point.
    pub(crate) fn number(self) -> Result<f64, Refused> {
        let text = match self {
            Self::File(DeValue::Float(x)) => x.as_str(),
            // No limit needs an integer that a double cannot hold.
            Self::File(DeValue::Integer(_)) => return self.integer().map(|n| n as f64),
            Self::File(other) => {
                return Err(format!("must be a number, not {}", kind(other)).into());
            }
            Self::Variable(text) => text,
        };
        match text.parse::<f64>() {
            Ok(x) if x.is_finite() => Ok(x),
            _ => Err(format!("must be a finite number, not {}", shorten(text)).into()),
        }
    }

    /// The items of a list; a variable is one item.
    pub(crate) fn list(self) -> Result<Vec<Self>, Refused> {
        match self {
            Self::File(DeValue::Array(items)) => Ok(items
                .iter()
                .map(|item| Self::File(item.get_ref()))
                .collect()),
            Self::File(other) => {
                Err(format!("must be a list such as [\"a\", \"b\"], not {}", kind(other)).into())
            }
            Self::Variable(_) => Ok(vec![self]),
        }
    }

    pub(crate) fn boolean(self) -> Result<bool, Refused> {
        match self {
            Self::File(DeValue::Boolean(value)) => Ok(*value),
            Self::File(other) => Err(format!("must be true or false, not {}", kind(other)).into()),
            Self::Variable("true") => Ok(true),
            Self::Variable("false") => Ok(false),
            Self::Variable(text) => {
                Err(format!("must be true or false, not {:?}", shorten(text)).into())
            }
        }
    }
}

/// Names the type of a value, for a sentence that says what it should be.
pub(crate) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The beginning of a text, for a message.
pub(crate) fn shorten(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

//! Functions of Postgres that clients call to inspect the server.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListBuilder, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use datafusion::prelude::SessionContext;

use super::catalog;
use super::version::POSTGRES_VERSION;
use crate::functions::{CATALOG, SCHEMA};

/// Functions that return true: everything is visible and readable.
const ALWAYS_TRUE: [&str; 7] = [
    "pg_table_is_visible",
    "pg_type_is_visible",
    "pg_function_is_visible",
    "has_schema_privilege",
    "has_table_privilege",
    "has_column_privilege",
    "has_database_privilege",
];
/// Functions that return a null number. Sizes are reported by `weir store stats` only.
const NULL_NUMBER: [&str; 4] = [
    "pg_table_size",
    "pg_relation_size",
    "pg_total_relation_size",
    "pg_database_size",
];
/// Functions that return a null text: nothing has a comment or a definition.
const NULL_TEXT: [&str; 10] = [
    "pg_size_pretty",
    "pg_get_function_result",
    "pg_get_function_arguments",
    "pg_get_expr",
    "pg_get_constraintdef",
    "pg_get_indexdef",
    "pg_get_viewdef",
    "obj_description",
    "col_description",
    "shobj_description",
];

pub(super) fn register(context: &SessionContext) {
    register_constants(context);
    let of_text = |name, result, answer| {
        context.register_udf(ScalarUDF::from(OfText::new(name, result, answer)));
    };
    of_text("quote_ident", DataType::Utf8, |name| {
        Some(quote_ident(name))
    });
    of_text("current_setting", DataType::Utf8, |name| {
        setting(name).map(str::to_owned)
    });
    let list = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
    of_text("parse_ident", list, |name| Some(name.to_owned()));
    of_text("to_regtype", DataType::Int64, |name| {
        catalog::type_oid(name).map(|oid| oid.to_string())
    });
    of_text("to_regnamespace", DataType::Int64, |name| {
        catalog::namespace_oid(name).map(|oid| oid.to_string())
    });
    // Object ids of tables depend on their position: look them up by name.
    of_text("to_regclass", DataType::Int64, |_| None);
    context.register_udf(ScalarUDF::from(PgArray {
        signature: any_arguments(),
    }));
    context.register_udf(ScalarUDF::from(FormatType {
        signature: any_arguments(),
    }));
}

fn register_constants(context: &SessionContext) {
    let constant = |name: &'static str, value: ScalarValue| {
        let udf = ConstantOfAny {
            name,
            value,
            signature: any_arguments(),
        };
        context.register_udf(ScalarUDF::from(udf));
    };
    let version = format!(
        "PostgreSQL {POSTGRES_VERSION} (Weir {})",
        env!("CARGO_PKG_VERSION")
    );
    constant("version", ScalarValue::from(version.as_str()));
    constant("current_schema", ScalarValue::from(SCHEMA));
    for name in ["current_database", "pg_get_userbyid"] {
        constant(name, ScalarValue::from(CATALOG));
    }
    constant("pg_encoding_to_char", ScalarValue::from("UTF8"));
    constant("pg_backend_pid", ScalarValue::from(0_i64));
    constant("pg_is_in_recovery", ScalarValue::from(false));
    for name in ALWAYS_TRUE {
        constant(name, ScalarValue::from(true));
    }
    for name in NULL_NUMBER {
        constant(name, ScalarValue::Int64(None));
    }
    for name in NULL_TEXT {
        constant(name, ScalarValue::Utf8(None));
    }
}

fn any_arguments() -> Signature {
    let any = vec![TypeSignature::Nullary, TypeSignature::VariadicAny];
    Signature::one_of(any, Volatility::Immutable)
}

fn quote_ident(name: &str) -> String {
    let mut chars = name.chars();
    let plain = chars
        .next()
        .is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

fn setting(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "server_version" => POSTGRES_VERSION,
        "server_version_num" => "160006",
        "search_path" => SCHEMA,
        "timezone" => "UTC",
        "client_encoding" | "server_encoding" => "UTF8",
        "standard_conforming_strings" | "default_transaction_read_only" => "on",
        _ => return None,
    })
}

/// Returns a constant, whatever its arguments.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ConstantOfAny {
    name: &'static str,
    value: ScalarValue,
    signature: Signature,
}

impl ScalarUDFImpl for ConstantOfAny {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.value.data_type())
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value.clone()))
    }
}

/// A function of one text; further arguments are ignored.
#[derive(Debug)]
struct OfText {
    name: &'static str,
    returns: DataType,
    /// As a text; the parts of a list are joined by dots.
    answer: fn(&str) -> Option<String>,
    signature: Signature,
}

impl OfText {
    fn new(name: &'static str, returns: DataType, answer: fn(&str) -> Option<String>) -> Self {
        Self {
            name,
            returns,
            answer,
            signature: any_arguments(),
        }
    }
}

impl PartialEq for OfText {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for OfText {}

impl Hash for OfText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for OfText {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(first) = arguments.args.into_iter().next() else {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from(&self.returns)?));
        };
        let scalar = matches!(first, ColumnarValue::Scalar(_));
        let rows = if scalar { 1 } else { arguments.number_rows };
        let texts = cast(&first.into_array(rows)?, &DataType::Utf8)?;
        let answers = texts.as_string::<i32>().iter();
        let answers = answers.map(|text| text.and_then(self.answer));
        let array: ArrayRef = match &self.returns {
            DataType::List(_) => {
                let mut list = ListBuilder::new(StringBuilder::new());
                for answer in answers {
                    let parts = answer.map(|text| {
                        text.split('.')
                            .map(|part| Some(part.to_owned()))
                            .collect::<Vec<_>>()
                    });
                    list.append_option(parts);
                }
                Arc::new(list.finish())
            }
            DataType::Int64 => Arc::new(
                answers
                    .map(|answer| answer.and_then(|number| number.parse().ok()))
                    .collect::<Int64Array>(),
            ),
            _ => Arc::new(answers.collect::<StringArray>()),
        };
        Ok(if scalar {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)
        } else {
            ColumnarValue::Array(array)
        })
    }
}

/// `format_type(oid, modifier)`: the name of a type.
#[derive(Debug, PartialEq, Eq, Hash)]
struct FormatType {
    signature: Signature,
}

impl ScalarUDFImpl for FormatType {
    fn name(&self) -> &str {
        "format_type"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let first = arguments.args.into_iter().next();
        let Some(oids) = first.map(|first| first.into_array(rows)).transpose()? else {
            return Ok(ColumnarValue::Scalar(ScalarValue::Utf8(None)));
        };
        let oids = cast(&oids, &DataType::Int64)?;
        let names = oids.as_primitive::<Int64Type>().iter();
        let names = names.map(|oid| catalog::type_name(oid?));
        Ok(ColumnarValue::Array(Arc::new(
            names.collect::<StringArray>(),
        )))
    }
}

/// An array that may be given as a text, as in `= ANY($1)`: `{a,"b c",NULL}`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PgArray {
    signature: Signature,
}

impl ScalarUDFImpl for PgArray {
    fn name(&self) -> &str {
        "pg_array"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(match arguments.first() {
            Some(list @ DataType::List(_)) => list.clone(),
            _ => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let first = arguments.args.into_iter().next();
        let first = first.unwrap_or(ColumnarValue::Scalar(ScalarValue::Utf8(None)));
        if matches!(first.data_type(), DataType::List(_)) {
            return Ok(first);
        }
        let texts = cast(&first.into_array(1)?, &DataType::Utf8)?;
        let mut list = ListBuilder::new(StringBuilder::new());
        for text in texts.as_string::<i32>() {
            list.append_option(text.and_then(elements));
        }
        let array: ArrayRef = Arc::new(list.finish());
        Ok(match array.len() {
            1 => ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?),
            _ => ColumnarValue::Array(array),
        })
    }
}

/// The elements of `{a,"b c",NULL}`.
fn elements(text: &str) -> Option<Vec<Option<String>>> {
    let inner = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let mut elements = Vec::new();
    let (mut element, mut quoted, mut was_quoted) = (String::new(), false, false);
    let mut chars = inner.chars();
    let mut end = |element: &mut String, was_quoted: &mut bool| {
        let value = std::mem::take(element);
        let is_null = !std::mem::take(was_quoted) && value.eq_ignore_ascii_case("null");
        elements.push((!is_null).then_some(value));
    };
    while let Some(c) = chars.next() {
        match c {
            '"' => (quoted, was_quoted) = (!quoted, true),
            '\\' => element.extend(chars.next()),
            ',' if !quoted => end(&mut element, &mut was_quoted),
            c => element.push(c),
        }
    }
    if !inner.is_empty() {
        end(&mut element, &mut was_quoted);
    }
    Some(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_as_texts() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(elements("{}"), Some(vec![]));
        assert_eq!(elements("{a,b}"), Some(vec![some("a"), some("b")]));
        assert_eq!(
            elements(r#"{"a,b","x\"y",NULL,"NULL"}"#),
            Some(vec![some("a,b"), some("x\"y"), None, some("NULL")])
        );
        assert_eq!(elements("a"), None);
    }

    #[test]
    fn identifiers_are_quoted_where_they_must() {
        assert_eq!(quote_ident("readings"), "readings");
        assert_eq!(quote_ident("Total \"x\""), "\"Total \"\"x\"\"\"");
    }
}

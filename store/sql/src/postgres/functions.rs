//! Functions of Postgres that clients call to inspect the server.

pub(super) mod regclass;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListBuilder, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::catalog::SchemaProvider;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use datafusion::prelude::SessionContext;

use super::arrays::PgArray;
use super::catalog;
use super::settings::{POSTGRES_VERSION, postgres_setting};
use crate::functions::{CATALOG, SCHEMA};

/// Functions that return true: everything is visible and readable.
const ALWAYS_TRUE: [&str; 13] = [
    "pg_table_is_visible",
    "pg_type_is_visible",
    "pg_function_is_visible",
    "pg_collation_is_visible",
    "pg_operator_is_visible",
    "pg_opclass_is_visible",
    "has_any_column_privilege",
    "has_type_privilege",
    "pg_has_role",
    "has_schema_privilege",
    "has_table_privilege",
    "has_column_privilege",
    "has_database_privilege",
];
/// Functions that return a null number. Sizes are reported by `weir store stats` only.
const NULL_NUMBER: [&str; 8] = [
    "txid_current",
    "pg_my_temp_schema",
    "pg_stat_get_numscans",
    "inet_server_port",
    "pg_table_size",
    "pg_relation_size",
    "pg_total_relation_size",
    "pg_database_size",
];
/// Functions that return a null text: nothing has a comment or a definition.
const NULL_TEXT: [&str; 16] = [
    "pg_get_partkeydef",
    "pg_get_serial_sequence",
    "pg_get_function_identity_arguments",
    "pg_get_triggerdef",
    "pg_get_ruledef",
    "inet_server_addr",
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

pub(super) fn register(context: &SessionContext, tables: &Arc<dyn SchemaProvider>) {
    register_constants(context);
    regclass::register(context, tables);
    let of_text = |name, result, answer| {
        context.register_udf(ScalarUDF::from(OfText::new(name, result, answer)));
    };
    of_text("quote_ident", DataType::Utf8, |name| {
        Some(quote_ident(name))
    });
    of_text("current_setting", DataType::Utf8, |name| {
        postgres_setting(name).map(str::to_owned)
    });
    let list = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
    of_text("parse_ident", list, |name| Some(name.to_owned()));
    of_text("to_regtype", DataType::Int64, |name| {
        catalog::type_oid(name).map(|oid| oid.to_string())
    });
    of_text("to_regnamespace", DataType::Int64, |name| {
        catalog::namespace_oid(name).map(|oid| oid.to_string())
    });
    of_text("quote_literal", DataType::Utf8, |text| {
        Some(format!("'{}'", text.replace('\'', "''")))
    });
    context.register_udf(ScalarUDF::from(LikePattern {
        signature: any_arguments(),
    }));
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
    for name in ["pg_is_in_recovery", "pg_is_other_temp_schema"] {
        constant(name, ScalarValue::from(false));
    }
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

/// The function that the rewriter writes for `LIKE … ESCAPE`.
pub(super) const LIKE_PATTERN: &str = "like_pattern";

/// `like_pattern(pattern, escape)`: the same pattern, escaped by backslashes.
#[derive(Debug, PartialEq, Eq, Hash)]
struct LikePattern {
    signature: Signature,
}

impl ScalarUDFImpl for LikePattern {
    fn name(&self) -> &str {
        LIKE_PATTERN
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [pattern, ColumnarValue::Scalar(escape)] = arguments.args.as_slice() else {
            return Ok(ColumnarValue::Scalar(ScalarValue::Utf8(None)));
        };
        let escape = escape.try_as_str().flatten().unwrap_or_default();
        let escape = escape.chars().next();
        let rows = match pattern {
            ColumnarValue::Scalar(_) => 1,
            ColumnarValue::Array(array) => array.len(),
        };
        let patterns = cast(&pattern.clone().into_array(rows)?, &DataType::Utf8)?;
        let patterns = patterns.as_string::<i32>().iter();
        let patterns = patterns.map(|pattern| Some(by_backslash(pattern?, escape)));
        let array: ArrayRef = Arc::new(patterns.collect::<StringArray>());
        Ok(match pattern {
            ColumnarValue::Scalar(_) => {
                ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)
            }
            ColumnarValue::Array(_) => ColumnarValue::Array(array),
        })
    }
}

fn by_backslash(pattern: &str, escape: Option<char>) -> String {
    let mut plain = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if Some(c) == escape {
            if let Some(escaped) = chars.next() {
                plain.extend(['\\', escaped]);
            }
        } else {
            if c == '\\' {
                plain.push('\\');
            }
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_quoted_where_they_must() {
        assert_eq!(quote_ident("readings"), "readings");
        assert_eq!(quote_ident("Total \"x\""), "\"Total \"\"x\"\"\"");
    }

    #[test]
    fn patterns_are_escaped_by_backslashes() {
        for (pattern, escape, expect) in [
            ("pg/_%", Some('/'), r"pg\_%"),
            ("a//b", Some('/'), r"a\/b"),
            (r"a\b", Some('/'), r"a\\b"),
            (r"a\_", None, r"a\\_"),
            ("x/", Some('/'), "x"),
        ] {
            assert_eq!(by_backslash(pattern, escape), expect, "{pattern}");
        }
    }
}

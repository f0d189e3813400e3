//! Arrays as clients of Postgres send them. `x = ANY($1)` is rewritten to
//! `x = ANY(pg_array($1, x))`: the second argument gives the elements their type, so
//! that the parameter is announced as an array of it, and a text such as
//! `{a,"b c",NULL}` is converted to one.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListBuilder, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDFImpl, Signature,
    lit,
};

/// The name of the function that the rewriter inserts.
pub(super) const PG_ARRAY: &str = "pg_array";

/// The name of the elements of an array of object ids. Clients that ask for types by such
/// an array know this one type without asking.
pub const OID_ELEMENT: &str = "oid";

fn oids() -> DataType {
    DataType::List(Arc::new(Field::new(OID_ELEMENT, DataType::Int64, true)))
}

/// The array type of a parameter or text that is compared with values of this type.
fn array_of(like: &DataType) -> DataType {
    let element = match like {
        DataType::Boolean => DataType::Boolean,
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()),
        number if number.is_integer() => DataType::Int64,
        number if number.is_numeric() => DataType::Float64,
        DataType::Date32 => DataType::Date32,
        _ => DataType::Utf8,
    };
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

/// Gives types to the parameters that are arrays or numbers of rows.
pub(crate) fn with_parameter_types(plan: LogicalPlan) -> Result<LogicalPlan> {
    let typed = plan.transform_up_with_subqueries(|node| {
        let is_limit = matches!(node, LogicalPlan::Limit(_));
        let schema = merge_schema(&node.inputs());
        node.map_expressions(|expr| match expr {
            Expr::Placeholder(parameter) if is_limit && parameter.field.is_none() => {
                Ok(Transformed::yes(of_type(parameter, DataType::Int64)))
            }
            expr => expr.transform(|expr| Ok(typed(expr, &schema))),
        })
    })?;
    Ok(typed.data)
}

fn typed(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let Expr::ScalarFunction(mut function) = expr else {
        return Transformed::no(expr);
    };
    let data_type = match (function.name(), function.args.as_slice()) {
        (PG_ARRAY, [Expr::Placeholder(_), _, _]) => Some(oids()),
        (PG_ARRAY, [Expr::Placeholder(_), like]) => {
            like.get_type(schema).ok().map(|like| array_of(&like))
        }
        ("date_bin", [Expr::Placeholder(_), ..]) => {
            Some(DataType::Interval(IntervalUnit::MonthDayNano))
        }
        _ => None,
    };
    match (&function.args[..], data_type) {
        ([Expr::Placeholder(parameter), ..], Some(data_type)) if parameter.field.is_none() => {
            function.args[0] = of_type(parameter.clone(), data_type);
            Transformed::yes(Expr::ScalarFunction(function))
        }
        _ => Transformed::no(Expr::ScalarFunction(function)),
    }
}

fn of_type(parameter: Placeholder, data_type: DataType) -> Expr {
    let field = Field::new("", data_type, true);
    Expr::Placeholder(Placeholder::new_with_field(
        parameter.id,
        Some(Arc::new(field)),
    ))
}

/// `pg_array(array, like)`: an array of the type of `like`, also from a text.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct PgArray {
    pub(super) signature: Signature,
}

impl PgArray {
    fn target(array: &DataType, like: Option<&DataType>) -> DataType {
        match (array, like) {
            (_, Some(like)) => array_of(like),
            (list @ DataType::List(_), None) => list.clone(),
            (_, None) => array_of(&DataType::Utf8),
        }
    }
}

impl ScalarUDFImpl for PgArray {
    fn name(&self) -> &str {
        PG_ARRAY
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let array = arguments.first().unwrap_or(&DataType::Null);
        if arguments.len() == 3 {
            return Ok(oids());
        }
        Ok(Self::target(array, arguments.get(1)))
    }

    /// A constant array becomes a literal, so that a scan can filter by it.
    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let (array, target) = match args.as_slice() {
            [Expr::Literal(array, _), _, _] => (array, oids()),
            [Expr::Literal(array, _), like] => {
                let like = info.get_data_type(like)?;
                (array, Self::target(&array.data_type(), Some(&like)))
            }
            _ => return Ok(ExprSimplifyResult::Original(args)),
        };
        Ok(ExprSimplifyResult::Simplified(lit(scalar(array, &target)?)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let target = arguments.return_type().clone();
        let first = arguments.args.into_iter().next();
        match first.unwrap_or(ColumnarValue::Scalar(ScalarValue::Null)) {
            ColumnarValue::Scalar(array) => Ok(ColumnarValue::Scalar(scalar(&array, &target)?)),
            ColumnarValue::Array(arrays) => Ok(ColumnarValue::Array(convert(&arrays, &target)?)),
        }
    }
}

/// One array, given as an array or as a text.
pub(crate) fn scalar(given: &ScalarValue, target: &DataType) -> Result<ScalarValue> {
    ScalarValue::try_from_array(&convert(&given.to_array()?, target)?, 0)
}

fn convert(given: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let lists = match given.data_type() {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => {
            let texts = cast(given, &DataType::Utf8)?;
            let mut lists = ListBuilder::new(StringBuilder::new());
            for text in texts.as_string::<i32>() {
                lists.append_option(text.and_then(elements));
            }
            Arc::new(lists.finish()) as ArrayRef
        }
        _ => given.clone(),
    };
    Ok(cast(&lists, target)?)
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
}

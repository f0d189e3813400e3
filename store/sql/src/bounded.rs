//! Limits functions whose result can be far larger than their arguments. Without the
//! limit a few nested calls turn a statement of 64 KB into more memory than the
//! machine has, and no memory pool counts it: expressions allocate directly, also
//! while the planner folds constants.
//!
//! The limit applies to one result column of one batch (8,192 rows), and to the
//! largest possible result, not the actual one: a `replace` that replaces little may
//! be refused for very long texts.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::compute::kernels::concat_elements::concat_elements_dyn;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// Largest result of a function for one column of one batch, in bytes.
const MAX_RESULT_BYTES: usize = 64 << 20;

/// How large a result can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Growth {
    /// All arguments together.
    Sum,
    /// Every byte of the first argument, followed by the longest value of the
    /// argument at this position.
    Product(usize),
}

const BOUNDED: [(&str, Growth); 14] = [
    ("concat", Growth::Sum),
    ("concat_ws", Growth::Product(0)),
    ("replace", Growth::Product(2)),
    ("regexp_replace", Growth::Product(2)),
    ("overlay", Growth::Sum),
    ("array_to_string", Growth::Product(1)),
    ("make_array", Growth::Sum),
    ("array_concat", Growth::Sum),
    ("array_append", Growth::Sum),
    ("array_prepend", Growth::Sum),
    ("array_replace", Growth::Product(2)),
    ("array_replace_n", Growth::Product(2)),
    ("array_replace_all", Growth::Product(2)),
    ("array_union", Growth::Sum),
];

/// Wraps the session's functions, and `||`, with the limit.
pub(crate) fn wrap(context: &SessionContext) {
    let state = context.state();
    for (name, growth) in BOUNDED {
        if let Some(inner) = state.scalar_functions().get(name).cloned() {
            context.register_udf(ScalarUDF::from(Bounded { inner, growth }));
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(arguments)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arguments)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        check(
            self.name(),
            self.growth,
            &arguments.args,
            arguments.number_rows,
        )?;
        self.inner.invoke_with_args(arguments)
    }
}

fn check(name: &str, growth: Growth, arguments: &[ColumnarValue], rows: usize) -> Result<()> {
    let sum = arguments.iter().fold(0_usize, |sum, argument| {
        sum.saturating_add(total_bytes(argument, rows))
    });
    let bytes = match growth {
        Growth::Sum => sum,
        Growth::Product(by) => {
            let by = arguments.get(by).map_or(0, longest);
            let first = arguments
                .first()
                .map_or(0, |first| total_bytes(first, rows));
            let others = if name == "concat_ws" {
                arguments.len().saturating_mul(rows)
            } else {
                first.saturating_add(rows)
            };
            sum.saturating_add(others.saturating_mul(by))
        }
    };
    if bytes > MAX_RESULT_BYTES {
        return Err(DataFusionError::ResourcesExhausted(format!(
            "{name} could make {bytes} bytes of one batch, more than {MAX_RESULT_BYTES}"
        )));
    }
    Ok(())
}

/// Total bytes of an argument's values.
fn total_bytes(argument: &ColumnarValue, rows: usize) -> usize {
    match argument {
        ColumnarValue::Array(array) => array_bytes(array),
        ColumnarValue::Scalar(value) => scalar_bytes(value).saturating_mul(rows.max(1)),
    }
}

fn array_bytes(array: &dyn Array) -> usize {
    match array.data_type() {
        DataType::Utf8View => {
            let texts = array.as_string_view();
            texts.lengths().map(|length| length as usize).sum()
        }
        // A slice may be counted with the whole array behind it.
        _ => array
            .to_data()
            .get_slice_memory_size()
            .unwrap_or(usize::MAX),
    }
}

fn longest(argument: &ColumnarValue) -> usize {
    match argument {
        ColumnarValue::Scalar(value) => scalar_bytes(value),
        ColumnarValue::Array(array) => array_bytes(array),
    }
}

fn scalar_bytes(value: &ScalarValue) -> usize {
    match value.try_as_str() {
        Some(text) => text.map_or(0, str::len),
        None => value.size(),
    }
}

/// Plans `||` on texts as a limited function.
#[derive(Debug)]
pub(crate) struct BoundConcat;

impl ExprPlanner for BoundConcat {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let is_text = |expr: &Expr| {
            expr.get_type(schema).is_ok_and(|kind| {
                !matches!(
                    kind,
                    DataType::List(_)
                        | DataType::LargeList(_)
                        | DataType::FixedSizeList(..)
                        | DataType::Binary
                        | DataType::BinaryView
                )
            })
        };
        if expr.op != BinaryOperator::StringConcat || !is_text(&expr.left) || !is_text(&expr.right)
        {
            return Ok(PlannerResult::Original(expr));
        }
        let function = Arc::new(ScalarUDF::from(Concat::default()));
        let arguments = vec![expr.left, expr.right];
        let call = Expr::ScalarFunction(ScalarFunction::new_udf(function, arguments));
        Ok(PlannerResult::Planned(call))
    }
}

/// `a || b`: null when either is null.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Concat {
    signature: Signature,
}

impl Default for Concat {
    fn default() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Concat {
    fn name(&self) -> &str {
        "||"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        Ok(vec![DataType::Utf8; arguments.len()])
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        check("||", Growth::Sum, &arguments.args, arguments.number_rows)?;
        let all_scalar = |value: &ColumnarValue| matches!(value, ColumnarValue::Scalar(_));
        let scalar = arguments.args.iter().all(all_scalar);
        let rows = if scalar { 1 } else { arguments.number_rows };
        let [left, right] =
            <[ColumnarValue; 2]>::try_from(arguments.args).expect("an operator has two sides");
        let joined = concat_elements_dyn(&left.into_array(rows)?, &right.into_array(rows)?)?;
        Ok(if scalar {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&joined, 0)?)
        } else {
            ColumnarValue::Array(joined)
        })
    }
}

//! Functions that clients of other databases expect.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::prelude::SessionContext;

/// The only catalog.
pub(crate) const CATALOG: &str = "weir";
/// The schema of Weir's tables.
pub(crate) const SCHEMA: &str = "public";

pub(crate) fn register(context: &SessionContext) {
    context.register_udf(constant("database", SCHEMA));
    let date_bin = context.state().scalar_functions().get("date_bin").cloned();
    let inner = date_bin.expect("it is one of the functions for dates");
    context.register_udf(ScalarUDF::from(DateBin { inner }));
}

/// A function without arguments that returns a constant text.
pub(crate) fn constant(name: &'static str, text: &'static str) -> ScalarUDF {
    ScalarUDF::from(Constant {
        name,
        text,
        signature: Signature::exact(Vec::new(), Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Constant {
    name: &'static str,
    text: &'static str,
    signature: Signature,
}

impl ScalarUDFImpl for Constant {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::from(self.text)))
    }
}

/// `date_bin` that treats an interval of zero as "every instant is its own bin".
/// Grafana's InfluxDB source truncates intervals to whole seconds, so a panel with
/// less than a second per point sends `interval '0 second'`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct DateBin {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for DateBin {
    fn name(&self) -> &str {
        self.inner.name()
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

    fn invoke_with_args(&self, mut arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if let Some(ColumnarValue::Scalar(stride)) = arguments.args.first_mut() {
            match stride {
                ScalarValue::IntervalMonthDayNano(Some(value))
                    if value.months == 0 && value.days == 0 && value.nanoseconds == 0 =>
                {
                    value.nanoseconds = 1;
                }
                ScalarValue::IntervalDayTime(Some(value))
                    if value.days == 0 && value.milliseconds == 0 =>
                {
                    *stride = ScalarValue::new_interval_mdn(0, 0, 1);
                }
                _ => {}
            }
        }
        self.inner.invoke_with_args(arguments)
    }

    fn output_ordering(
        &self,
        inputs: &[datafusion::logical_expr::sort_properties::ExprProperties],
    ) -> Result<datafusion::logical_expr::sort_properties::SortProperties> {
        self.inner.output_ordering(inputs)
    }
}

//! Functions that clients of other databases expect.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, TimestampNanosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit, TimestampNanosecondType};
use datafusion::common::{Result, ScalarValue, plan_datafusion_err};
use datafusion::functions::datetime;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::prelude::SessionContext;

use crate::zone::Zone;

/// The only catalog.
pub(crate) const CATALOG: &str = "weir";
/// The schema of Weir's tables.
pub(crate) const SCHEMA: &str = "public";

pub(crate) fn register(context: &SessionContext) {
    context.register_udf(constant("database", SCHEMA));
    context.register_udf(date_bin());
}

/// `date_bin` by the clock of the zone of the time.
pub(crate) fn date_bin() -> ScalarUDF {
    ScalarUDF::from(DateBin {
        inner: datetime::date_bin(),
    })
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

/// `date_bin` that bins times of another zone than UTC by the clock of that zone, so that
/// a day begins at its midnight, and treats an interval of zero as "every instant is its own bin".
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
        match arguments.args.get(1).map(ColumnarValue::data_type) {
            Some(DataType::Timestamp(_, Some(zone))) if !is_utc(&zone) => {
                let zone = Zone::parse(&zone)
                    .ok_or_else(|| plan_datafusion_err!("there is no time zone {zone:?}"))?;
                self.by_clock(zone, arguments)
            }
            _ => self.inner.invoke_with_args(arguments),
        }
    }

    fn output_ordering(
        &self,
        inputs: &[datafusion::logical_expr::sort_properties::ExprProperties],
    ) -> Result<datafusion::logical_expr::sort_properties::SortProperties> {
        self.inner.output_ordering(inputs)
    }
}

fn is_utc(zone: &str) -> bool {
    matches!(zone, "UTC" | "utc" | "Z" | "+00:00" | "+00")
}

impl DateBin {
    fn by_clock(&self, zone: Zone, mut arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let wanted = arguments.return_field.data_type().clone();
        let is_scalar = matches!(arguments.args[1], ColumnarValue::Scalar(_));
        let rows = if is_scalar { 1 } else { arguments.number_rows };
        let times = nanoseconds(&arguments.args[1], rows)?;
        arguments.args[1] = ColumnarValue::Array(shown(zone, &times));
        if let Some(origin @ ColumnarValue::Scalar(_)) = arguments.args.get_mut(2) {
            let local = shown(zone, &nanoseconds(origin, 1)?);
            *origin = ColumnarValue::Scalar(ScalarValue::try_from_array(&local, 0)?);
        }
        arguments.number_rows = rows;
        let local = DataType::Timestamp(TimeUnit::Nanosecond, None);
        for (field, argument) in arguments.arg_fields.iter_mut().zip(&arguments.args) {
            *field = Arc::new(Field::new(field.name(), argument.data_type(), true));
        }
        arguments.return_field = Arc::new(Field::new("date_bin", local, true));
        let bins = self.inner.invoke_with_args(arguments)?.into_array(rows)?;
        let bins = bins.as_primitive::<TimestampNanosecondType>();
        let begins = bins.iter().zip(&times);
        let begins = begins.map(|(bin, time)| Some(zone.utc(bin?, time?)));
        let begins = begins.collect::<TimestampNanosecondArray>();
        let begins = begins.with_timezone_opt(match &wanted {
            DataType::Timestamp(_, zone) => zone.clone(),
            _ => None,
        });
        let begins = cast(&begins, &wanted)?;
        Ok(if is_scalar {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&begins, 0)?)
        } else {
            ColumnarValue::Array(begins)
        })
    }
}

fn nanoseconds(times: &ColumnarValue, rows: usize) -> Result<TimestampNanosecondArray> {
    let times = times.clone().into_array(rows)?;
    let unit = match times.data_type() {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()),
        _ => DataType::Timestamp(TimeUnit::Nanosecond, None),
    };
    Ok(cast(&times, &unit)?.as_primitive().clone())
}

/// What the clock of a zone shows.
fn shown(zone: Zone, times: &TimestampNanosecondArray) -> ArrayRef {
    let local: TimestampNanosecondArray = times.unary(|utc| zone.local(utc));
    Arc::new(local.with_timezone_opt(None::<Arc<str>>))
}

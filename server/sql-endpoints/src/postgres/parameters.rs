//! Parameters of a portal as Arrow values.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, ListBuilder, NullArray,
    PrimitiveBuilder, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::{Float64Type, Int64Type};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};
use pgwire::api::Type;
use pgwire::api::portal::Portal;
use pgwire::error::PgWireResult;
use rust_decimal::prelude::{Decimal, ToPrimitive};
use weir_sql::Parameters;

use super::statement::{Statement, failure};

pub(super) fn values(portal: &Portal<Statement>) -> PgWireResult<Parameters> {
    if portal.parameter_len() == 0 {
        return Ok(Parameters::None);
    }
    let inferred = portal.statement.statement.parameters();
    let given = &portal.statement.parameter_types;
    let values = (0..portal.parameter_len()).map(|at| {
        let given = given.get(at).cloned().flatten();
        let kind = given.filter(|kind| *kind != Type::UNKNOWN);
        let kind = kind.or_else(|| inferred.get(at).cloned());
        value(portal, at, &kind.unwrap_or(Type::TEXT))
    });
    Ok(Parameters::Positional(values.collect::<PgWireResult<_>>()?))
}

fn value(portal: &Portal<Statement>, at: usize, kind: &Type) -> PgWireResult<ArrayRef> {
    let is_null = matches!(portal.parameters.get(at), Some(None) | None);
    if is_null {
        return Ok(Arc::new(NullArray::new(1)));
    }
    let number = |value: f64| -> ArrayRef { Arc::new(Float64Array::from(vec![value])) };
    let whole = |value: Option<i64>| -> ArrayRef { Arc::new(Int64Array::from(vec![value])) };
    let instant = |micros: i64| -> ArrayRef {
        let micros = TimestampMicrosecondArray::from(vec![micros]);
        Arc::new(micros.with_timezone("UTC"))
    };
    Ok(match *kind {
        Type::BOOL => Arc::new(BooleanArray::from(vec![
            portal.parameter::<bool>(at, kind)?,
        ])),
        Type::INT2 => whole(portal.parameter::<i16>(at, kind)?.map(i64::from)),
        Type::INT4 => whole(portal.parameter::<i32>(at, kind)?.map(i64::from)),
        Type::INT8 => whole(portal.parameter::<i64>(at, kind)?),
        Type::OID => whole(portal.parameter::<u32>(at, kind)?.map(i64::from)),
        Type::FLOAT4 => number(
            portal
                .parameter::<f32>(at, kind)?
                .unwrap_or_default()
                .into(),
        ),
        Type::FLOAT8 => number(portal.parameter::<f64>(at, kind)?.unwrap_or_default()),
        Type::NUMERIC => {
            let decimal = portal.parameter::<Decimal>(at, kind)?.unwrap_or_default();
            number(decimal.to_f64().unwrap_or(f64::NAN))
        }
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => {
            Arc::new(StringArray::from(vec![
                portal.parameter::<String>(at, kind)?,
            ]))
        }
        Type::TIMESTAMPTZ => {
            let time = portal.parameter::<DateTime<FixedOffset>>(at, kind)?;
            instant(time.unwrap_or_default().timestamp_micros())
        }
        Type::TIMESTAMP => {
            let time = portal.parameter::<NaiveDateTime>(at, kind)?;
            instant(time.unwrap_or_default().and_utc().timestamp_micros())
        }
        Type::DATE => {
            let date = portal.parameter::<NaiveDate>(at, kind)?.unwrap_or_default();
            let days = date.signed_duration_since(NaiveDate::default()).num_days();
            Arc::new(Date32Array::from(vec![
                i32::try_from(days).unwrap_or(i32::MAX),
            ]))
        }
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY => {
            let mut list = ListBuilder::new(StringBuilder::new());
            list.append_value(
                portal
                    .parameter::<Vec<Option<String>>>(at, kind)?
                    .unwrap_or_default(),
            );
            Arc::new(list.finish())
        }
        Type::INT8_ARRAY => {
            let mut list = ListBuilder::new(PrimitiveBuilder::<Int64Type>::new());
            list.append_value(
                portal
                    .parameter::<Vec<Option<i64>>>(at, kind)?
                    .unwrap_or_default(),
            );
            Arc::new(list.finish())
        }
        Type::FLOAT8_ARRAY => {
            let mut list = ListBuilder::new(PrimitiveBuilder::<Float64Type>::new());
            list.append_value(
                portal
                    .parameter::<Vec<Option<f64>>>(at, kind)?
                    .unwrap_or_default(),
            );
            Arc::new(list.finish())
        }
        _ => {
            return Err(failure(
                "0A000",
                format!(
                    "parameter ${} is of type {kind}, which is not taken here",
                    at + 1
                ),
            ));
        }
    })
}

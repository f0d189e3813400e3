//! Parameters of a portal as Arrow values.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanArray, BooleanBuilder, Date32Array, Date32Builder, Float64Array,
    Float64Builder, Int64Array, Int64Builder, IntervalMonthDayNanoArray, ListBuilder, NullArray,
    StringArray, StringBuilder, TimestampMicrosecondArray, TimestampMicrosecondBuilder,
};
use arrow::datatypes::IntervalMonthDayNano;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};
use pg_interval::Interval;
use pgwire::api::Type;
use pgwire::api::portal::Portal;
use pgwire::error::PgWireResult;
use pgwire::types::FromSqlText;
use postgres_types::FromSqlOwned;
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
            Arc::new(Date32Array::from(vec![days(date)]))
        }
        Type::INTERVAL => {
            let given = portal.parameter::<Interval>(at, kind)?;
            interval(&given.unwrap_or_else(|| Interval::new(0, 0, 0)))
        }
        _ => return array(portal, at, kind),
    })
}

fn interval(interval: &Interval) -> ArrayRef {
    let nanos = interval.microseconds.saturating_mul(1_000);
    let parts = IntervalMonthDayNano::new(interval.months, interval.days, nanos);
    Arc::new(IntervalMonthDayNanoArray::from(vec![parts]))
}

/// A list of numbers, texts, booleans or times.
fn array(portal: &Portal<Statement>, at: usize, kind: &Type) -> PgWireResult<ArrayRef> {
    let micros = || TimestampMicrosecondBuilder::new().with_timezone("UTC");
    let append = Int64Builder::append_option;
    let float = Float64Builder::append_option;
    match *kind {
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY | Type::NAME_ARRAY => list(
            portal,
            at,
            kind,
            StringBuilder::new(),
            |list, value: Option<String>| {
                list.append_option(value);
            },
        ),
        Type::BOOL_ARRAY => list(portal, at, kind, BooleanBuilder::new(), |list, value| {
            list.append_option(value);
        }),
        Type::INT2_ARRAY => list(portal, at, kind, Int64Builder::new(), |list, value| {
            append(list, value.map(|value: i16| value.into()));
        }),
        Type::OID_ARRAY => list(portal, at, kind, Int64Builder::new(), |list, value| {
            append(list, value.map(|value: u32| value.into()));
        }),
        Type::INT4_ARRAY => list(portal, at, kind, Int64Builder::new(), |list, value| {
            append(list, value.map(|value: i32| value.into()));
        }),
        Type::INT8_ARRAY => list(portal, at, kind, Int64Builder::new(), append),
        Type::FLOAT4_ARRAY => list(portal, at, kind, Float64Builder::new(), |list, value| {
            float(list, value.map(|value: f32| value.into()));
        }),
        Type::FLOAT8_ARRAY => list(portal, at, kind, Float64Builder::new(), float),
        Type::NUMERIC_ARRAY => list(portal, at, kind, Float64Builder::new(), |list, value| {
            float(list, value.and_then(|value: Decimal| value.to_f64()));
        }),
        Type::TIMESTAMPTZ_ARRAY => list(portal, at, kind, micros(), |list, value| {
            let time = value.map(|time: DateTime<FixedOffset>| time.timestamp_micros());
            list.append_option(time);
        }),
        Type::TIMESTAMP_ARRAY => list(portal, at, kind, micros(), |list, value| {
            let time = value.map(|time: NaiveDateTime| time.and_utc().timestamp_micros());
            list.append_option(time);
        }),
        Type::DATE_ARRAY => list(portal, at, kind, Date32Builder::new(), |list, value| {
            list.append_option(value.map(days));
        }),
        _ => Err(failure(
            "0A000",
            format!(
                "parameter ${} is of type {kind}, which is not taken here",
                at + 1
            ),
        )),
    }
}

fn days(date: NaiveDate) -> i32 {
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).unwrap_or(i32::MAX)
}

fn list<T, B: ArrayBuilder>(
    portal: &Portal<Statement>,
    at: usize,
    kind: &Type,
    builder: B,
    mut append: impl FnMut(&mut B, Option<T>),
) -> PgWireResult<ArrayRef>
where
    Vec<Option<T>>: FromSqlOwned + for<'a> FromSqlText<'a>,
{
    let values = portal.parameter::<Vec<Option<T>>>(at, kind)?;
    let mut list = ListBuilder::new(builder);
    for value in values.unwrap_or_default() {
        append(list.values(), value);
    }
    list.append(true);
    Ok(Arc::new(list.finish()))
}

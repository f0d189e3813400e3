//! The table functions `downsample('15m')` and `downsample('15m', from, to)`: minimum,
//! maximum, mean, last and count per step of any length, from the largest roll-up
//! whose step divides it. A time zone as a last argument makes steps begin by its clock:
//! `downsample('1d', 'Europe/Brussels')`.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::catalog::{TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::functions_aggregate::expr_fn::{last_value, max, min, sum};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, col, lit};
use weir_model::Timestamp;
use weir_series::{RollupStep, SeriesReader};

use crate::functions::date_bin;
use crate::parts;
use crate::zone::Zone;

pub(crate) struct Downsample {
    store: SeriesReader,
}

impl Downsample {
    pub(crate) fn new(store: SeriesReader) -> Self {
        Self { store }
    }
}

impl fmt::Debug for Downsample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Downsample")
    }
}

impl TableFunctionImpl for Downsample {
    fn call(&self, args: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let texts: Vec<&str> = args
            .iter()
            .filter_map(|arg| match arg {
                Expr::Literal(value, _) => value.try_as_str().flatten(),
                _ => None,
            })
            .collect();
        let all_texts = texts.len() == args.len();
        let (step, range, zone) = match texts.as_slice() {
            [step] if all_texts => (step, None, None),
            [step, name] if all_texts => (step, None, Some(*name)),
            [step, from, to] if all_texts => (step, Some((instant(from)?, instant(to)?)), None),
            [step, from, to, name] if all_texts => {
                (step, Some((instant(from)?, instant(to)?)), Some(*name))
            }
            _ => {
                return plan_err!(
                    "downsample takes a step such as '15m', if only a part is wanted two RFC 3339 \
                     times, and for local days a time zone, all of them as texts"
                );
            }
        };
        let zone = zone.map(|name| zone_of(name, range)).transpose()?;
        let step_ns = step_nanos(step)?;
        // Steps of a clock that is ahead by half an hour begin between two whole hours.
        let begins = |base: &RollupStep| {
            *base != RollupStep::Hour || zone.is_none_or(|(_, whole_hours)| whole_hours)
        };
        let Some(base) = RollupStep::ALL
            .into_iter()
            .rev()
            .filter(begins)
            .find(|base| step_ns % base.nanos() == 0)
        else {
            return plan_err!(
                "downsample('{step}'): the step must be whole minutes, such as '5m' or '6h'; for \
                 shorter ones group readings by date_bin(interval '10 seconds', time)"
            );
        };
        let source = provider_as_source(Arc::new(parts::table(&self.store, base)?));
        let mut plan = LogicalPlanBuilder::scan("rolled_up", source, None)?;
        if let Some((from, to)) = range {
            let time = |nanos| {
                lit(ScalarValue::TimestampNanosecond(
                    Some(nanos),
                    Some("UTC".into()),
                ))
            };
            plan = plan.filter(col("time").gt_eq(time(from)).and(col("time").lt(time(to))))?;
        }
        let plan = grouped(plan, step_ns, zone.map(|(name, _)| name))?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}

/// A time zone, and whether its clock is ahead by whole hours.
fn zone_of(name: &str, range: Option<(i64, i64)>) -> Result<(&str, bool)> {
    let Some(zone) = Zone::parse(name) else {
        return plan_err!("downsample: there is no time zone {name:?}");
    };
    let (from, to) = range.unwrap_or((0, CENTURY));
    Ok((name, zone.has_whole_hours(from, to)))
}

/// 2070.
const CENTURY: i64 = 100 * 365 * 86_400 * Timestamp::NANOS_PER_SECOND;

/// Groups rows of a roll-up table into steps of so many nanoseconds.
fn grouped(plan: LogicalPlanBuilder, step_ns: i64, zone: Option<&str>) -> Result<LogicalPlan> {
    let stride = ScalarValue::new_interval_mdn(0, 0, step_ns);
    let time = match zone {
        None => col("time"),
        Some(zone) => {
            let zoned = DataType::Timestamp(TimeUnit::Nanosecond, Some(zone.into()));
            cast(col("time"), zoned)
        }
    };
    let bin = date_bin().call(vec![lit(stride), time]).alias("begin");
    let last = last_value(col("last"), vec![col("time").sort(true, false)]);
    plan.aggregate(
        vec![bin, col("device"), col("sensor"), col("unit")],
        vec![
            min(col("min")).alias("lowest"),
            max(col("max")).alias("highest"),
            sum(col("mean") * cast(col("count"), DataType::Float64)).alias("total"),
            last.alias("newest"),
            sum(col("count")).alias("readings"),
        ],
    )?
    .project(vec![
        col("begin").alias("time"),
        col("device"),
        col("sensor"),
        col("lowest").alias("min"),
        col("highest").alias("max"),
        (col("total") / cast(col("readings"), DataType::Float64)).alias("mean"),
        col("newest").alias("last"),
        col("readings").alias("count"),
        col("unit"),
    ])?
    .build()
}

fn instant(text: &str) -> Result<i64> {
    match Timestamp::parse_rfc3339(text) {
        Some(time) => Ok(time.0),
        None => plan_err!("downsample: {text:?} is no time such as 2026-11-21T06:00:00Z"),
    }
}

fn step_nanos(text: &str) -> Result<i64> {
    let step =
        weir_config::parse_duration(text).and_then(|step| i64::try_from(step.as_nanos()).ok());
    match step.filter(|step| *step > 0) {
        Some(step) => Ok(step),
        None => plan_err!("downsample: {text:?} is no step such as '15m'"),
    }
}

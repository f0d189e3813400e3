//! Computes aggregates of readings from roll-ups where the answer is the same.
//!
//! `SELECT date_bin('1 hour', time), avg(value) FROM readings …` needs no reading of
//! an hour that is rolled up: minimum, maximum, sum and count are enough. Hours that
//! the range cuts, and readings without a roll-up, are aggregated from the readings,
//! so the answer is the same. Only a mean or a sum may differ in its last digit, as it
//! may anyway by the order in which doubles are added.
//!
//! A query keeps reading readings when a text matches, which roll-ups do not contain,
//! and when it groups by anything but device, sensor, unit and whole steps of time.

use arrow::datatypes::DataType;
use datafusion::catalog::default_table_source::source_as_provider;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result, ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::{max, min, sum};
use datafusion::logical_expr::expr::{AggregateFunction, ScalarFunction};
use datafusion::logical_expr::logical_plan::Aggregate;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, lit};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use weir_series::RollupStep;

use crate::parts::parts_of_readings;
use crate::pushdown;
use crate::readings::ReadingsTable;

/// Must run after the rules that push conditions down to the table.
#[derive(Debug)]
pub(crate) struct UseRollups;

impl OptimizerRule for UseRollups {
    fn name(&self) -> &str {
        "use_rollups"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let rolled = match &plan {
            LogicalPlan::Aggregate(aggregate) => rolled(aggregate)?,
            _ => None,
        };
        Ok(match rolled {
            Some(rolled) => Transformed::yes(rolled),
            None => Transformed::no(plan),
        })
    }
}

fn rolled(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let (scan, name) = match &*aggregate.input {
        LogicalPlan::TableScan(scan) => (scan, &scan.table_name),
        LogicalPlan::SubqueryAlias(alias) => match &*alias.input {
            LogicalPlan::TableScan(scan) => (scan, &alias.alias),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    if scan.fetch.is_some() {
        return Ok(None);
    }
    let provider = source_as_provider(&scan.source)?;
    let Some(table) = provider.downcast_ref::<ReadingsTable>() else {
        return Ok(None);
    };
    let wholes = aggregate.group_expr.iter().map(whole_steps);
    let Some(wholes) = wholes.collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let asked = aggregate.aggr_expr.iter().map(Asked::of);
    let Some(asked) = asked.collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let filter = pushdown::filter(&scan.filters);
    let view = table.store().view();
    let usable = |step: &RollupStep| {
        wholes.iter().all(|nanos| nanos % step.nanos() == 0) && view.has_rollup(*step, &filter)
    };
    let step = RollupStep::ALL.into_iter().rev().find(usable);
    let Some(step) = step.filter(|_| !view.has_texts(&filter)) else {
        return Ok(None);
    };
    let parts = parts_of_readings(view, step, filter);
    plan(
        aggregate,
        name,
        &asked,
        LogicalPlanBuilder::scan(name.clone(), provider_as_source(parts), None)?,
    )
    .map(Some)
}

/// The same rows, computed from parts.
fn plan(
    aggregate: &Aggregate,
    table: &TableReference,
    asked: &[Asked],
    parts: LogicalPlanBuilder,
) -> Result<LogicalPlan> {
    let groups = aggregate.group_expr.len();
    let of = |name: &str| Expr::Column(Column::new(Some(table.clone()), name));
    let sums = vec![
        min(of("min")).alias("rolled_min"),
        max(of("max")).alias("rolled_max"),
        sum(of("sum")).alias("rolled_sum"),
        sum(of("count")).alias("rolled_count"),
    ];
    let parts = parts.aggregate(aggregate.group_expr.clone(), sums)?;
    let grouped = parts.schema().columns();
    let rolled = |name: &str| Expr::Column(Column::new_unqualified(name));
    let mut output = Vec::with_capacity(aggregate.schema.fields().len());
    for (at, (table, field)) in aggregate.schema.iter().enumerate() {
        let value = match at.checked_sub(groups).map(|at| asked[at]) {
            None => Expr::Column(grouped[at].clone()),
            Some(Asked::Min) => rolled("rolled_min"),
            Some(Asked::Max) => rolled("rolled_max"),
            Some(Asked::Sum) => rolled("rolled_sum"),
            Some(Asked::Mean) => rolled("rolled_sum") / rolled("rolled_count"),
            // Without a group there is one row, whose count must not be null.
            Some(Asked::Count) => cast(
                coalesce(vec![rolled("rolled_count"), lit(0.0)]),
                DataType::Int64,
            ),
        };
        let table: Option<TableReference> = table.cloned();
        output.push(value.alias_qualified(table, field.name()));
    }
    parts.project(output)?.build()
}

/// The aggregate of a group's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Min,
    Max,
    Sum,
    Mean,
    Count,
}

impl Asked {
    fn of(expr: &Expr) -> Option<Self> {
        let AggregateFunction { func, params } = match expr {
            Expr::AggregateFunction(function) => function,
            Expr::Alias(alias) => return Self::of(&alias.expr),
            _ => return None,
        };
        let plain = !params.distinct
            && params.filter.is_none()
            && params.order_by.is_empty()
            && params.null_treatment.is_none();
        let [argument] = params.args.as_slice() else {
            return None;
        };
        let of_value = is_column(argument, "value");
        // Counts every reading, as there are no texts.
        let of_all = matches!(argument, Expr::Literal(value, _) if !value.is_null());
        match func.name() {
            _ if !plain => None,
            "count" if of_value || of_all => Some(Self::Count),
            "min" if of_value => Some(Self::Min),
            "max" if of_value => Some(Self::Max),
            "sum" if of_value => Some(Self::Sum),
            "avg" if of_value => Some(Self::Mean),
            _ => None,
        }
    }
}

/// A number of nanoseconds that divides the bounds of every group of `expr`. Zero for
/// an expression that does not depend on the time. `None` when roll-ups cannot be
/// grouped by it.
fn whole_steps(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Column(column) if ["device", "sensor", "unit"].contains(&column.name()) => Some(0),
        Expr::Alias(alias) => whole_steps(&alias.expr),
        Expr::Cast(cast) => whole_steps(&cast.expr),
        Expr::ScalarFunction(ScalarFunction { func, args }) => match (func.name(), args.as_slice())
        {
            ("date_bin", [Expr::Literal(width, _), time]) if is_column(time, "time") => {
                interval_nanos(width)
            }
            ("date_bin", [Expr::Literal(width, _), time, Expr::Literal(origin, _)])
                if is_column(time, "time") =>
            {
                let ScalarValue::TimestampNanosecond(Some(origin), _) = origin else {
                    return None;
                };
                let divides = |width: &i64| origin % width == 0;
                interval_nanos(width).filter(divides)
            }
            ("date_trunc", [Expr::Literal(width, _), time]) if is_column(time, "time") => {
                match width.try_as_str().flatten()?.to_lowercase().as_str() {
                    "minute" => Some(RollupStep::Minute.nanos()),
                    "hour" | "day" | "week" | "month" | "quarter" | "year" => {
                        Some(RollupStep::Hour.nanos())
                    }
                    _ => None,
                }
            }
            _ => None,
        },
        _ => None,
    }
}

fn interval_nanos(width: &ScalarValue) -> Option<i64> {
    let nanos = match width {
        ScalarValue::IntervalMonthDayNano(Some(width)) if width.months == 0 => {
            let days = i64::from(width.days).checked_mul(24 * RollupStep::Hour.nanos())?;
            days.checked_add(width.nanoseconds)?
        }
        _ => return None,
    };
    (nanos > 0).then_some(nanos)
}

fn is_column(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Column(column) if column.name() == name)
}

#[cfg(test)]
mod tests;

//! Translates conditions that the store can look up into a filter.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown};
use weir_series::Filter;

/// Which conditions [`filter`] supports.
pub(crate) fn supported(conditions: &[&Expr]) -> Vec<TableProviderFilterPushDown> {
    let support = |condition: &&Expr| {
        if apply(condition, &mut Filter::default()) {
            TableProviderFilterPushDown::Exact
        } else {
            TableProviderFilterPushDown::Unsupported
        }
    };
    conditions.iter().map(support).collect()
}

/// The filter of conditions that are all [`supported`].
pub(crate) fn filter(conditions: &[Expr]) -> Filter {
    let mut filter = Filter::default();
    for condition in conditions {
        apply(condition, &mut filter);
    }
    filter
}

/// Adds a condition to the filter. False when its form is not supported; the filter
/// may then contain a part of it and must not be used.
fn apply(condition: &Expr, filter: &mut Filter) -> bool {
    match condition {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::And,
            right,
        }) => apply(left, filter) && apply(right, filter),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (&**left, &**right) {
            (Expr::Column(column), Expr::Literal(value, _)) if column.name == "time" => {
                apply_time(*op, value, filter)
            }
            (Expr::Literal(value, _), Expr::Column(column)) if column.name == "time" => {
                op.swap().is_some_and(|op| apply_time(op, value, filter))
            }
            _ => apply_names(condition, filter),
        },
        Expr::Between(between) if !between.negated && is_column(&between.expr, "time") => {
            match (&*between.low, &*between.high) {
                (Expr::Literal(low, _), Expr::Literal(high, _)) => {
                    apply_time(Operator::GtEq, low, filter)
                        && apply_time(Operator::LtEq, high, filter)
                }
                _ => false,
            }
        }
        _ => apply_names(condition, filter),
    }
}

fn apply_time(op: Operator, value: &ScalarValue, filter: &mut Filter) -> bool {
    let ScalarValue::TimestampNanosecond(Some(time), _) = value else {
        return false;
    };
    let (from, to) = match op {
        Operator::Eq => (Some(*time), Some(*time)),
        Operator::GtEq => (Some(*time), None),
        Operator::LtEq => (None, Some(*time)),
        Operator::Gt => match time.checked_add(1) {
            Some(from) => (Some(from), None),
            None => return false,
        },
        Operator::Lt => match time.checked_sub(1) {
            Some(to) => (None, Some(to)),
            None => return false,
        },
        _ => return false,
    };
    filter.from = filter.from.max(from.unwrap_or(i64::MIN));
    filter.to = filter.to.min(to.unwrap_or(i64::MAX));
    true
}

/// `device = 'a'`, `device IN ('a', 'b')`, `device = 'a' OR device = 'b'`, and
/// the same for `sensor`.
fn apply_names(condition: &Expr, filter: &mut Filter) -> bool {
    let mut names = Vec::new();
    if collect_names(condition, "device", &mut names) {
        filter.only_devices(names);
        return true;
    }
    names.clear();
    if collect_names(condition, "sensor", &mut names) {
        filter.only_sensors(names);
        return true;
    }
    false
}

fn collect_names(condition: &Expr, column: &str, names: &mut Vec<String>) -> bool {
    match condition {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Or,
            right,
        }) => collect_names(left, column, names) && collect_names(right, column, names),
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Eq,
            right,
        }) => {
            let value = match (&**left, &**right) {
                (name, value) if is_column(name, column) => value,
                (value, name) if is_column(name, column) => value,
                _ => return false,
            };
            push_name(value, names)
        }
        Expr::InList(list) if !list.negated && is_column(&list.expr, column) => {
            list.list.iter().all(|value| push_name(value, names))
        }
        _ => false,
    }
}

fn push_name(value: &Expr, names: &mut Vec<String>) -> bool {
    let Expr::Literal(value, _) = value else {
        return false;
    };
    let Some(Some(name)) = value.try_as_str() else {
        return false;
    };
    names.push(name.to_owned());
    true
}

fn is_column(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Column(column) if column.name == name)
}

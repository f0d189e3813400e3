//! Queries about objects that Weir never has: indexes, constraints, policies, triggers.
//! DataFusion cannot plan the form that clients use; the result has no rows.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{
    Expr, JoinOperator, ObjectName, ObjectNamePart, Query, Select, SelectItem, SetExpr,
    SetOperator, Statement, TableFactor,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

/// Tables of `pg_catalog` that are always empty.
const NEVER: [&str; 16] = [
    "pg_attrdef",
    "pg_collation",
    "pg_constraint",
    "pg_description",
    "pg_enum",
    "pg_extension",
    "pg_foreign_table",
    "pg_index",
    "pg_inherits",
    "pg_policy",
    "pg_publication",
    "pg_publication_rel",
    "pg_rewrite",
    "pg_sequence",
    "pg_statistic_ext",
    "pg_trigger",
];
/// Aggregates: they return one row for no input.
const AGGREGATES: [&str; 7] = [
    "count",
    "max",
    "min",
    "sum",
    "array_agg",
    "string_agg",
    "bool_or",
];

/// Replaces a query that can have no rows by one with the same columns and no rows.
pub(super) fn replacement(query: &Query) -> Option<Statement> {
    if !is_empty(&query.body) {
        return None;
    }
    let mut names = HashSet::new();
    let column = |item: &SelectItem| {
        let mut name = match item {
            SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
            item => item.to_string(),
        };
        while !names.insert(name.clone()) {
            name.push('_');
        }
        format!("CAST(NULL AS VARCHAR) AS \"{}\"", name.replace('"', "\"\""))
    };
    let projection = &first_select(&query.body)?.projection;
    let columns: Vec<String> = projection.iter().map(column).collect();
    let sql = format!("SELECT {} WHERE false", columns.join(", "));
    let mut parsed = Parser::parse_sql(&PostgreSqlDialect {}, &sql).ok()?;
    parsed.pop()
}

/// Whether it joins a table that is always empty, other than by an outer join.
pub(super) fn is_empty(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => {
            !select.projection.iter().any(is_aggregate)
                && select.from.iter().any(|table| {
                    let keeps = |operator: &JoinOperator| {
                        matches!(
                            operator,
                            JoinOperator::Right(_)
                                | JoinOperator::RightOuter(_)
                                | JoinOperator::FullOuter(_)
                        )
                    };
                    is_never(&table.relation)
                        && !table.joins.iter().any(|join| keeps(&join.join_operator))
                })
        }
        SetExpr::SetOperation {
            op: SetOperator::Union,
            left,
            right,
            ..
        } => is_empty(left) && is_empty(right),
        SetExpr::Query(query) => is_empty(&query.body),
        _ => false,
    }
}

fn first_select(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::SetOperation { left, .. } => first_select(left),
        SetExpr::Query(query) => first_select(&query.body),
        _ => None,
    }
}

fn last(name: &ObjectName) -> Option<String> {
    match name.0.last()? {
        ObjectNamePart::Identifier(name) => Some(name.value.to_ascii_lowercase()),
        ObjectNamePart::Function(_) => None,
    }
}

fn is_never(table: &TableFactor) -> bool {
    match table {
        TableFactor::Table { name, .. } => {
            last(name).is_some_and(|name| NEVER.contains(&name.as_str()))
        }
        _ => false,
    }
}

fn is_aggregate(item: &SelectItem) -> bool {
    let expr = match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr,
        _ => return false,
    };
    match expr {
        Expr::Function(function) => {
            last(&function.name).is_some_and(|name| AGGREGATES.contains(&name.as_str()))
        }
        _ => false,
    }
}

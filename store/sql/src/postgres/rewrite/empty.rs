//! Queries about objects that Weir never has: indexes, constraints, policies, triggers.
//! DataFusion cannot plan the form that clients use; the result has no rows.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, CastKind, DataType, Expr, GroupByExpr, JoinOperator, Query,
    Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetOperator, Statement,
    TableFactor, Value,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::{calls, last, null};
use crate::postgres::catalog::{self, INFORMATION};

/// A query with the same columns and no rows, for a query that can have none.
pub(super) fn replacement(query: &Query) -> Option<Query> {
    if !is_empty(&query.body) {
        return None;
    }
    let select = first_select(&query.body)?;
    let mut names = HashSet::new();
    let mut columns = Vec::new();
    for name in output(select)? {
        let mut name = name.replace('"', "\"\"");
        while !names.insert(name.clone()) {
            name.push('_');
        }
        columns.push(format!("CAST(NULL AS VARCHAR) AS \"{name}\""));
    }
    let sql = format!("SELECT {} WHERE false", columns.join(", "));
    let mut parsed = Parser::parse_sql(&PostgreSqlDialect {}, &sql).ok()?;
    match parsed.pop()? {
        Statement::Query(query) => Some(*query),
        _ => None,
    }
}

/// The value of a subquery that has no rows.
pub(super) fn subquery(expr: &Expr) -> Option<Expr> {
    let boolean = |value: bool| Expr::Value(Value::Boolean(value).into());
    match expr {
        Expr::Subquery(query) if is_empty(&query.body) => Some(null()),
        Expr::Exists { subquery, negated }
        | Expr::InSubquery {
            subquery, negated, ..
        } if is_empty(&subquery.body) => Some(boolean(*negated)),
        _ => None,
    }
}

/// CASE without the branches for kinds of types that no type has.
pub(super) fn case(expr: &mut Expr) {
    let Expr::Case {
        operand: None,
        conditions,
        else_result,
        ..
    } = expr
    else {
        return;
    };
    let Some(first) = conditions.first().map(|when| null_like(&when.result)) else {
        return;
    };
    conditions.retain(|when| !is_kind_of_none(&when.condition));
    if conditions.is_empty() {
        let otherwise = else_result.take().map(|result| *result);
        let is_null =
            |expr: &Expr| matches!(expr, Expr::Value(value) if value.value == Value::Null);
        *expr = otherwise.filter(|expr| !is_null(expr)).unwrap_or(first);
    }
}

/// `t.typtype = 'd'`: all types here are of the kind `b`.
fn is_kind_of_none(condition: &Expr) -> bool {
    let Expr::BinaryOp {
        left,
        op: BinaryOperator::Eq,
        right,
    } = condition
    else {
        return false;
    };
    let column = match &**left {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(parts) => parts.last(),
        _ => None,
    };
    column.is_some_and(|name| name.value == "typtype")
        && matches!(&**right, Expr::Value(value)
            if matches!(&value.value, Value::SingleQuotedString(kind) if kind != "b"))
}

/// Nothing, of the type of a subquery that aggregates into an array: of texts, the array
/// that clients know without asking for its type.
fn null_like(expr: &Expr) -> Expr {
    if !expr.to_string().starts_with("(SELECT array_agg(") {
        return null();
    }
    let list = ArrayElemTypeDef::SquareBracket(Box::new(DataType::Text), None);
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(null()),
        data_type: DataType::Array(list),
        array: false,
        format: None,
    }
}

/// Whether it can have no rows: it reads a table that is always empty, other than on the
/// optional side of an outer join, and is no aggregate without groups.
fn is_empty(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => {
            let grouped = match &select.group_by {
                GroupByExpr::Expressions(by, _) => !by.is_empty(),
                GroupByExpr::All(_) => true,
            };
            let aggregates = select.projection.iter().any(|item| match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    calls::is_aggregate(expr)
                }
                _ => false,
            });
            (grouped || !aggregates) && reads_nothing(select)
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

fn reads_nothing(select: &Select) -> bool {
    select.from.iter().any(|table| {
        let mut empty = is_never(&table.relation);
        for join in &table.joins {
            let joined = is_never(&join.relation);
            empty = match &join.join_operator {
                JoinOperator::Join(_)
                | JoinOperator::Inner(_)
                | JoinOperator::CrossJoin(_)
                | JoinOperator::StraightJoin(_) => empty || joined,
                JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => empty,
                JoinOperator::Right(_) | JoinOperator::RightOuter(_) => joined,
                _ => empty && joined,
            };
        }
        empty
    })
}

fn is_never(table: &TableFactor) -> bool {
    match table {
        TableFactor::Table {
            name, args: None, ..
        } => catalog_name(name).is_some_and(|name| catalog::is_always_empty(&name)),
        TableFactor::Derived { subquery, .. } => is_empty(&subquery.body),
        TableFactor::NestedJoin {
            table_with_joins, ..
        } => is_never(&table_with_joins.relation),
        _ => false,
    }
}

/// The name that a table has in our `pg_catalog`.
fn catalog_name(name: &datafusion::sql::sqlparser::ast::ObjectName) -> Option<String> {
    let table = last(name)?;
    let text = name.to_string().to_ascii_lowercase();
    if text.contains("information_schema.") {
        return Some(format!("{INFORMATION}{table}"));
    }
    Some(table)
}

fn first_select(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::SetOperation { left, .. } => first_select(left),
        SetExpr::Query(query) => first_select(&query.body),
        _ => None,
    }
}

/// The names of the columns; `None` if a `*` is of a table that is not in the catalog.
fn output(select: &Select) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::ExprWithAlias { alias, .. } => names.push(alias.value.clone()),
            SelectItem::UnnamedExpr(expr) => names.push(name(expr)),
            SelectItem::Wildcard(_) => names.extend(all(select, None)?),
            SelectItem::QualifiedWildcard(kind, _) => {
                let SelectItemQualifiedWildcardKind::ObjectName(of) = kind else {
                    return None;
                };
                names.extend(all(select, Some(&last(of)?))?);
            }
            SelectItem::ExprWithAliases { .. } => return None,
        }
    }
    Some(names)
}

fn name(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => name.value.clone(),
        Expr::CompoundIdentifier(parts) => {
            let last = parts.last();
            last.map_or_else(String::new, |name| name.value.clone())
        }
        Expr::Function(function) => last(&function.name).unwrap_or_default(),
        Expr::Cast { expr, .. } | Expr::Nested(expr) => name(expr),
        expr => expr.to_string(),
    }
}

/// All columns of the tables, or of the one with this name.
fn all(select: &Select, of: Option<&str>) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let tables = select.from.iter().flat_map(|table| {
        let joined = table.joins.iter().map(|join| &join.relation);
        std::iter::once(&table.relation).chain(joined)
    });
    for table in tables {
        let TableFactor::Table { name, alias, .. } = table else {
            return None;
        };
        let called = match alias {
            Some(alias) => alias.name.value.to_ascii_lowercase(),
            None => last(name)?,
        };
        if of.is_none_or(|of| of == called) {
            let columns = catalog::column_names(&catalog_name(name)?)?;
            names.extend(columns.into_iter().map(str::to_owned));
        }
    }
    Some(names)
}

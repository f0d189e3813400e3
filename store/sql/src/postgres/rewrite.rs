//! Rewrites Postgres syntax for DataFusion: names qualified with `pg_catalog`, casts to
//! Postgres types, operators with a schema, collations, the user's name, arrays as
//! texts, LIKE with an escape character, columns of equal names.

mod calls;
mod casts;
mod empty;
mod names;

use std::ops::ControlFlow;

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, ObjectNamePart, Query, Select,
    Statement, TableFactor, Value, ValueWithSpan, VisitMut, VisitorMut,
};

use super::arrays::PG_ARRAY;
use super::functions::LIKE_PATTERN;
use crate::functions::SCHEMA;

pub(super) use names::shown;

/// How clients check whether a schema is in the search path. It needs functions in
/// FROM that return one row per element.
const SEARCH_PATH: &str = "string_to_array(current_setting('search_path')";

pub(super) fn rewrite(statement: &mut Statement) -> Result<(), DataFusionError> {
    match statement.visit(&mut Rewriter) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = DataFusionError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        if let Some(empty) = empty::replacement(query) {
            *query = empty;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<Self::Break> {
        names::table(table);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        names::distinct(select);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        let rewritten = match expr {
            Expr::Function(function) if calls::is_of_nothing(function) => Some(Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(null()),
                data_type: DataType::Text,
                array: false,
                format: None,
            }),
            Expr::Cast {
                expr: inner,
                data_type,
                ..
            } => casts::name_of_object(inner, data_type),
            Expr::InSubquery {
                expr: tested,
                subquery,
                negated,
            } if subquery.to_string().contains(SEARCH_PATH) => Some(Expr::InList {
                expr: tested.clone(),
                list: vec![text(SCHEMA)],
                negated: *negated,
            }),
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => {
                empty::subquery(expr)
            }
            _ => None,
        };
        if let Some(rewritten) = rewritten {
            *expr = rewritten;
        }
        empty::case(expr);
        if let Expr::Subquery(query) = expr {
            calls::at_most_one_row(query);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        match expr {
            Expr::Function(function) => {
                if let Some(rewritten) = calls::rewritten(function) {
                    *expr = rewritten;
                }
            }
            Expr::BinaryOp {
                op: operator @ BinaryOperator::PGCustomBinaryOperator(_),
                ..
            } => plain(operator),
            Expr::Collate { expr: inner, .. } => *expr = (**inner).clone(),
            Expr::AnyOp { left, right, .. } | Expr::AllOp { left, right, .. }
                if is_constant(right) =>
            {
                **right = call(PG_ARRAY, vec![(**right).clone(), (**left).clone()]);
            }
            Expr::Like {
                pattern,
                escape_char,
                ..
            }
            | Expr::ILike {
                pattern,
                escape_char,
                ..
            } => by_backslash(pattern, escape_char),
            Expr::CompoundIdentifier(parts) => names::without_schema(parts),
            Expr::Identifier(name) if name.quote_style.is_none() => {
                if let Some(value) = calls::of_session(&name.value) {
                    *expr = text(value);
                }
            }
            Expr::Cast {
                expr: inner,
                data_type,
                kind,
                ..
            } => {
                if let Some(rewritten) = casts::rewritten(inner, data_type, kind) {
                    *expr = rewritten;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// DataFusion escapes by backslashes only.
fn by_backslash(pattern: &mut Expr, escape: &mut Option<ValueWithSpan>) {
    if let Some(ValueWithSpan {
        value: Value::SingleQuotedString(escape),
        ..
    }) = escape.take()
        && escape != "\\"
    {
        *pattern = call(LIKE_PATTERN, vec![pattern.clone(), text(&escape)]);
    }
}

fn text(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_owned()).into())
}

fn number(value: usize) -> Expr {
    Expr::Value(Value::Number(value.to_string(), false).into())
}

fn null() -> Expr {
    Expr::Value(Value::Null.into())
}

fn plain(operator: &mut BinaryOperator) {
    let BinaryOperator::PGCustomBinaryOperator(parts) = operator else {
        return;
    };
    let plain = match parts.last().map(String::as_str) {
        Some("~") => BinaryOperator::PGRegexMatch,
        Some("~*") => BinaryOperator::PGRegexIMatch,
        Some("!~") => BinaryOperator::PGRegexNotMatch,
        Some("!~*") => BinaryOperator::PGRegexNotIMatch,
        Some("=") => BinaryOperator::Eq,
        Some("<>") => BinaryOperator::NotEq,
        Some("<") => BinaryOperator::Lt,
        Some("<=") => BinaryOperator::LtEq,
        Some(">") => BinaryOperator::Gt,
        Some(">=") => BinaryOperator::GtEq,
        _ => return,
    };
    *operator = plain;
}

/// `$1` or a text, also in parentheses.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_constant(inner),
        Expr::Value(value) => matches!(
            value.value,
            Value::Placeholder(_) | Value::SingleQuotedString(_)
        ),
        _ => false,
    }
}

/// The last part of a name, in lower case.
fn last(name: &ObjectName) -> Option<String> {
    match name.0.last()? {
        ObjectNamePart::Identifier(name) => Some(name.value.to_ascii_lowercase()),
        ObjectNamePart::Function(_) => None,
    }
}

fn arguments(function: &Function) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let argument = |argument| match argument {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
        _ => None,
    };
    list.args.iter().map(argument).collect()
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let argument = |expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr));
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.into_iter().map(argument).collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

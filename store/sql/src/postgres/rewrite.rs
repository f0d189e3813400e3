//! Rewrites Postgres syntax for DataFusion: names qualified with `pg_catalog`, casts to
//! Postgres types, operators with a schema, collations, the user's name.

mod empty;

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, ObjectNamePart, Select, SelectItem,
    Statement, Value, VisitMut, VisitorMut,
};

use crate::functions::SCHEMA;

/// How clients check whether a schema is in the search path. It needs functions in
/// FROM that return one row per element.
const SEARCH_PATH: &str = "string_to_array(current_setting('search_path')";

pub(super) fn rewrite(statement: &mut Statement) -> Result<(), DataFusionError> {
    if let Statement::Query(query) = &statement
        && let Some(empty) = empty::replacement(query)
    {
        *statement = empty;
    }
    match statement.visit(&mut Rewriter) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = DataFusionError;

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<Self::Break> {
        if let [ObjectNamePart::Identifier(table)] = name.0.as_slice()
            && table.value.to_ascii_lowercase().starts_with("pg_")
        {
            let schema = ObjectNamePart::Identifier(Ident::new("pg_catalog"));
            name.0.insert(0, schema);
        }
        ControlFlow::Continue(())
    }

    /// Unnamed columns may have equal names in Postgres; here each gets its own.
    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        let mut seen = HashMap::new();
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expr) = item else {
                continue;
            };
            let name = expr.to_string();
            let before = seen.entry(name.clone()).or_insert(0_usize);
            if *before > 0 {
                *item = SelectItem::ExprWithAlias {
                    expr: expr.clone(),
                    alias: Ident::with_quote('"', format!("{name} {before}")),
                };
            }
            *before += 1;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        if let Expr::Function(function) = expr
            && is_of_nothing(function)
        {
            *expr = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(Expr::Value(Value::Null.into())),
                data_type: DataType::Text,
                array: false,
                format: None,
            };
        }
        // A scalar subquery without rows is null.
        if let Expr::Subquery(query) = expr
            && empty::is_empty(&query.body)
        {
            *expr = Expr::Value(Value::Null.into());
        }
        let Expr::InSubquery {
            expr: tested,
            subquery,
            negated,
        } = expr
        else {
            return ControlFlow::Continue(());
        };
        if subquery.to_string().contains(SEARCH_PATH) {
            *expr = Expr::InList {
                expr: tested.clone(),
                list: vec![text(SCHEMA)],
                negated: *negated,
            };
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        match expr {
            Expr::Function(function) => {
                if let Some(rewritten) = without_schema(function) {
                    *expr = rewritten;
                }
            }
            Expr::BinaryOp {
                op: operator @ BinaryOperator::PGCustomBinaryOperator(_),
                ..
            } => plain(operator),
            Expr::Collate { expr: inner, .. } => *expr = (**inner).clone(),
            Expr::AnyOp { right, .. } if is_placeholder(right) => {
                **right = call("pg_array", (**right).clone());
            }
            Expr::Identifier(name) if name.quote_style.is_none() => {
                if let Some(value) = of_session(&name.value) {
                    *expr = text(value);
                }
            }
            Expr::Cast {
                expr: inner,
                data_type,
                kind,
                ..
            } => {
                if let Some(rewritten) = cast(inner, data_type, kind) {
                    *expr = rewritten;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn text(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_owned()).into())
}

/// Keywords that refer to the session.
fn of_session(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "user" | "current_user" | "session_user" | "current_role" => Some("weir"),
        "current_catalog" => Some("weir"),
        "current_schema" => Some(SCHEMA),
        _ => None,
    }
}

fn without_schema(function: &mut Function) -> Option<Expr> {
    if let [
        ObjectNamePart::Identifier(schema),
        ObjectNamePart::Identifier(_),
    ] = function.name.0.as_slice()
        && schema.value.eq_ignore_ascii_case("pg_catalog")
    {
        function.name.0.remove(0);
    }
    let [ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else {
        return None;
    };
    match function.args {
        FunctionArguments::None => of_session(&name.value).map(text),
        _ => None,
    }
}

/// How psql joins lists of privileges and options from the rows of a query: there are
/// none.
fn is_of_nothing(function: &Function) -> bool {
    let name = function.name.to_string().to_ascii_lowercase();
    match &function.args {
        FunctionArguments::Subquery(_) => name == "array",
        _ => name == "pg_catalog.array_to_string",
    }
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

/// A cast to a type that only Postgres has.
fn cast(inner: &Expr, data_type: &DataType, kind: &CastKind) -> Option<Expr> {
    let name = match data_type {
        DataType::Regclass => "regclass".to_owned(),
        DataType::Custom(name, _) => match name.0.last()? {
            ObjectNamePart::Identifier(name) => name.value.to_ascii_lowercase(),
            ObjectNamePart::Function(_) => return None,
        },
        _ => return None,
    };
    let to = |data_type| Expr::Cast {
        kind: kind.clone(),
        expr: Box::new(inner.clone()),
        data_type,
        array: false,
        format: None,
    };
    let is_text = matches!(
        inner,
        Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_) | Value::Placeholder(_))
    );
    Some(match name.as_str() {
        "text" | "name" | "char" | "bpchar" | "varchar" | "cstring" => to(DataType::Text),
        "oid" | "xid" | "int8" => to(DataType::BigInt(None)),
        "int4" | "int2" => to(DataType::Integer(None)),
        "float8" => to(DataType::DoublePrecision),
        "bool" => to(DataType::Boolean),
        "regclass" if is_text => call("to_regclass", inner.clone()),
        "regtype" if is_text => call("to_regtype", inner.clone()),
        "regnamespace" if is_text => call("to_regnamespace", inner.clone()),
        // Names of object ids: only the id exists here.
        "regclass" | "regtype" | "regnamespace" | "regproc" | "regrole" => inner.clone(),
        _ => return None,
    })
}

/// `$1`, also in parentheses.
fn is_placeholder(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_placeholder(inner),
        Expr::Value(value) => matches!(value.value, Value::Placeholder(_)),
        _ => false,
    }
}

fn call(name: &str, argument: Expr) -> Expr {
    let argument = FunctionArg::Unnamed(FunctionArgExpr::Expr(argument));
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![argument],
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

//! Functions of Postgres that are others here, or constants.

use datafusion::sql::sqlparser::ast::{
    Array, CastKind, DataType, Expr, Function, FunctionArguments, GroupByExpr, ObjectNamePart,
    Query, SelectItem, SetExpr, TableFactor, Value,
};

use super::{arguments, call, last, null, number, text};
use crate::functions::SCHEMA;

/// Aggregates: they return one row for no input.
pub(super) const AGGREGATES: [&str; 12] = [
    "count",
    "max",
    "min",
    "sum",
    "avg",
    "array_agg",
    "string_agg",
    "bool_and",
    "bool_or",
    "every",
    "json_agg",
    "jsonb_agg",
];

/// Keywords that refer to the session.
pub(super) fn of_session(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "user" | "current_user" | "session_user" | "current_role" => Some("weir"),
        "current_catalog" => Some("weir"),
        "current_schema" => Some(SCHEMA),
        _ => None,
    }
}

/// What replaces a call, if anything. A schema before the name is removed.
pub(super) fn rewritten(function: &mut Function) -> Option<Expr> {
    if let [
        ObjectNamePart::Identifier(schema),
        ObjectNamePart::Identifier(_),
    ] = function.name.0.as_slice()
        && ["pg_catalog", "information_schema"]
            .contains(&schema.value.to_ascii_lowercase().as_str())
    {
        function.name.0.remove(0);
    }
    let name = match function.name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] => name.value.to_ascii_lowercase(),
        _ => return None,
    };
    if matches!(function.args, FunctionArguments::None) {
        return of_session(&name).map(text);
    }
    let arguments = arguments(function)?;
    match (name.as_str(), arguments.as_slice()) {
        ("current_schemas", [with_implicit]) => Some(search_path(with_implicit)),
        ("array_upper", [Expr::Array(array), _]) => Some(number(array.elem.len())),
        ("array_lower", [Expr::Array(_), _]) => Some(number(1)),
        ("array_upper", [array, dimension]) => Some(call(
            "array_length",
            vec![(*array).clone(), (*dimension).clone()],
        )),
        ("set_config", [_, value, _]) => Some(Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new((*value).clone()),
            data_type: DataType::Text,
            array: false,
            format: None,
        }),
        ("format", [format, values @ ..]) => formatted(format, values),
        _ => None,
    }
}

fn search_path(with_implicit: &Expr) -> Expr {
    let implicit =
        matches!(with_implicit, Expr::Value(value) if value.value == Value::Boolean(true));
    let schemas: &[&str] = if implicit {
        &["pg_catalog", SCHEMA]
    } else {
        &[SCHEMA]
    };
    Expr::Array(Array {
        elem: schemas.iter().map(|schema| text(schema)).collect(),
        named: true,
    })
}

/// `format('%I.%s', a, b)` as a concatenation.
fn formatted(format: &Expr, values: &[&Expr]) -> Option<Expr> {
    let Expr::Value(format) = format else {
        return None;
    };
    let Value::SingleQuotedString(format) = &format.value else {
        return None;
    };
    let (mut parts, mut literal) = (Vec::new(), String::new());
    let mut values = values.iter();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            literal.push(c);
            continue;
        }
        let quote = match chars.next()? {
            '%' => {
                literal.push('%');
                continue;
            }
            's' => None,
            'I' => Some("quote_ident"),
            'L' => Some("quote_literal"),
            _ => return None,
        };
        parts.push(text(&std::mem::take(&mut literal)));
        let value = (*values.next()?).clone();
        parts.push(match quote {
            Some(quote) => call(quote, vec![value]),
            None => value,
        });
    }
    parts.push(text(&literal));
    Some(call("concat", parts))
}

/// How psql joins lists of privileges and options from the rows of a query: there are
/// none.
pub(super) fn is_of_nothing(function: &Function) -> bool {
    let name = function.name.to_string().to_ascii_lowercase();
    match &function.args {
        FunctionArguments::Subquery(_) => name == "array",
        _ => name == "pg_catalog.array_to_string",
    }
}

pub(super) fn is_aggregate(expr: &Expr) -> bool {
    match expr {
        Expr::Function(function) => {
            function.over.is_none()
                && last(&function.name).is_some_and(|name| AGGREGATES.contains(&name.as_str()))
        }
        Expr::Cast { expr, .. } | Expr::Nested(expr) => is_aggregate(expr),
        Expr::BinaryOp { left, right, .. } => is_aggregate(left) || is_aggregate(right),
        _ => false,
    }
}

/// A scalar subquery on the catalog as an aggregate. Postgres looks whether there is one
/// row when it runs; DataFusion wants to know before.
pub(super) fn at_most_one_row(query: &mut Query) {
    if query.limit_clause.is_some() || query.fetch.is_some() {
        return;
    }
    let SetExpr::Select(select) = &mut *query.body else {
        return;
    };
    let all_of_catalog = !select.from.is_empty()
        && select.from.iter().all(|table| {
            is_of_catalog(&table.relation)
                && table.joins.iter().all(|join| is_of_catalog(&join.relation))
        });
    let is_plain = select.distinct.is_none()
        && matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    let [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }] =
        select.projection.as_mut_slice()
    else {
        return;
    };
    if all_of_catalog && is_plain && !is_aggregate(expr) {
        *expr = call("max", vec![std::mem::replace(expr, null())]);
        query.order_by = None;
    }
}

fn is_of_catalog(table: &TableFactor) -> bool {
    match table {
        TableFactor::Table { name, .. } => last(name).is_some_and(|name| name.starts_with("pg_")),
        _ => false,
    }
}

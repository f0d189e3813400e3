//! Names of tables and columns: where the catalog is, and columns of equal names, which
//! Postgres allows.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Select, SelectItem, TableAlias, TableFactor,
};

use super::last;
use crate::postgres::catalog::{self, INFORMATION};

/// Between a name and the number that makes it unique; clients get the name only.
const MARK: char = '\u{1}';

/// A column's name as clients get it.
pub(crate) fn shown(name: &str) -> &str {
    name.split_once(MARK).map_or(name, |(name, _)| name)
}

fn part(name: &str) -> ObjectNamePart {
    ObjectNamePart::Identifier(Ident::new(name))
}

/// Finds the tables of `pg_catalog` without their schema, those of
/// `information_schema`, and functions that return a table.
pub(super) fn table(table: &mut TableFactor) {
    let TableFactor::Table {
        name, alias, args, ..
    } = table
    else {
        return;
    };
    let Some(table) = last(name) else {
        return;
    };
    if args.is_some() {
        let of = match table.as_str() {
            "pg_show_all_settings" => "pg_settings",
            "pg_get_keywords" => "pg_keywords",
            _ => return,
        };
        *args = None;
        *name = ObjectName(vec![part("pg_catalog"), part(of)]);
        alias.get_or_insert_with(|| named(&table));
        return;
    }
    let schema = match name.0.as_slice() {
        [_] => None,
        [.., ObjectNamePart::Identifier(schema), _] => Some(schema.value.to_ascii_lowercase()),
        _ => return,
    };
    match schema.as_deref() {
        None if table.starts_with("pg_") => name.0.insert(0, part("pg_catalog")),
        Some("information_schema") => {
            let of = format!("{INFORMATION}{table}");
            if catalog::is_table(&of) {
                *name = ObjectName(vec![part("pg_catalog"), part(&of)]);
                alias.get_or_insert_with(|| named(&table));
            }
        }
        _ => {}
    }
}

fn named(name: &str) -> TableAlias {
    TableAlias {
        explicit: true,
        name: Ident::new(name),
        columns: Vec::new(),
        at: None,
    }
}

/// `information_schema.columns.table_name`: the table has an alias.
pub(super) fn without_schema(parts: &mut Vec<Ident>) {
    if let [schema, _, _] = parts.as_slice()
        && schema.value.eq_ignore_ascii_case("information_schema")
    {
        parts.remove(0);
    }
}

/// Gives columns of equal names names of their own, which [`shown`] shortens again.
pub(super) fn distinct(select: &mut Select) {
    let is_wildcard = |item: &SelectItem| {
        matches!(
            item,
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)
        )
    };
    let wildcard = select.projection.iter().any(is_wildcard);
    let mut seen = HashSet::new();
    for (place, item) in select.projection.iter_mut().enumerate() {
        let (expr, name, known) = match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = match &*expr {
                    Expr::Identifier(name) => name.value.clone(),
                    Expr::CompoundIdentifier(parts) => match parts.last() {
                        Some(name) => name.value.clone(),
                        None => continue,
                    },
                    expr => expr.to_string(),
                };
                // `a.x` and `b.x` are different columns.
                let known = !seen.insert(expr.to_string());
                let column = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
                (expr, name, known || wildcard && column)
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                let known = !seen.insert(alias.to_string());
                (expr, alias.value.clone(), known)
            }
            _ => continue,
        };
        if known {
            *item = SelectItem::ExprWithAlias {
                expr: expr.clone(),
                alias: Ident::with_quote('"', format!("{name}{MARK}{place}")),
            };
        }
    }
}

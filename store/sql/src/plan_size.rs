//! How large the plan of a parsed statement becomes. Every use of a common table
//! expression is planned as a copy, so thirty of them that use each other twice would
//! take all memory before anything runs.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{ObjectName, Query, Statement, Visit, Visitor};

/// Most relations in a plan, with copies.
const MAX_RELATIONS: u64 = 1_000;

/// Deepest nesting of WITH in WITH: each level is visited twice.
const MAX_DEPTH: usize = 8;

/// Whether the plan would have more than [`MAX_RELATIONS`] relations.
pub(crate) fn is_too_large(statement: &Statement) -> bool {
    Relations::default().count(statement) > MAX_RELATIONS
}

/// Counts relations, with the copies of common table expressions.
#[derive(Debug, Default)]
struct Relations {
    /// The sizes of the common table expressions of each enclosing query, by name.
    scopes: Vec<HashMap<String, u64>>,
    depth: usize,
    found: u64,
}

impl Relations {
    fn count(mut self, part: &impl Visit) -> u64 {
        match part.visit(&mut self) {
            ControlFlow::Continue(()) => self.found,
            ControlFlow::Break(()) => MAX_RELATIONS + 1,
        }
    }

    fn size(&self, name: &str) -> u64 {
        let known = self.scopes.iter().rev().find_map(|scope| scope.get(name));
        known.copied().unwrap_or(1)
    }
}

impl Visitor for Relations {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.scopes.push(HashMap::new());
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        for table in tables {
            if self.depth == MAX_DEPTH {
                return ControlFlow::Break(());
            }
            let name = table.alias.name.value.to_ascii_lowercase();
            let inner = Self {
                scopes: self.scopes.clone(),
                depth: self.depth + 1,
                found: 0,
            };
            let size = inner.count(&*table.query).clamp(1, MAX_RELATIONS + 1);
            if let Some(scope) = self.scopes.last_mut() {
                scope.insert(name, size);
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        let size = self.size(&name.to_string().to_ascii_lowercase());
        self.found = self.found.saturating_add(size);
        if self.found > MAX_RELATIONS {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn is_refused(sql: &str) -> bool {
        let statements = Parser::parse_sql(&GenericDialect {}, sql).unwrap();
        is_too_large(&statements[0])
    }

    #[test]
    fn expressions_that_use_each_other_twice_are_refused() {
        let chain = |n: usize, body: &str| {
            let mut sql = "WITH a0 AS (SELECT 1 AS x)".to_owned();
            for i in 1..=n {
                let body = body.replace('@', &format!("a{}", i - 1));
                sql.push_str(&format!(", a{i} AS ({body})"));
            }
            sql + &format!(" SELECT count(*) FROM a{n}")
        };
        for body in [
            "SELECT p.x FROM @ p, @ q",
            "SELECT x FROM @ UNION ALL SELECT x FROM @",
            "SELECT x FROM @ WHERE x IN (SELECT x FROM @)",
            "WITH i AS (SELECT x FROM @) SELECT p.x FROM i p, i q",
        ] {
            assert!(is_refused(&chain(30, body)), "{body}");
            assert!(!is_refused(&chain(3, body)), "{body}");
        }
        assert!(!is_refused(&chain(30, "SELECT x FROM @")));
        let nested = chain(30, "SELECT p.x FROM @ p, @ q");
        assert!(is_refused(&format!("SELECT * FROM ({nested}) t")));
        assert!(!is_refused(
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT * FROM r"
        ));
    }
}

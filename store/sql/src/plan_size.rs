//! How large the plan of a parsed statement becomes. Every use of a common table
//! expression is planned as a copy, so thirty of them that use each other twice would
//! take all memory before anything runs.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{ObjectName, Query, Statement, Visit, Visitor};

/// Most relations in a plan, with copies.
const MAX_RELATIONS: u64 = 1_000;

/// Whether the plan would have more than [`MAX_RELATIONS`] relations.
pub(crate) fn is_too_large(statement: &Statement) -> bool {
    let mut sizes = Sizes::default();
    // A nested expression may use one of an outer level, whose size is then known in
    // the next round.
    for _ in 0..MAX_ROUNDS {
        let before = sizes.known.clone();
        let _ = statement.visit(&mut sizes);
        if sizes.known == before {
            break;
        }
    }
    sizes.of(statement) > MAX_RELATIONS
}

/// Deeper nesting of WITH in WITH is beyond the parser's recursion limit.
const MAX_ROUNDS: usize = 64;

/// Relations of each common table expression, by name.
#[derive(Debug, Default)]
struct Sizes {
    known: HashMap<String, u64>,
}

impl Sizes {
    fn of(&self, part: &impl Visit) -> u64 {
        let mut sum = Sum {
            known: &self.known,
            relations: 0,
        };
        let _ = part.visit(&mut sum);
        sum.relations
    }
}

impl Visitor for Sizes {
    type Break = ();

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        for table in tables {
            let name = table.alias.name.value.to_ascii_lowercase();
            // A recursive one uses itself: once.
            let itself = self.known.remove(&name).unwrap_or(1);
            let size = self.of(&*table.query).clamp(itself, MAX_RELATIONS + 1);
            self.known.insert(name, size);
        }
        ControlFlow::Continue(())
    }
}

struct Sum<'a> {
    known: &'a HashMap<String, u64>,
    relations: u64,
}

impl Visitor for Sum<'_> {
    type Break = ();

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        let size = self.known.get(&name.to_string().to_ascii_lowercase());
        self.relations = self.relations.saturating_add(size.copied().unwrap_or(1));
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

//! A session per query: our tables, no access to files, limited memory.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::config::Dialect as SqlDialect;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::dialect::{GenericDialect, PostgreSqlDialect};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::cooperative::YieldAtJoins;
use crate::error::QueryError;
use crate::query::Dialect;
use crate::rolled::UseRollups;
use crate::runtime::threads;
use crate::{bounded, functions, nesting, plan_size, postgres};

/// Most operators of one statement. Dashboards have dozens; a list of names is one.
const MAX_OPERATORS: usize = 1_000;
/// Functions that are removed: one row of their result could take all memory.
const UNBOUNDED_FUNCTIONS: [&str; 8] = [
    "repeat",
    "lpad",
    "rpad",
    "range",
    "generate_series",
    "array_repeat",
    "list_repeat",
    "array_resize",
];

/// The session that all queries start from.
pub(crate) fn template() -> SessionContext {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_default_catalog_and_schema(functions::CATALOG, functions::SCHEMA)
        .with_target_partitions(threads());
    let options = config.options_mut();
    options.sql_parser.map_string_types_to_utf8view = true;
    options.execution.time_zone = Some("UTC".to_owned());
    let mut state = SessionStateBuilder::new_with_default_features()
        .with_config(config)
        .with_runtime_env(Arc::new(bounded_memory(usize::MAX)))
        .with_optimizer_rule(Arc::new(UseRollups))
        .with_physical_optimizer_rule(Arc::new(YieldAtJoins));
    // Ours must come first: the first planner that plans `||` wins.
    let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(bounded::BoundConcat)];
    planners.extend(state.expr_planners().clone().unwrap_or_default());
    let state = state.with_expr_planners(planners).build();
    let context = SessionContext::new_with_state(state);
    for name in UNBOUNDED_FUNCTIONS {
        context.deregister_udf(name);
    }
    bounded::wrap(&context);
    functions::register(&context);
    context
}

/// A session for planning one query, with the template's tables and functions. It
/// fixes the value of `now()`.
pub(crate) fn for_query(template: &SessionContext) -> SessionState {
    template.state()
}

/// The context of one execution, with its own memory. The functions are in the plan.
pub(crate) fn task(config: SessionConfig, memory: usize) -> Arc<TaskContext> {
    Arc::new(TaskContext::new(
        None,
        "query".to_owned(),
        config,
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        Arc::new(bounded_memory(memory)),
    ))
}

fn bounded_memory(bytes: usize) -> RuntimeEnv {
    let no_disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    RuntimeEnvBuilder::new()
        .with_disk_manager_builder(no_disk)
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(bytes)))
        .build()
        .expect("building it does not access the system")
}

/// Tokenizes a statement. Refuses a statement whose expressions could be nested
/// deeper than the stack allows: every level takes an operator.
pub(crate) fn check_size(sql: &str, dialect: Dialect) -> Result<Vec<Token>, QueryError> {
    let tokens = match dialect {
        Dialect::Generic => Tokenizer::new(&GenericDialect {}, sql).tokenize(),
        Dialect::Postgres => Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize(),
    }
    .map_err(|error| QueryError::Invalid(DataFusionError::SQL(Box::new(error.into()), None)))?;
    let operators = tokens.iter().filter(|token| is_operator(token)).count();
    if operators > MAX_OPERATORS {
        return Err(QueryError::Invalid(DataFusionError::Plan(format!(
            "the statement has {operators} operators, more than {MAX_OPERATORS}"
        ))));
    }
    if nesting::is_too_deep(&tokens) {
        return Err(QueryError::Invalid(DataFusionError::Plan(
            "the statement is nested too deeply".to_owned(),
        )));
    }
    Ok(tokens)
}

/// The highest number of a placeholder such as `$2`, or 0.
pub(crate) fn highest_placeholder(tokens: &[Token]) -> usize {
    let numbers = tokens.iter().filter_map(|token| match token {
        Token::Placeholder(name) => name.strip_prefix('$')?.parse().ok(),
        _ => None,
    });
    // The protocol counts parameters in 16 bits.
    let numbers = numbers.filter(|number| *number <= usize::from(u16::MAX));
    numbers.max().unwrap_or(0)
}

fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::UNION
                | Keyword::EXCEPT
                | Keyword::INTERSECT
                | Keyword::JOIN
                | Keyword::CASE
                | Keyword::IS
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::SELECT
                | Keyword::COLLATE
                | Keyword::AT
        ),
        Token::Number(..) | Token::SingleQuotedString(_) | Token::Whitespace(_) => false,
        Token::Comma | Token::RParen | Token::SemiColon | Token::EOF => false,
        _ => true,
    }
}

/// Parses and plans one query; anything else is refused.
pub(crate) async fn plan(
    state: &SessionState,
    sql: &str,
    dialect: Dialect,
) -> Result<LogicalPlan, QueryError> {
    let parsed = match dialect {
        Dialect::Generic => SqlDialect::Generic,
        Dialect::Postgres => SqlDialect::PostgreSQL,
    };
    let statement = state
        .sql_to_statement(sql, &parsed)
        .map_err(|error| match error {
            DataFusionError::NotImplemented(_) => QueryError::Refused {
                what: "several statements at once".to_owned(),
            },
            error => QueryError::Invalid(error),
        })?;
    if let Some(what) = refusal(&statement) {
        return Err(QueryError::Refused { what });
    }
    if let Statement::Statement(statement) = &statement
        && plan_size::is_too_large(statement)
    {
        return Err(QueryError::Invalid(DataFusionError::Plan(
            "the statement uses its common table expressions too often".to_owned(),
        )));
    }
    let statement = match dialect {
        Dialect::Generic => statement,
        Dialect::Postgres => postgres::rewritten(statement)?,
    };
    let plan = state.statement_to_plan(statement).await?;
    let plan = match dialect {
        Dialect::Generic => plan,
        Dialect::Postgres => postgres::with_parameter_types(plan)?,
    };
    let read_only = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    read_only
        .verify_plan(&plan)
        .map_err(|error| QueryError::Refused {
            what: error.strip_backtrace(),
        })?;
    Ok(plan)
}

/// The name of a statement that is not a query.
fn refusal(statement: &Statement) -> Option<String> {
    match statement {
        Statement::Statement(statement) => match &**statement {
            SqlStatement::Query(_)
            | SqlStatement::Explain { .. }
            | SqlStatement::ExplainTable { .. }
            | SqlStatement::ShowTables { .. }
            | SqlStatement::ShowColumns { .. }
            | SqlStatement::ShowVariable { .. } => None,
            other => {
                let text = other.to_string();
                Some(text.split_whitespace().next().unwrap_or("that").to_owned())
            }
        },
        Statement::Explain(explain) => refusal(&explain.statement),
        Statement::CreateExternalTable(_) => Some("CREATE EXTERNAL TABLE".to_owned()),
        Statement::CopyTo(_) => Some("COPY".to_owned()),
        Statement::Reset(_) => Some("RESET".to_owned()),
    }
}

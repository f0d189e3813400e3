//! What clients of Postgres write, understood: its dialect, the few tables of
//! `pg_catalog` that they look at, and the functions that they call. All of it is
//! in a session of its own, so that it does not show at the other doors.

mod catalog;
mod functions;
mod rewrite;

use std::sync::Arc;

use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
};
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;

use super::functions::{CATALOG, SCHEMA};

/// The version that is claimed: clients choose by it what they may ask.
pub const POSTGRES_VERSION: &str = "16.6";

/// A session with the tables of this one, and with Postgres' own besides.
pub(super) fn template(main: &SessionContext) -> SessionContext {
    let tables = main
        .catalog(CATALOG)
        .and_then(|catalog| catalog.schema(SCHEMA))
        .expect("the session was made with them");
    let catalog = MemoryCatalogProvider::new();
    let registered = catalog
        .register_schema("pg_catalog", catalog::schema(tables.clone()))
        .and_then(|_| catalog.register_schema(SCHEMA, tables));
    registered.expect("a catalog in memory takes schemas");
    let list = MemoryCatalogProviderList::new();
    list.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
    let state = SessionStateBuilder::new_from_existing(main.state())
        .with_catalog_list(Arc::new(list))
        .build();
    let context = SessionContext::new_with_state(state);
    functions::register(&context);
    context
}

/// Puts what DataFusion does not know in words that it does.
pub(super) fn rewritten(mut statement: Statement) -> Result<Statement, DataFusionError> {
    if let Statement::Statement(statement) = &mut statement {
        rewrite::rewrite(statement)?;
    }
    Ok(statement)
}

#[cfg(test)]
mod tests;

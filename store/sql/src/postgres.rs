//! What Postgres clients need: the dialect, the tables of `pg_catalog` that they
//! read, and the functions that they call. All of it is in a separate session, so
//! that it does not appear at the other endpoints.

mod arrays;
mod catalog;
mod functions;
mod rewrite;
mod settings;

use std::sync::Arc;

use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
};
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;

pub use arrays::OID_ELEMENT;
pub(crate) use arrays::{scalar as array, with_parameter_types};
pub use settings::{POSTGRES_VERSION, postgres_setting};

use crate::functions::{CATALOG, SCHEMA};

/// A session with the tables of `main` and with the tables of Postgres.
pub(crate) fn template(main: &SessionContext) -> SessionContext {
    let tables = main
        .catalog(CATALOG)
        .and_then(|catalog| catalog.schema(SCHEMA))
        .expect("the session was created with them");
    let catalog = MemoryCatalogProvider::new();
    let registered = catalog
        .register_schema("pg_catalog", catalog::schema(tables.clone()))
        .and_then(|_| catalog.register_schema(SCHEMA, tables.clone()));
    registered.expect("a catalog in memory takes schemas");
    let list = MemoryCatalogProviderList::new();
    list.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
    let state = SessionStateBuilder::new_from_existing(main.state())
        .with_catalog_list(Arc::new(list))
        .build();
    let context = SessionContext::new_with_state(state);
    functions::register(&context, &tables);
    context
}

/// Rewrites what DataFusion does not understand.
pub(crate) fn rewritten(mut statement: Statement) -> Result<Statement, DataFusionError> {
    if let Statement::Statement(statement) = &mut statement {
        rewrite::rewrite(statement)?;
    }
    Ok(statement)
}

/// A column's name as clients get it.
pub(crate) fn column_name(name: &str) -> &str {
    rewrite::shown(name)
}

#[cfg(test)]
mod tests;

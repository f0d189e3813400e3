//! Statements and cursors that a connection keeps by name in pgwire's store.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use pgwire::api::portal::Portal;
use pgwire::api::stmt::StoredStatement;
use pgwire::api::store::PortalStore;
use pgwire::api::{ClientInfo, ClientPortalStore};
use pgwire::error::PgWireResult;

use super::command::Command;
use super::cursors::Cursors;
use super::statement::{Statement, failure};

/// Prepared statements of one connection.
const MAX_STATEMENTS: usize = 1_000;

/// The names of the statements that a connection has prepared.
#[derive(Debug, Default)]
struct Statements(Mutex<HashSet<String>>);

fn statements<C: ClientInfo>(client: &C) -> Arc<Statements> {
    let extensions = client.session_extensions();
    extensions.get_or_insert_with(Statements::default)
}

/// Forgets prepared statements and cursors that a command ends.
pub(super) fn forget<C>(client: &C, command: &Command)
where
    C: ClientInfo + ClientPortalStore,
    C::PortalStore: PortalStore,
{
    let statements = statements(client);
    let mut names = statements.0.lock();
    let forgotten: Vec<String> = match command {
        Command::Deallocate(Some(name)) => names.take(name).into_iter().collect(),
        Command::Deallocate(None) | Command::DiscardAll => names.drain().collect(),
        _ => return,
    };
    for name in forgotten {
        client.portal_store().rm_statement(&name);
    }
}

/// Notes a statement that is about to be prepared.
pub(super) fn remember<C: ClientInfo>(client: &C, name: &str) -> PgWireResult<()> {
    let statements = statements(client);
    let mut names = statements.0.lock();
    if names.len() >= MAX_STATEMENTS && !names.contains(name) {
        let message =
            format!("this connection has prepared {MAX_STATEMENTS} statements; close some");
        return Err(failure("53400", message));
    }
    names.insert(name.to_owned());
    Ok(())
}

pub(super) fn forget_statement<C>(client: &C, name: &str)
where
    C: ClientInfo + ClientPortalStore,
    C::PortalStore: PortalStore,
{
    client.portal_store().rm_statement(name);
    statements(client).0.lock().remove(name);
}

/// A cursor is a portal for clients that ask for its columns by its name.
pub(super) fn describe_as_portal<C>(client: &C, name: &str, cursors: &Cursors)
where
    C: ClientInfo + ClientPortalStore,
    C::PortalStore: PortalStore<Statement = Statement>,
{
    let fetch = Statement::Fetch {
        name: name.to_owned(),
        rows: None,
        schema: cursors.schema(name),
    };
    let stored = StoredStatement::new(name.to_owned(), fetch, Vec::new());
    let portal = Portal::new_cursor(name.to_owned(), Arc::new(stored));
    client.portal_store().put_portal(Arc::new(portal));
}

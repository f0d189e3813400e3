//! The tables of the shadow database and the changes within one transaction. The
//! layout is drawn in [`crate::shadow_store`].

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use redb::{ReadableTable, TableDefinition, WriteTransaction};
use weir_kv::Database;
use weir_model::Position;
use weir_shadow_document::{Document, VERSION_KEPT_S};

use crate::store_error::StoreError;

type Key = (&'static str, &'static str);

pub(crate) const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
pub(crate) const SHADOWS: TableDefinition<Key, &[u8]> = TableDefinition::new("shadows");
pub(crate) const DELETED: TableDefinition<Key, &[u8]> = TableDefinition::new("deleted");
pub(crate) const EXPIRY: TableDefinition<(i64, &str, &str), ()> = TableDefinition::new("expiry");

const FORMAT: u64 = 1;
/// redb's default is 1 GiB.
const CACHE_BYTES: usize = 64 << 20;
/// Most versions of deleted shadows that one transaction removes.
const EXPIRE_PER_BATCH: usize = 1_000;

/// Opens or creates the database; returns it with the stored position.
pub(crate) fn open(path: &Path) -> Result<(Database, u64), StoreError> {
    let database = weir_kv::open(path, CACHE_BYTES)?;
    let position = prepare(&database, path)?;
    Ok((database, position))
}

/// Creates the tables and checks the format; returns the stored position.
fn prepare(database: &Database, path: &Path) -> Result<u64, StoreError> {
    match database.begin_read()?.open_table(META) {
        Ok(meta) => {
            let found = meta.get("format")?.map_or(0, |format| format.value());
            if found == FORMAT {
                return Ok(meta.get("position")?.map_or(0, |position| position.value()));
            }
            let path = path.to_owned();
            return Err(StoreError::Format {
                path,
                found,
                supported: FORMAT,
            });
        }
        Err(redb::TableError::TableDoesNotExist(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let txn = database.begin_write()?;
    txn.open_table(META)?.insert("format", FORMAT)?;
    txn.open_table(SHADOWS)?;
    txn.open_table(DELETED)?;
    txn.open_table(EXPIRY)?;
    txn.commit()?;
    Ok(0)
}

/// Moves the stored position forward; false if it is there already.
pub(crate) fn advance(txn: &WriteTransaction, position: Position) -> Result<bool, StoreError> {
    let mut meta = txn.open_table(META)?;
    if meta
        .get("position")?
        .is_some_and(|stored| position.0 <= stored.value())
    {
        return Ok(false);
    }
    meta.insert("position", position.0)?;
    Ok(true)
}

/// The documents of one batch: each is read at its first request and written once,
/// in the order of keys.
#[derive(Debug, Default)]
pub(crate) struct Working<'a>(BTreeMap<(&'a str, &'a str), Loaded>);

/// A document of the batch.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) document: Document,
    pub(crate) changed: bool,
    /// The time of its deletion when it was loaded: its entry in `expiry`.
    was_deleted_at: Option<i64>,
}

impl<'a> Working<'a> {
    pub(crate) fn get(
        &mut self,
        key: (&'a str, &'a str),
        shadows: &impl ReadableTable<Key, &'static [u8]>,
        deleted: &impl ReadableTable<Key, &'static [u8]>,
    ) -> Result<&mut Loaded, StoreError> {
        match self.0.entry(key) {
            Entry::Occupied(present) => Ok(present.into_mut()),
            Entry::Vacant(new) => {
                let bytes = match shadows.get(key)? {
                    Some(bytes) => Some(bytes),
                    None => deleted.get(key)?,
                };
                let document = bytes
                    .map(|bytes| postcard::from_bytes(bytes.value()))
                    .transpose()?;
                let document: Document = document.unwrap_or_default();
                let was_deleted_at = document.deleted_at();
                Ok(new.insert(Loaded {
                    document,
                    changed: false,
                    was_deleted_at,
                }))
            }
        }
    }

    pub(crate) fn write(self, txn: &WriteTransaction) -> Result<(), StoreError> {
        let mut shadows = txn.open_table(SHADOWS)?;
        let mut deleted = txn.open_table(DELETED)?;
        let mut expiry = txn.open_table(EXPIRY)?;
        for ((thing, name), shadow) in self.0.into_iter().filter(|(_, shadow)| shadow.changed) {
            if let Some(at) = shadow.was_deleted_at {
                expiry.remove((at, thing, name))?;
                deleted.remove((thing, name))?;
            }
            let bytes = postcard::to_stdvec(&shadow.document)?;
            if let Some(at) = shadow.document.deleted_at() {
                shadows.remove((thing, name))?;
                deleted.insert((thing, name), &*bytes)?;
                expiry.insert((at, thing, name), ())?;
            } else {
                shadows.insert((thing, name), &*bytes)?;
            }
        }
        Ok(())
    }
}

/// Removes the versions of shadows that were deleted long ago.
pub(crate) fn delete_expired(txn: &WriteTransaction, now_s: i64) -> Result<(), StoreError> {
    let mut expiry = txn.open_table(EXPIRY)?;
    let mut deleted = txn.open_table(DELETED)?;
    for _ in 0..EXPIRE_PER_BATCH {
        let first = expiry.first()?.map(|(key, _)| {
            let (at, thing, name) = key.value();
            (at, thing.to_owned(), name.to_owned())
        });
        let Some((at, thing, name)) = first else {
            break;
        };
        if now_s.saturating_sub(at) < VERSION_KEPT_S {
            break;
        }
        expiry.remove((at, thing.as_str(), name.as_str()))?;
        deleted.remove((thing.as_str(), name.as_str()))?;
    }
    Ok(())
}

//! Interned names: everything after the decoder uses dense indexes and looks a name up
//! only to print it.
//!
//! The engine is the only writer. Indexes are assigned in the order of the journal, so
//! a replay assigns the same ones.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::{Deserialize, Serialize};

macro_rules! index_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index_type!(
    /// A device in the [`Catalog`].
    DeviceIx
);
index_type!(
    /// A [`Column`] in the [`Catalog`].
    ColumnIx
);
index_type!(
    /// A location in the [`Catalog`]; index 0 is "none".
    LocationIx
);

/// What kind of value a column holds. Booleans are numbers, 1 and 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueKind {
    Number,
    Text,
}

/// One sensor name in one unit with one kind of value: what the store keeps in
/// one column. It is shared by all devices that send such a sensor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Column {
    pub sensor: Arc<str>,
    pub unit: Option<Arc<str>>,
    pub kind: ValueKind,
}

/// The append-only name tables. Cheap to share; a reader sees every index that it
/// can have received.
#[derive(Debug, Default)]
pub struct Catalog {
    devices: RwLock<Vec<Arc<str>>>,
    columns: RwLock<Vec<Arc<Column>>>,
    locations: RwLock<Vec<Arc<str>>>,
}

/// The three tables as plain values, to be kept in a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogTables {
    pub devices: Vec<Arc<str>>,
    pub columns: Vec<Arc<Column>>,
    pub locations: Vec<Arc<str>>,
}

impl Catalog {
    /// An empty catalog; location 0 is the empty text, "none".
    pub fn new() -> Self {
        Self::from_tables(CatalogTables {
            locations: vec!["".into()],
            ..Default::default()
        })
    }

    pub fn from_tables(tables: CatalogTables) -> Self {
        Self {
            devices: RwLock::new(tables.devices),
            columns: RwLock::new(tables.columns),
            locations: RwLock::new(tables.locations),
        }
    }

    pub fn to_tables(&self) -> CatalogTables {
        CatalogTables {
            devices: read(&self.devices).clone(),
            columns: read(&self.columns).clone(),
            locations: read(&self.locations).clone(),
        }
    }

    /// Assigns the next index to a device. The caller knows that it is new.
    pub fn add_device(&self, name: Arc<str>) -> DeviceIx {
        DeviceIx(push(&self.devices, name))
    }

    pub fn add_column(&self, column: Arc<Column>) -> ColumnIx {
        ColumnIx(push(&self.columns, column))
    }

    pub fn add_location(&self, name: Arc<str>) -> LocationIx {
        LocationIx(push(&self.locations, name))
    }

    pub fn device(&self, ix: DeviceIx) -> Arc<str> {
        read(&self.devices)[ix.index()].clone()
    }

    pub fn column(&self, ix: ColumnIx) -> Arc<Column> {
        read(&self.columns)[ix.index()].clone()
    }

    pub fn location(&self, ix: LocationIx) -> Arc<str> {
        read(&self.locations)[ix.index()].clone()
    }

    /// The device names, for a loop over many. Adding names waits while it is held.
    pub fn devices(&self) -> RwLockReadGuard<'_, Vec<Arc<str>>> {
        read(&self.devices)
    }

    pub fn columns(&self) -> RwLockReadGuard<'_, Vec<Arc<Column>>> {
        read(&self.columns)
    }

    pub fn locations(&self) -> RwLockReadGuard<'_, Vec<Arc<str>>> {
        read(&self.locations)
    }
}

fn read<T>(table: &RwLock<Vec<T>>) -> RwLockReadGuard<'_, Vec<T>> {
    table.read().unwrap_or_else(PoisonError::into_inner)
}

fn push<T>(table: &RwLock<Vec<T>>, item: T) -> u32 {
    let mut table: RwLockWriteGuard<'_, Vec<T>> =
        table.write().unwrap_or_else(PoisonError::into_inner);
    table.push(item);
    u32::try_from(table.len() - 1).expect("the engine caps the number of names far below 2^32")
}

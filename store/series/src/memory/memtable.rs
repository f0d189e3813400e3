//! The rows appended since the last checkpoint.
//!
//! The steady path: a device sends the same columns as last time, so its row goes to
//! the same buffer and each cell to the same column. Nothing is hashed, and only the
//! growth of the columns allocates. Other rows (another set of columns, a late row)
//! take the slow path in `late.rs`.

use std::sync::Arc;

use hashbrown::HashMap;
use weir_model::{Catalog, Cell, Column, ColumnIx, Flags, Row, RowBatch, Value, ValueKind};

use crate::memory::buffer::{Buffer, RowHead, RowRef};
use crate::scalar::Scalar;

/// Device kinds with a buffer and a file of their own; rows of further kinds share
/// the narrow buffer.
pub(crate) const MAX_KINDS: usize = 200;
/// A row with more columns goes to the narrow buffer.
const MAX_COLUMNS: usize = 1_024;
/// Cached sequences of columns.
const MAX_SHAPES: usize = 4_096;

pub(crate) const NARROW: u32 = 0;
/// The shape of a device without rows, and of rows without a shape.
const NO_SHAPE: u32 = 0;

type Map<K, V> = HashMap<K, V, ahash::RandomState>;

/// A sequence of columns as rows have it, and the destination of its cells.
#[derive(Debug)]
pub(crate) struct Shape {
    columns: Box<[ColumnIx]>,
    /// The column of the buffer for each cell.
    pub(crate) slots: Box<[u32]>,
    pub(crate) buffer: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceState {
    shape: u32,
    /// The newest row in memory; the others follow by [`RowHead::previous`].
    pub(crate) last: RowRef,
    /// Its rows are in [`MemTable::by_time`].
    pub(crate) indexed: bool,
}

impl DeviceState {
    const NEW: Self = Self {
        shape: NO_SHAPE,
        last: RowRef::NONE,
        indexed: false,
    };
}

/// The rows of one device at one time, nearly always one.
#[derive(Clone, Debug)]
pub(crate) struct RowsAt {
    pub(crate) first: RowRef,
    pub(crate) more: Vec<RowRef>,
}

impl RowsAt {
    pub(crate) fn iter(&self) -> impl Iterator<Item = RowRef> + '_ {
        std::iter::once(self.first).chain(self.more.iter().copied())
    }
}

/// Numbers of sensors: columns of one sensor in different units or kinds have the
/// same number.
#[derive(Debug, Default)]
pub(crate) struct Sensors {
    numbers: Map<Arc<str>, u32>,
    of_column: Vec<u32>,
    kinds: Vec<ValueKind>,
}

impl Sensors {
    /// Adds the columns that are new in the catalog.
    pub(crate) fn learn(&mut self, columns: &[Arc<Column>]) {
        for column in columns.iter().skip(self.of_column.len()) {
            let next = u32::try_from(self.numbers.len()).expect("fewer sensors than columns");
            let number = *self.numbers.entry(column.sensor.clone()).or_insert(next);
            self.of_column.push(number);
            self.kinds.push(column.kind);
        }
    }

    pub(crate) fn of(&self, column: ColumnIx) -> u32 {
        self.of_column[column.index()]
    }

    fn knows(&self, column: ColumnIx) -> bool {
        column.index() < self.of_column.len()
    }
}

#[derive(Debug)]
pub(crate) struct MemTable {
    /// The first is the narrow buffer.
    pub(crate) buffers: Vec<Buffer>,
    pub(crate) shapes: Vec<Shape>,
    shape_of: Map<Box<[ColumnIx]>, u32>,
    buffer_of: Map<Box<[ColumnIx]>, u32>,
    pub(crate) devices: Vec<DeviceState>,
    /// Rows of the devices that have sent a late row since the checkpoint.
    pub(crate) by_time: Map<(u32, i64), RowsAt>,
    pub(crate) sensors: Sensors,
    pub(crate) readings: usize,
    key: Vec<ColumnIx>,
}

impl Default for MemTable {
    fn default() -> Self {
        let mut memory = Self {
            buffers: Vec::new(),
            shapes: Vec::new(),
            shape_of: Map::default(),
            buffer_of: Map::default(),
            devices: Vec::new(),
            by_time: Map::default(),
            sensors: Sensors::default(),
            readings: 0,
            key: Vec::new(),
        };
        memory.forget_kinds();
        memory
    }
}

impl MemTable {
    /// Removes all rows after a checkpoint.
    pub(crate) fn clear(&mut self) {
        for buffer in &mut self.buffers {
            buffer.clear();
        }
        for device in &mut self.devices {
            device.last = RowRef::NONE;
            device.indexed = false;
        }
        self.by_time = Map::default();
        self.readings = 0;
        if self.buffers.len() > MAX_KINDS / 2 || self.shapes.len() > MAX_SHAPES / 2 {
            self.forget_kinds();
        }
    }

    /// Forgets all kinds, so that unused kinds do not block new ones.
    fn forget_kinds(&mut self) {
        self.buffers = vec![Buffer::narrow()];
        self.shapes = vec![Shape {
            columns: [].into(),
            slots: [].into(),
            buffer: NARROW,
        }];
        self.shape_of.clear();
        self.buffer_of.clear();
        for device in &mut self.devices {
            device.shape = NO_SHAPE;
        }
    }

    pub(crate) fn device(&mut self, device: u32) -> &mut DeviceState {
        let index = device as usize;
        if index >= self.devices.len() {
            self.devices.resize(index + 1, DeviceState::NEW);
        }
        &mut self.devices[index]
    }

    /// Appends a row whose cells are all new.
    pub(crate) fn append(&mut self, row: &Row, batch: &RowBatch, catalog: &Catalog) {
        let cells = batch.cells_of(row);
        let shape = self.shape(row.device.0, cells, catalog);
        self.append_shaped(row, cells, batch, shape);
    }

    /// The shape of these cells. Fast when the device sent the same last time.
    pub(crate) fn shape(&mut self, device: u32, cells: &[Cell], catalog: &Catalog) -> u32 {
        let last = self.device(device).shape;
        let known = &self.shapes[last as usize].columns;
        if known.len() == cells.len()
            && known
                .iter()
                .zip(cells)
                .all(|(column, cell)| *column == cell.column)
        {
            return last;
        }
        let shape = self.find_shape(cells, catalog);
        self.device(device).shape = shape;
        shape
    }

    fn find_shape(&mut self, cells: &[Cell], catalog: &Catalog) -> u32 {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        key.extend(cells.iter().map(|cell| cell.column));
        if !key.iter().all(|column| self.sensors.knows(*column)) {
            self.sensors.learn(&catalog.columns());
        }
        let known = self.shape_of.get(key.as_slice()).copied();
        let shape = known.unwrap_or_else(|| self.add_shape(&key));
        self.key = key;
        shape
    }

    fn add_shape(&mut self, columns: &[ColumnIx]) -> u32 {
        let mut sorted = columns.to_vec();
        sorted.sort_unstable();
        let repeats = sorted.windows(2).any(|pair| pair[0] == pair[1]);
        if repeats || columns.len() > MAX_COLUMNS || self.shapes.len() >= MAX_SHAPES {
            return NO_SHAPE;
        }
        let buffer = match self.buffer_of.get(sorted.as_slice()) {
            Some(buffer) => *buffer,
            None if self.buffers.len() > MAX_KINDS => return NO_SHAPE,
            None => self.add_buffer(&sorted),
        };
        let slots = columns.iter().map(|column| {
            let slot = sorted
                .binary_search(column)
                .expect("both lists have the same columns");
            u32::try_from(slot).expect("there are at most MAX_COLUMNS")
        });
        let slots = slots.collect();
        let number = u32::try_from(self.shapes.len()).expect("there are at most MAX_SHAPES");
        self.shapes.push(Shape {
            columns: columns.into(),
            slots,
            buffer,
        });
        self.shape_of.insert(columns.into(), number);
        number
    }

    fn add_buffer(&mut self, sorted: &[ColumnIx]) -> u32 {
        let sensors = sorted
            .iter()
            .map(|column| self.sensors.of(*column))
            .collect();
        let kinds = sorted
            .iter()
            .map(|column| self.sensors.kinds[column.index()])
            .collect();
        let number = u32::try_from(self.buffers.len()).expect("there are at most MAX_KINDS");
        self.buffers
            .push(Buffer::wide(sorted.into(), sensors, kinds));
        self.buffer_of.insert(sorted.into(), number);
        number
    }

    pub(crate) fn append_shaped(
        &mut self,
        row: &Row,
        cells: &[Cell],
        batch: &RowBatch,
        shape: u32,
    ) {
        self.readings += cells.len();
        if shape == NO_SHAPE {
            for cell in cells {
                self.append_narrow(row, cell.column, scalar(cell.value, batch));
            }
            return;
        }
        let head = self.head(row);
        let Shape { slots, buffer, .. } = &self.shapes[shape as usize];
        let buffer = *buffer;
        let values = slots
            .iter()
            .zip(cells)
            .map(|(slot, cell)| (*slot, scalar(cell.value, batch)));
        let number = self.buffers[buffer as usize].push(&head, values, true);
        self.link(
            row,
            RowRef {
                buffer,
                row: number,
            },
        );
    }

    /// Appends a row with some of the cells of its shape.
    pub(crate) fn append_partial(
        &mut self,
        row: &Row,
        cells: &[Cell],
        fresh: &[usize],
        batch: &RowBatch,
        shape: u32,
    ) {
        self.readings += fresh.len();
        if shape == NO_SHAPE {
            for index in fresh {
                self.append_narrow(
                    row,
                    cells[*index].column,
                    scalar(cells[*index].value, batch),
                );
            }
            return;
        }
        let head = self.head(row);
        let Shape { slots, buffer, .. } = &self.shapes[shape as usize];
        let buffer = *buffer;
        let values = fresh
            .iter()
            .map(|index| (slots[*index], scalar(cells[*index].value, batch)));
        let number = self.buffers[buffer as usize].push(&head, values, false);
        self.link(
            row,
            RowRef {
                buffer,
                row: number,
            },
        );
    }

    fn append_narrow(&mut self, row: &Row, column: ColumnIx, value: Scalar<'_>) {
        let head = self.head(row);
        let number = self.buffers[NARROW as usize].push_narrow(&head, column, value);
        self.link(
            row,
            RowRef {
                buffer: NARROW,
                row: number,
            },
        );
    }

    fn head(&mut self, row: &Row) -> RowHead {
        RowHead {
            time: row.time.0,
            device: row.device.0,
            location: row.location.0,
            flags: row.flags.0,
            previous: self.device(row.device.0).last,
        }
    }

    /// Makes a new row the newest of its device.
    fn link(&mut self, row: &Row, at: RowRef) {
        let device = self.device(row.device.0);
        device.last = at;
        if device.indexed {
            self.index(row.device.0, row.time.0, at);
        }
    }

    pub(crate) fn index(&mut self, device: u32, time: i64, at: RowRef) {
        self.by_time
            .entry((device, time))
            .and_modify(|rows| rows.more.push(at))
            .or_insert(RowsAt {
                first: at,
                more: Vec::new(),
            });
    }
}

pub(crate) fn is_late(row: &Row) -> bool {
    row.flags.contains(Flags::LATE)
}

pub(crate) fn scalar(value: Value, batch: &RowBatch) -> Scalar<'_> {
    match value {
        // DECIMAL has no minus zero: it would make the column DOUBLE.
        Value::Number(number) => Scalar::Number(number + 0.0),
        Value::Text(index) => Scalar::Text(&batch.texts[index as usize]),
    }
}

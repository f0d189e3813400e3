//! Stores a late reading once: looks it up in memory and in the files before it is
//! appended. The key is (device, sensor, time).
//!
//! A reading with the same value is a repetition. One with another value is a
//! conflict, and the last value wins: in memory at once, in a file by a patch with
//! which the next checkpoint rewrites the file. Until then queries return the file's
//! value.

use std::sync::Arc;

use weir_model::{Catalog, Cell, Column, Row, RowBatch};

use crate::file::key_index::KeyIndex;
use crate::file::layout::Layout;
use crate::file::patch::{Patch, Patches};
use crate::file::segment::{Segment, SegmentError};
use crate::memory::buffer::RowRef;
use crate::memory::memtable::{self, MemTable, RowsAt};
use crate::scalar::Scalar;

/// Outcome of the cells of a late row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LateOutcome {
    pub(crate) stored: u64,
    pub(crate) deduplicated: u64,
    pub(crate) conflicts: u64,
}

/// Result of looking up a cell.
enum Found {
    Nowhere,
    Same,
    /// Another value was stored and has been overwritten.
    Replaced,
    /// A value in another unit or kind was stored and has been removed: the new value
    /// is appended.
    Removed,
}

/// The data that a look-up needs.
pub(crate) struct Late<'a> {
    pub(crate) memory: &'a mut MemTable,
    pub(crate) segments: &'a [Arc<Segment>],
    pub(crate) keys: &'a mut KeyIndex,
    pub(crate) patches: &'a mut Patches,
    pub(crate) catalog: &'a Catalog,
    /// Called for files that are found to be damaged.
    pub(crate) damaged: &'a mut dyn FnMut(&Arc<Segment>, &SegmentError),
}

impl Late<'_> {
    pub(crate) fn append(&mut self, row: &Row, batch: &RowBatch) -> LateOutcome {
        let cells = batch.cells_of(row);
        let shape = self.memory.shape(row.device.0, cells, self.catalog);
        self.memory.sensors.learn(&self.catalog.columns());
        self.index_device(row.device.0);
        let in_memory = self
            .memory
            .by_time
            .get(&(row.device.0, row.time.0))
            .cloned();
        let in_files = self.rows_in_files(row);

        let mut outcome = LateOutcome::default();
        let mut fresh: Vec<usize> = Vec::new();
        for (index, cell) in cells.iter().enumerate() {
            let value = memtable::scalar(cell.value, batch);
            let mut found = self.repeats_in_row(cells, &mut fresh, index, batch);
            if let (Found::Nowhere, Some(rows)) = (&found, &in_memory) {
                found = self.find_in_memory(rows, cell, value);
            }
            if let Found::Nowhere = found {
                found = self.find_in_files(&in_files, cell, value);
            }
            match found {
                Found::Nowhere => {
                    outcome.stored += 1;
                    fresh.push(index);
                }
                Found::Same => outcome.deduplicated += 1,
                Found::Replaced => {
                    outcome.deduplicated += 1;
                    outcome.conflicts += 1;
                }
                Found::Removed => {
                    outcome.deduplicated += 1;
                    outcome.conflicts += 1;
                    fresh.push(index);
                }
            }
        }
        if !fresh.is_empty() {
            self.memory.append_partial(row, cells, &fresh, batch, shape);
        }
        outcome
    }

    /// Indexes the rows of a device by time, at its first late row.
    fn index_device(&mut self, device: u32) {
        let state = self.memory.device(device);
        if state.indexed {
            return;
        }
        state.indexed = true;
        let mut at = state.last;
        while at != RowRef::NONE {
            let (chunk, offset) = self.memory.buffers[at.buffer as usize].chunk_of(at.row);
            let (time, previous) = (chunk.time[offset], chunk.previous[offset]);
            self.memory.index(device, time, at);
            at = previous;
        }
    }

    /// Looks for the same sensor earlier in the same row: only the last value counts.
    fn repeats_in_row(
        &self,
        cells: &[Cell],
        fresh: &mut [usize],
        index: usize,
        batch: &RowBatch,
    ) -> Found {
        let sensor = self.memory.sensors.of(cells[index].column);
        let earlier = fresh
            .iter_mut()
            .find(|other| self.memory.sensors.of(cells[**other].column) == sensor);
        let Some(earlier) = earlier else {
            return Found::Nowhere;
        };
        let same = cells[*earlier].column == cells[index].column
            && memtable::scalar(cells[*earlier].value, batch)
                == memtable::scalar(cells[index].value, batch);
        *earlier = index;
        if same { Found::Same } else { Found::Replaced }
    }

    fn find_in_memory(&mut self, rows: &RowsAt, cell: &Cell, value: Scalar<'_>) -> Found {
        let sensor = self.memory.sensors.of(cell.column);
        for at in rows.iter() {
            let buffer = &mut self.memory.buffers[at.buffer as usize];
            if buffer.narrow {
                let (chunk, offset) = buffer.chunk_of(at.row);
                let column = weir_model::ColumnIx(chunk.series[offset]);
                if self.memory.sensors.of(column) == sensor
                    && let Some(before) = buffer.get(at.row, 0)
                {
                    if column == cell.column && before == value {
                        return Found::Same;
                    }
                    let same_column = column == cell.column;
                    buffer.set(at.row, 0, same_column.then_some(value));
                    return self.overwritten(same_column);
                }
                continue;
            }
            for slot in 0..buffer.columns.len() {
                if buffer.sensors[slot] != sensor {
                    continue;
                }
                let Some(before) = buffer.get(at.row, slot) else {
                    continue;
                };
                let same_column = buffer.columns[slot] == cell.column;
                if same_column && before == value {
                    return Found::Same;
                }
                buffer.set(at.row, slot, same_column.then_some(value));
                return self.overwritten(same_column);
            }
        }
        Found::Nowhere
    }

    fn overwritten(&mut self, same_column: bool) -> Found {
        if same_column {
            return Found::Replaced;
        }
        self.memory.readings -= 1;
        Found::Removed
    }

    /// The rows with the device and time of `row` in files.
    fn rows_in_files(&mut self, row: &Row) -> Vec<(Arc<Segment>, usize)> {
        let time = row.time.0;
        let covers = |segment: &&Arc<Segment>| {
            segment.entry.min_time <= time
                && time <= segment.entry.max_time
                && !segment.is_damaged()
        };
        let mut found = Vec::new();
        let mut device = None;
        for segment in self.segments.iter().filter(covers) {
            let device = device.get_or_insert_with(|| self.catalog.device(row.device));
            match self.keys.rows(segment, device, time) {
                Ok(rows) => found.extend(rows.map(|row| (segment.clone(), row))),
                Err(error) => (self.damaged)(segment, &error),
            }
        }
        found
    }

    fn find_in_files(
        &mut self,
        rows: &[(Arc<Segment>, usize)],
        cell: &Cell,
        value: Scalar<'_>,
    ) -> Found {
        if rows.is_empty() {
            return Found::Nowhere;
        }
        let column = self.catalog.column(cell.column);
        for (segment, row) in rows {
            match self.find_in_file(segment, *row, &column, value) {
                Ok(Found::Nowhere) => {}
                Ok(found) => return found,
                Err(error) => (self.damaged)(segment, &error),
            }
        }
        Found::Nowhere
    }

    fn find_in_file(
        &mut self,
        segment: &Arc<Segment>,
        row: usize,
        column: &Column,
        value: Scalar<'_>,
    ) -> Result<Found, SegmentError> {
        // Each candidate cell, and whether sensor, unit and kind are the same. The
        // unit is not compared in a narrow file.
        let candidates: Vec<(usize, bool)> = match &segment.layout {
            Layout::Wide(columns) => columns
                .iter()
                .enumerate()
                .filter(|(_, other)| other.sensor == column.sensor)
                .map(|(at, other)| (at, **other == *column))
                .collect(),
            Layout::Narrow if *self.keys.sensor(segment, row)? != *column.sensor => Vec::new(),
            // Roll-ups hold no readings.
            Layout::Rollup => Vec::new(),
            Layout::Narrow => (0..2)
                .map(|at| (at, segment.layout.kind(at) == value.kind()))
                .collect(),
        };
        for (at, same_column) in candidates {
            let patched = self
                .patches
                .get(&segment.entry.id)
                .and_then(|all| all.get(&(row, at)));
            let before = match patched {
                Some(patch) => patch.value(),
                None => self.keys.value(segment, row, at)?,
            };
            let Some(before) = before else { continue };
            if same_column && before == value {
                return Ok(Found::Same);
            }
            let patch = if same_column {
                Patch::of(value)
            } else {
                Patch::Remove
            };
            self.patches
                .entry(segment.entry.id)
                .or_default()
                .insert((row, at), patch);
            return Ok(if same_column {
                Found::Replaced
            } else {
                Found::Removed
            });
        }
        Ok(Found::Nowhere)
    }
}

//! Rows of one message: readings that share device, time, location and flags
//! share a row.
//!
//! Cells are appended as they come, which is all for most messages. Only when a
//! message alternates between rows are its cells sorted.

use weir_model::{Cell, DeviceIx, Flags, LocationIx, Position, Row, RowBatch, Timestamp};

use crate::state::index::SeriesIx;
use crate::state::tables::Series;

/// What the readings of a row share, ordered by time first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowKey {
    pub(crate) time: Timestamp,
    pub(crate) device: DeviceIx,
    pub(crate) location: LocationIx,
    pub(crate) flags: Flags,
}

impl RowKey {
    fn of(row: &Row) -> Self {
        Self {
            time: row.time,
            device: row.device,
            location: row.location,
            flags: row.flags,
        }
    }
}

/// Builds the rows of one message after the other.
#[derive(Debug, Default)]
pub(crate) struct RowBuilder {
    position: Position,
    first_row: usize,
    first_cell: usize,
    /// Numbers the rows ever built: [`Series::row`] is compared with it.
    row: u64,
    /// Numbers the events ever seen: [`Series::event`] is compared with it.
    event: u64,
    /// The series of the message's cells.
    series: Vec<SeriesIx>,
}

impl RowBuilder {
    pub(crate) fn begin(&mut self, position: Position, batch: &RowBatch) {
        self.position = position;
        self.first_row = batch.rows.len();
        self.first_cell = batch.cells.len();
        self.series.clear();
    }

    /// A number of its own for the event whose readings follow.
    pub(crate) fn begin_event(&mut self) -> u64 {
        self.event += 1;
        self.event
    }

    #[inline]
    pub(crate) fn push(
        &mut self,
        batch: &mut RowBatch,
        key: RowKey,
        ix: SeriesIx,
        series: &mut Series,
        cell: Cell,
    ) {
        let open = batch.rows[self.first_row..].last();
        if open.is_none_or(|row| RowKey::of(row) != key) || series.row == self.row {
            self.open_row(batch, key, batch.cells.len());
        }
        series.row = self.row;
        series.event = self.event;
        self.series.push(ix);
        batch.cells.push(cell);
        if let Some(row) = batch.rows.last_mut() {
            row.cell_count += 1;
        }
    }

    /// Merges the rows that share a key.
    pub(crate) fn finish(&mut self, batch: &mut RowBatch, all_series: &mut [Series]) {
        let rows = &batch.rows[self.first_row..];
        // Two neighbours always differ, or hold a sensor twice.
        if rows.len() > 2 && !rows.is_sorted_by(|a, b| RowKey::of(a) < RowKey::of(b)) {
            self.regroup(batch, all_series);
        }
    }

    fn open_row(&mut self, batch: &mut RowBatch, key: RowKey, first_cell: usize) {
        self.row += 1;
        batch.rows.push(Row {
            position: self.position,
            device: key.device,
            location: key.location,
            time: key.time,
            flags: key.flags,
            first_cell: u32::try_from(first_cell).expect("a batch is handed on long before 2^32"),
            cell_count: 0,
        });
    }

    #[cold]
    fn regroup(&mut self, batch: &mut RowBatch, all_series: &mut [Series]) {
        let cells = batch.cells.split_off(self.first_cell);
        let rows = batch.rows.split_off(self.first_row);
        let mut order: Vec<(RowKey, usize)> = Vec::with_capacity(cells.len());
        for row in &rows {
            let first = row.first_cell as usize - self.first_cell;
            order.extend((first..first + row.cell_count as usize).map(|at| (RowKey::of(row), at)));
        }
        order.sort_unstable();
        let mut open = None;
        for (key, at) in order {
            let series = &mut all_series[self.series[at].index()];
            if open != Some(key) || series.row == self.row {
                self.open_row(batch, key, batch.cells.len());
                open = Some(key);
            }
            series.row = self.row;
            batch.cells.push(cells[at]);
            if let Some(row) = batch.rows.last_mut() {
                row.cell_count += 1;
            }
        }
    }
}

//! Rows of CSV: one reading a row, or a column per sensor and a reading per cell.

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufReader;

use anyhow::Result;
use weir_backtest::rows::{Field, without_guard};

use super::cells::{Cell, CellReader, CsvRow};
use super::dialect::{Column, CsvOptions, Dialect};
use super::row_error::RowError;
use super::times::NoTime;
use super::{Item, Row, Rows};

pub(super) fn rows(mut file: File, options: &CsvOptions) -> Result<Rows> {
    let dialect = Dialect::of(&mut file, options)?;
    let mut cells = dialect.reader(file);
    cells.next()?; // the header
    Ok(Box::new(CsvRows {
        dialect,
        cells,
        waiting: VecDeque::new(),
    }))
}

struct CsvRows {
    dialect: Dialect,
    cells: CellReader<BufReader<File>>,
    /// Readings of a row that has several.
    waiting: VecDeque<Item>,
}

impl Iterator for CsvRows {
    type Item = Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.waiting.pop_front() {
                return Some(Ok(item));
            }
            match self.cells.next() {
                Ok(None) => return None,
                Ok(Some((line, row))) => self.take(&format!("line {line}"), row),
                Err(error) => return Some(Err(error.into())),
            }
        }
    }
}

impl CsvRows {
    fn take(&mut self, place: &str, row: CsvRow) {
        let columns = &self.dialect.columns;
        let cells = match row {
            CsvRow::Cells(cells) if cells.len() == columns.len() => cells,
            CsvRow::Cells(cells) => {
                let (found, expected) = (cells.len(), columns.len());
                let error = RowError::CellCount { found, expected };
                return self.waiting.push_back((place.to_owned(), Err(error)));
            }
            CsvRow::NotUtf8 => {
                let item = (place.to_owned(), Err(RowError::NotUtf8));
                return self.waiting.push_back(item);
            }
        };
        let row = self.common(&cells);
        let wide = columns
            .iter()
            .any(|column| matches!(column, Column::Sensor { .. }));
        let row = match row {
            Ok(row) if wide => row,
            row => return self.waiting.push_back((place.to_owned(), row)),
        };
        for (column, cell) in columns.iter().zip(&cells) {
            let Column::Sensor { name, unit } = column else {
                continue;
            };
            if cell.is_nothing() {
                continue;
            }
            let mut row = row.clone();
            row.sensor.clone_from(name);
            row.unit.clone_from(unit);
            match cell.text.trim() {
                truth @ ("true" | "false") => truth.clone_into(&mut row.value),
                text => match self.dialect.decimal.number(text) {
                    Some(number) => row.value = format!("{number:?}"),
                    None => row.text = Some(without_guard(&cell.text).to_owned()),
                },
            }
            self.waiting
                .push_back((format!("{place}, {name}"), Ok(row)));
        }
    }

    /// What all readings of a row have in common; of a row of one reading, all of it.
    fn common(&self, cells: &[Cell]) -> Result<Row, RowError> {
        let mut row = Row {
            device: self.dialect.device.clone(),
            ..Row::default()
        };
        for (column, cell) in self.dialect.columns.iter().zip(cells) {
            match column {
                Column::Of(Field::Text) if !cell.is_nothing() => {
                    row.text = Some(without_guard(&cell.text).to_owned());
                }
                Column::Of(Field::Value) => {
                    let text = cell.text.trim();
                    row.value = match self.dialect.decimal.number(text) {
                        Some(number) => format!("{number:?}"),
                        None => text.to_owned(),
                    };
                }
                Column::Of(Field::Time | Field::Text) => {}
                Column::Of(field) => row.set(Some(*field), without_guard(&cell.text)),
                _ => {}
            }
        }
        let time = self.dialect.time(cells);
        if time.is_empty() {
            return Err(RowError::NoTime);
        }
        let read = self.dialect.times.read(&time).map_err(|why| match why {
            NoTime::Unknown => RowError::InvalidTime(time.clone()),
            NoTime::NoZone => RowError::NoZone(time.clone()),
            NoTime::Skipped => RowError::SkippedTime(time.clone()),
        })?;
        row.time = read.time.to_rfc3339();
        row.twice = read.twice;
        Ok(row)
    }
}

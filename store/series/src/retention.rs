//! Retention rules by device, sensor and location.
//!
//! A file holds many devices and sensors. It is dropped once the longest retention of
//! its newest reading is over. Before that, whenever a shorter retention of its newest
//! reading is over, the file is rewritten without the expired cells and rows. So
//! readings are kept at least as long as configured, and longer by at most the time
//! span of a file. Each checkpoint reads one file at most.

use std::collections::HashMap;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute;
use arrow::error::ArrowError;
use weir_model::glob_matches;

use crate::file::layout::{self, Layout};

/// The retention rules. The default has none: the store's own retention applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    rules: Vec<weir_config::Retention>,
}

/// Nanoseconds.
fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl Rules {
    pub(crate) fn new(rules: &[weir_config::Retention]) -> Self {
        Self {
            rules: rules.to_vec(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The longest retention.
    pub(crate) fn longest(&self, default: i64) -> i64 {
        self.levels(default).last().copied().unwrap_or(default)
    }

    /// All distinct retentions, ascending, in nanoseconds.
    pub(crate) fn levels(&self, default: i64) -> Vec<i64> {
        let mut levels: Vec<i64> = self.rules.iter().map(|rule| nanos(rule.keep)).collect();
        levels.push(default);
        levels.sort_unstable();
        levels.dedup();
        levels
    }

    /// The retention of one reading.
    fn keep(&self, device: &str, sensor: &str, location: Option<&str>, default: i64) -> i64 {
        let fits = |glob: &Option<String>, name: &str| {
            glob.as_deref().is_none_or(|glob| glob_matches(glob, name))
        };
        let rule = self.rules.iter().find(|rule| {
            fits(&rule.device, device)
                && fits(&rule.sensor, sensor)
                && fits(&rule.location, location.unwrap_or_default())
        });
        rule.map_or(default, |rule| nanos(rule.keep))
    }

    /// Splits rows into those that are kept for longer than `over` and the others;
    /// `None` when all are kept.
    pub(crate) fn split(
        &self,
        layout: &Layout,
        rows: &RecordBatch,
        default: i64,
        over: i64,
    ) -> Result<Option<[RecordBatch; 2]>, ArrowError> {
        let mut kept: Vec<ArrayRef> = rows.columns().to_vec();
        let mut gone = kept.clone();
        let first = layout.first_value();
        let mut expired_any = false;
        for value in 0..layout.values() {
            let expired = self.expired(layout, rows, value, default, over);
            let cells = rows.column(first + value);
            let expired = compute::and(&expired, &compute::is_not_null(cells)?)?;
            expired_any |= expired.true_count() > 0;
            kept[first + value] = compute::nullif(cells, &expired)?;
            gone[first + value] = compute::nullif(cells, &compute::not(&expired)?)?;
        }
        if !expired_any {
            return Ok(None);
        }
        let with_readings = |columns: Vec<ArrayRef>| {
            let batch = RecordBatch::try_new(rows.schema(), columns)?;
            let mut any = BooleanArray::from(vec![false; batch.num_rows()]);
            for cells in &batch.columns()[first..] {
                any = compute::or(&any, &compute::is_not_null(cells)?)?;
            }
            compute::filter_record_batch(&batch, &any)
        };
        Ok(Some([with_readings(kept)?, with_readings(gone)?]))
    }

    /// Which cells of a column are expired.
    fn expired(
        &self,
        layout: &Layout,
        rows: &RecordBatch,
        value: usize,
        default: i64,
        over: i64,
    ) -> BooleanArray {
        let devices = rows.column(layout::DEVICE).as_string_view();
        let locations = rows.column(layout::LOCATION).as_string_view();
        let named = layout
            .names_series()
            .then(|| rows.column(layout::SENSOR).as_string_view());
        // There are few series: the rules are evaluated once for each.
        let mut known: HashMap<(&str, &str, Option<&str>), bool> = HashMap::new();
        let mut expired = Vec::with_capacity(rows.num_rows());
        for row in 0..rows.num_rows() {
            let sensor = match (layout, named) {
                (Layout::Wide(columns), _) => &*columns[value].sensor,
                (_, Some(sensors)) => sensors.value(row),
                (_, None) => "",
            };
            let location = locations.is_valid(row).then(|| locations.value(row));
            let key = (devices.value(row), sensor, location);
            let over = *known
                .entry(key)
                .or_insert_with(|| self.keep(key.0, key.1, key.2, default) <= over);
            expired.push(over);
        }
        expired.into()
    }
}

//! How long readings are kept, by device, sensor and place.
//!
//! A file holds many devices and sensors, and goes as a whole once the longest
//! retention is over for its newest reading. Before that, whenever a shorter one is
//! over for its newest reading, the file is looked at and written anew without what
//! has expired: the cells of a sensor, the rows of a device. So as with whole files,
//! what is kept is never less than was asked for, and more by the span of a file.
//! Each checkpoint looks at one file at most.

use std::collections::HashMap;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute;
use arrow::error::ArrowError;
use weir_model::glob_matches;

use crate::file::layout::{self, Layout};

/// What is kept how long. The default keeps everything as long as the store's own
/// retention says.
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

    /// How long the longest-lived readings are kept.
    pub(crate) fn longest(&self, default: i64) -> i64 {
        self.levels(default).last().copied().unwrap_or(default)
    }

    /// All retentions there are, ascending, in nanoseconds.
    pub(crate) fn levels(&self, default: i64) -> Vec<i64> {
        let mut levels: Vec<i64> = self.rules.iter().map(|rule| nanos(rule.keep)).collect();
        levels.push(default);
        levels.sort_unstable();
        levels.dedup();
        levels
    }

    /// How long one reading is kept.
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

    /// What of a file's rows is kept for longer than `over`, and what is not; `None`
    /// when it is all of them.
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

    /// Which cells of a column have a retention that is over.
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
        // Rows of a series follow each other, and there are few series.
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

//! `--scores FILE`: a line for every reading and function, in the order of the
//! readings, with all the digits that a double has.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use weir_engine::{Batch, Engine};
use weir_model::{DeviceIx, Value, Verdict};

use super::readings::{Content, Readings};
use super::run::Outcome;

/// Writes `time,device,sensor,value,function,score`.
#[derive(Debug)]
pub struct ScoreFile {
    into: csv::Writer<BufWriter<File>>,
    path: String,
}

impl ScoreFile {
    pub fn create(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        let file = File::create(path).with_context(|| format!("cannot write {shown}"))?;
        let mut into = csv::Writer::from_writer(BufWriter::new(file));
        into.write_record(["time", "device", "sensor", "value", "function", "score"])?;
        Ok(Self { into, path: shown })
    }

    /// The readings, and what each of the devices in them came to. A reading
    /// that a function did not judge (too early, late, without a value) has the
    /// score 0.
    pub fn write(
        &mut self,
        readings: &Readings,
        devices: &[(u32, Vec<u32>)],
        outcomes: &[&Outcome],
    ) -> Result<()> {
        self.lines(readings, devices, outcomes)
            .with_context(|| format!("cannot write {}", self.path))
    }

    fn lines(
        &mut self,
        readings: &Readings,
        devices: &[(u32, Vec<u32>)],
        outcomes: &[&Outcome],
    ) -> Result<()> {
        let mut place_of: Vec<(u32, u32)> = vec![(0, 0); readings.rows.len()];
        for (of, (_, places)) in devices.iter().enumerate() {
            for (at, place) in places.iter().enumerate() {
                place_of[*place as usize] = (of as u32, at as u32);
            }
        }
        for (row, (of, at)) in readings.rows.iter().zip(place_of) {
            let value = match &row.content {
                Content::Number(value) => digits(*value),
                Content::Text(text) => text.to_string(),
                Content::None => String::new(),
            };
            let time = row.time.to_rfc3339();
            let (device, sensor) = (readings.name(row.device), readings.name(row.sensor));
            for function in &outcomes[of as usize].scores {
                if !function.sensors.contains(&row.sensor) && !function.sensors.is_empty() {
                    continue;
                }
                let score = function.scores[at as usize];
                let score = digits(if score.is_nan() { 0.0 } else { score });
                let record = [
                    &*time,
                    device,
                    sensor,
                    &*value,
                    &*function.function,
                    &*score,
                ];
                self.into.write_record(record)?;
            }
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<()> {
        self.into
            .flush()
            .with_context(|| format!("cannot write {}", self.path))?;
        let buffered = self.into.into_inner().map_err(|error| error.into_error());
        buffered
            .and_then(|mut file| file.flush())
            .with_context(|| format!("cannot write {}", self.path))
    }
}

/// What the messages of a journal come to, batch by batch: a line for every
/// reading that is stored, derived ones included. A function looks at a series
/// from its first verdict on.
#[derive(Debug)]
pub struct BatchScores<'a> {
    file: &'a mut ScoreFile,
    /// By device and sensor, functions that give scores, in their order.
    looking: HashMap<DeviceIx, HashMap<Box<str>, Vec<u16>>>,
}

impl<'a> BatchScores<'a> {
    pub fn new(file: &'a mut ScoreFile) -> Self {
        Self {
            file,
            looking: HashMap::new(),
        }
    }

    pub fn write(&mut self, engine: &Engine, batch: &Batch) -> Result<()> {
        let columns = engine.catalog().columns();
        let mut given = HashMap::new();
        let gives = |verdict: &&Verdict| {
            let function = engine.functions().get(usize::from(verdict.function));
            function.is_some_and(|function| function.gives_scores) || !verdict.score.is_nan()
        };
        for verdict in batch.verdicts.iter().filter(gives) {
            let sensor = engine.slot(verdict.slot).sensor;
            let functions = self.looking.entry(verdict.device).or_default();
            let functions = functions.entry(sensor.into()).or_default();
            if let Err(at) = functions.binary_search(&verdict.function) {
                functions.insert(at, verdict.function);
            }
            let reading = (verdict.position, verdict.device, verdict.time, sensor);
            given.insert((reading, verdict.function), verdict.score);
        }
        for row in &batch.rows.rows {
            let Some(looking) = self.looking.get(&row.device) else {
                continue;
            };
            let time = row.time.to_rfc3339();
            let device = engine.catalog().device(row.device);
            for cell in batch.rows.cells_of(row) {
                let column = &columns[cell.column.index()];
                let value = match cell.value {
                    Value::Number(value) => digits(value),
                    Value::Text(at) => batch.rows.texts[at as usize].to_string(),
                };
                let functions = looking.get(&*column.sensor).map_or(&[][..], Vec::as_slice);
                for function in functions {
                    let reading = (row.position, row.device, row.time, &*column.sensor);
                    // Taken: the same once more in one message is not judged.
                    let score = given.remove(&(reading, *function)).unwrap_or(0.0);
                    let score = digits(if score.is_nan() { 0.0 } else { score });
                    let name = &*engine.functions()[usize::from(*function)].name;
                    let record = [&*time, &*device, &*column.sensor, &*value, name, &*score];
                    let written = self.file.into.write_record(record);
                    written.with_context(|| format!("cannot write {}", self.file.path))?;
                }
            }
        }
        Ok(())
    }
}

/// 17 significant digits: enough for every double to be read back as it was.
fn digits(value: f64) -> String {
    let text = format!("{value:.16e}");
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-5..17).contains(&exponent) {
        let decimals = (16 - exponent).max(0) as usize;
        return format!("{value:.decimals$}");
    }
    format!("{mantissa}e{exponent}")
}

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn a_number_has_17_digits_and_is_read_back_as_it_was() {
        for value in [
            0.1,
            1.0 / 3.0,
            0.75 + f64::EPSILON,
            123_456.789,
            1e300,
            5e-324,
            -2.5e-9,
            19_761_252.0,
            0.0,
        ] {
            let text = digits(value);
            assert_eq!(text.parse::<f64>().unwrap(), value, "{text}");
        }
        assert_eq!(digits(0.75), "0.75000000000000000");
        assert_eq!(digits(0.1), "0.10000000000000001");
        assert_eq!(digits(1e300), "1.0000000000000001e300");
    }
}

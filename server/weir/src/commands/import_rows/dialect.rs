//! How a CSV file is written: what the options say, and what its beginning shows where
//! there is only one answer. Where there are two, the error names the option that decides.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use anyhow::{Context, Result, bail};
use arrow::array::timezone::Tz;
use weir_backtest::rows::{Field, without_guard};
use weir_model::Unit;

use super::cells::{Cell, CellReader, CsvRow};
use super::numbers::{self, Decimal};
use super::times::{self, Times};

/// Bytes from which the dialect is recognised.
const SAMPLE: u64 = 256 << 10;
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Names of the column of times, beside those that all formats have.
const TIMES: [&str; 14] = [
    "datetime",
    "date time",
    "date_time",
    "time stamp",
    "ts",
    "zeitstempel",
    "zeitpunkt",
    "horodatage",
    "tijdstip",
    "zeit",
    "date",
    "datum",
    "fecha",
    "heure",
];
/// Names of a column of dates, and of the column of the time of day that goes with it.
const DATES: [&str; 3] = ["date", "datum", "fecha"];
const TIMES_OF_DAY: [&str; 6] = ["time", "uhrzeit", "zeit", "heure", "hora", "tijd"];

/// The options of `weir import` for CSV.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CsvOptions {
    pub(crate) delimiter: Option<u8>,
    pub(crate) decimal: Option<char>,
    pub(crate) time_format: Option<String>,
    pub(crate) timezone: Option<String>,
    pub(crate) wide: bool,
    pub(crate) device: Option<String>,
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Column {
    /// A part of each reading.
    Of(Field),
    /// The date or the time of day, which are joined.
    PartOfTime,
    /// The values of a sensor.
    Sensor {
        name: String,
        unit: String,
    },
    Nothing,
}

/// A file as it is read.
#[derive(Debug)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) decimal: Decimal,
    pub(super) times: Times,
    pub(super) columns: Vec<Column>,
    pub(super) device: String,
}

impl Dialect {
    /// Looks at the beginning of a file and goes back to it.
    pub(super) fn of(file: &mut File, options: &CsvOptions) -> Result<Self> {
        let mut sample = Vec::new();
        Read::by_ref(file).take(SAMPLE).read_to_end(&mut sample)?;
        file.seek(SeekFrom::Start(0))?;
        if sample.len() as u64 == SAMPLE {
            // The last row may be cut.
            let end = sample.iter().rposition(|byte| *byte == b'\n');
            sample.truncate(end.map_or(sample.len(), |end| end + 1));
        }
        let delimiter = match options.delimiter {
            Some(delimiter) => delimiter,
            None => delimiter(&sample)?,
        };
        let mut rows = rows(&sample, delimiter)?.into_iter();
        let header = rows.next().context("it has no header")?;
        let names: Vec<&str> = header.iter().map(|cell| cell.text.as_str()).collect();
        let columns = columns(&names, options)?;
        let rows: Vec<Vec<Cell>> = rows.collect();
        Ok(Self {
            delimiter,
            decimal: decimal(options, &columns, &rows)?,
            times: times(options, &columns, &rows)?,
            columns,
            device: options.device.clone().unwrap_or_default(),
        })
    }

    pub(super) fn reader(&self, file: File) -> CellReader<BufReader<File>> {
        CellReader::new(BufReader::with_capacity(1 << 20, file), self.delimiter)
    }

    /// The time of a row, joined if it has two columns.
    pub(super) fn time(&self, cells: &[Cell]) -> String {
        time_of(&self.columns, cells)
    }
}

fn time_of(columns: &[Column], cells: &[Cell]) -> String {
    let parts = columns.iter().zip(cells).filter_map(|(column, cell)| {
        let is_time = matches!(column, Column::Of(Field::Time) | Column::PartOfTime);
        is_time.then_some(cell.text.trim())
    });
    parts.collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn rows(sample: &[u8], delimiter: u8) -> Result<Vec<Vec<Cell>>> {
    let mut reader = CellReader::new(sample, delimiter);
    let mut rows = Vec::new();
    while let Some((_, row)) = reader.next()? {
        if let CsvRow::Cells(cells) = row {
            rows.push(cells);
        }
    }
    Ok(rows)
}

/// The one with which the header has a column of times.
fn delimiter(sample: &[u8]) -> Result<u8> {
    let fits = |delimiter: &u8| {
        let mut reader = CellReader::new(sample, *delimiter);
        let Ok(Some((_, CsvRow::Cells(cells)))) = reader.next() else {
            return false;
        };
        cells.len() > 1 && cells.iter().any(|cell| is_time(&cell.text))
    };
    let fitting: Vec<u8> = DELIMITERS.into_iter().filter(fits).collect();
    match fitting.as_slice() {
        [] => Ok(b','),
        [delimiter] => Ok(*delimiter),
        _ => bail!("what separates its cells is not clear: say --delimiter"),
    }
}

fn plain(name: &str) -> String {
    let name = name.trim_start_matches('\u{feff}').trim();
    name.to_lowercase()
}

fn is_time(name: &str) -> bool {
    Field::of(name) == Some(Field::Time) || TIMES.contains(&plain(name).as_str())
}

fn columns(names: &[&str], options: &CsvOptions) -> Result<Vec<Column>> {
    let is = |list: &[&str]| {
        names
            .iter()
            .filter(|name| list.contains(&plain(name).as_str()))
            .count()
    };
    // `Date;Time`: two columns make one time.
    let joined = is(&DATES) == 1 && is(&TIMES_OF_DAY) == 1;
    let joins = |name: &str| {
        joined
            && (DATES.contains(&plain(name).as_str())
                || TIMES_OF_DAY.contains(&plain(name).as_str()))
    };
    let has = |field| names.iter().any(|name| Field::of(name) == Some(field));
    let long = has(Field::Sensor) || has(Field::Value) || has(Field::Text);
    let wide = options.wide || !long && names.iter().any(|name| is_time(name));
    let column = |name: &&str| {
        if joins(name) {
            return Column::PartOfTime;
        }
        match Field::of(name) {
            Some(field @ (Field::Time | Field::Device | Field::Location)) => Column::Of(field),
            Some(field) if !wide => Column::Of(field),
            _ if is_time(name) => Column::Of(Field::Time),
            _ if wide => sensor(name),
            _ => Column::Nothing,
        }
    };
    let columns: Vec<Column> = names.iter().map(column).collect();
    check(&columns, names, wide, options)?;
    Ok(columns)
}

/// `Temperature (°C)` has a unit, if it is known.
fn sensor(name: &str) -> Column {
    let name = without_guard(name.trim());
    let with_unit = [('(', ')'), ('[', ']')]
        .into_iter()
        .find_map(|(open, close)| {
            let (sensor, unit) = name.strip_suffix(close)?.rsplit_once(open)?;
            let unit = Unit::canonical(unit.trim())?;
            Some((sensor.trim(), unit))
        });
    let (name, unit) = with_unit.unwrap_or((name, ""));
    if name.is_empty() {
        return Column::Nothing;
    }
    Column::Sensor {
        name: name.to_owned(),
        unit: unit.to_owned(),
    }
}

/// An error when a needed column is missing or there twice.
fn check(columns: &[Column], names: &[&str], wide: bool, options: &CsvOptions) -> Result<()> {
    let count = |field| {
        let found = |column: &&Column| **column == Column::Of(field);
        columns.iter().filter(found).count()
    };
    let known = || format!("the columns are {}", names.join(", "));
    let joined = columns.contains(&Column::PartOfTime);
    for (field, name) in [
        (Field::Device, "device"),
        (Field::Sensor, "sensor"),
        (Field::Time, "time"),
        (Field::Value, "value"),
        (Field::Text, "text"),
        (Field::Unit, "unit"),
        (Field::Location, "location"),
    ] {
        let needed = match field {
            Field::Device => options.device.is_none(),
            Field::Sensor => !wide,
            Field::Time => !joined,
            _ => false,
        };
        match count(field) {
            0 if needed && field == Field::Device => {
                bail!("there is no column device: say --device; {}", known())
            }
            0 if needed => bail!("there is no column {name}; {}", known()),
            0 | 1 => {}
            _ => bail!("there are several columns for {name}; {}", known()),
        }
    }
    let sensors = columns
        .iter()
        .any(|column| matches!(column, Column::Sensor { .. }));
    if wide && !sensors {
        bail!("there is no column of a sensor; {}", known());
    }
    if !wide && count(Field::Value) + count(Field::Text) == 0 {
        bail!("there is neither a column value nor text; {}", known());
    }
    Ok(())
}

fn decimal(options: &CsvOptions, columns: &[Column], rows: &[Vec<Cell>]) -> Result<Decimal> {
    if let Some(sign) = options.decimal {
        return Decimal::of(sign).context("--decimal is . or ,");
    }
    let values = rows.iter().flat_map(|cells| {
        columns.iter().zip(cells).filter_map(|(column, cell)| {
            let is_value = matches!(column, Column::Of(Field::Value) | Column::Sensor { .. });
            is_value.then_some(cell.text.as_str())
        })
    });
    numbers::decimal(values).or_else(|text| {
        bail!("whether {text:?} has decimals or thousands is not clear: say --decimal . or --decimal ,")
    })
}

fn times(options: &CsvOptions, columns: &[Column], rows: &[Vec<Cell>]) -> Result<Times> {
    let zone = options.timezone.as_deref().map(|name| {
        let zone = name.parse::<Tz>();
        zone.map_err(|_| anyhow::anyhow!("there is no time zone {name:?}, such as Europe/Brussels"))
    });
    let texts: Vec<String> = rows.iter().map(|cells| time_of(columns, cells)).collect();
    let slashes = match &options.time_format {
        Some(_) => None,
        None => times::slashes(texts.iter().map(String::as_str)).or_else(|text| {
            bail!(
                "whether {text:?} begins with the day or the month is not clear: say \
                 --time-format \"%d/%m/%Y %H:%M\" or \"%m/%d/%Y %H:%M\""
            )
        })?,
    };
    Ok(Times {
        format: options.time_format.clone(),
        zone: zone.transpose()?,
        slashes,
    })
}

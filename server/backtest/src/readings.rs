//! Readings on their way into a backtest: names once, the rest in rows.

use std::collections::HashMap;
use std::sync::Arc;

use weir_model::Timestamp;

/// What a reading holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Finite.
    Number(f64),
    Text(Box<str>),
    /// There is none, or none that is a finite number: it has its place in the
    /// output and no function sees it.
    None,
}

/// One reading. Names are indexes into the list of names.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    pub time: Timestamp,
    pub device: u32,
    pub sensor: u32,
    pub unit: u32,
    pub location: u32,
    pub content: Content,
}

/// Readings in the order in which they came.
#[derive(Debug, Default)]
pub struct Readings {
    pub rows: Vec<Reading>,
    names: Vec<Arc<str>>,
    known: HashMap<Arc<str>, u32>,
}

impl Readings {
    pub fn intern(&mut self, name: &str) -> u32 {
        if let Some(at) = self.known.get(name) {
            return *at;
        }
        let name: Arc<str> = name.into();
        let at = self.names.len() as u32;
        self.names.push(name.clone());
        self.known.insert(name, at);
        at
    }

    pub fn name(&self, at: u32) -> &str {
        &self.names[at as usize]
    }

    /// The rows of each device, devices in the order of their first reading.
    pub fn by_device(&self) -> Vec<(u32, Vec<u32>)> {
        let mut places: HashMap<u32, usize> = HashMap::new();
        let mut devices: Vec<(u32, Vec<u32>)> = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            let place = *places.entry(row.device).or_insert_with(|| {
                devices.push((row.device, Vec::new()));
                devices.len() - 1
            });
            devices[place].1.push(at as u32);
        }
        devices
    }
}

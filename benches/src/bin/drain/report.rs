//! The numbers as lines, the medians as a table, and the ratios that count.

use std::io::{self, Write};

use anyhow::Result;
use weir_benches::median;

use crate::side::{Measured, Setting, Side};

/// Measurements so far. Lines are written as they come.
#[derive(Debug)]
pub(crate) struct Report {
    setting: Setting,
    measured: Vec<(Side, Measured)>,
}

impl Report {
    pub(crate) fn new(setting: Setting) -> Result<Self> {
        let mode = if setting.backlog { "backlog" } else { "live" };
        let Setting {
            messages,
            inflight,
            window,
            ..
        } = setting;
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "drain, {mode}: {messages} messages of two readings, QoS 1, \
             max_inflight_messages {inflight}, publisher's window {window}"
        )?;
        writeln!(out, "round  side       msg/s  CPU µs/msg  at rest µs/msg")?;
        Ok(Self {
            setting,
            measured: Vec::new(),
        })
    }

    pub(crate) fn add(&mut self, round: usize, side: Side, measured: Measured) -> Result<()> {
        self.measured.push((side, measured));
        let (rate, cpu, rest) = self.figures(&measured);
        let name = side.as_str();
        writeln!(
            io::stdout(),
            "{round:5}  {name:5} {rate:11.0} {cpu:11.2} {rest:15.2}"
        )?;
        Ok(())
    }

    pub(crate) fn medians(&self, sides: &[Side]) -> Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "median")?;
        for side in sides {
            let (rate, cpu, rest) = self.median_of(*side).unwrap_or_default();
            writeln!(
                out,
                "       {:5} {rate:11.0} {cpu:11.2} {rest:15.2}",
                side.as_str()
            )?;
        }
        let Some((rate, _, cpu)) = self.median_of(Side::Weir) else {
            return Ok(());
        };
        if let Some((bare_rate, _, bare)) = self.median_of(Side::NoShadows) {
            let (cpu, rate) = (cpu / bare, rate / bare_rate);
            writeln!(out, "with/without shadows: CPU {cpu:.2}, rate {rate:.2}")?;
        }
        if let Some((plain_rate, _, plain)) = self.median_of(Side::Plain) {
            writeln!(
                out,
                "CPU weir/plain   {:6.2}   (goal: at most 0.50)",
                cpu / plain
            )?;
            writeln!(out, "rate weir/plain  {:6.2}", rate / plain_rate)?;
        }
        if let Some((ideal_rate, _, ideal)) = self.median_of(Side::Ideal) {
            writeln!(
                out,
                "CPU weir/ideal   {:6.2}   (goal: at most 3.00)",
                cpu / ideal
            )?;
            writeln!(
                out,
                "rate weir/ideal  {:6.2}   (goal: at least 0.98)",
                rate / ideal_rate
            )?;
        }
        Ok(())
    }

    /// Messages per second, µs of CPU per message until the last one was
    /// received, and until rest.
    fn figures(&self, measured: &Measured) -> (f64, f64, f64) {
        let messages = self.setting.messages as f64;
        let micros = |duration: std::time::Duration| duration.as_secs_f64() * 1e6 / messages;
        let rate = messages / measured.elapsed.as_secs_f64();
        (rate, micros(measured.cpu), micros(measured.cpu_at_rest))
    }

    fn median_of(&self, side: Side) -> Option<(f64, f64, f64)> {
        let of_side = self
            .measured
            .iter()
            .filter(|(measured, _)| *measured == side);
        let figures: Vec<_> = of_side
            .map(|(_, measured)| self.figures(measured))
            .collect();
        Some((
            median(figures.iter().map(|figures| figures.0))?,
            median(figures.iter().map(|figures| figures.1))?,
            median(figures.iter().map(|figures| figures.2))?,
        ))
    }
}

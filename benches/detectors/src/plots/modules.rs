//! What is the user's own: `wasm`, by the module of the demo.

use anyhow::Result;

use super::{Strip, plain, readings};
use crate::noise::Noise;

const MINUTE: f64 = 60.0;

pub(super) fn pictures() -> Result<Vec<(&'static str, Vec<Strip>)>> {
    Ok(vec![("wasm", wasm()?)])
}

fn within(at: f64, (from, to): (f64, f64)) -> bool {
    (from..to).contains(&at)
}

fn wasm() -> Result<Vec<Strip>> {
    let keys = "kind = \"wasm\"\nmodule = \"hunting.wat\"\nstate = 24\nparams = [2.0, 6.0]\n\
                reasons = [\"swinging up and down\"]";
    let mut noise = Noise::new(1, "wasm");
    let hunts = (8.0 * MINUTE, 11.0 * MINUTE);
    let hunting = readings(180, 5.0, |at| {
        let up = within(at, hunts) && (at / 5.0) as i64 % 2 == 0;
        // As warm as ever on the whole: no limit and no mean detects it.
        let slow = 2.0 * (at / 300.0).sin();
        60.0 + slow + 0.2 * noise.normal() + if up { 3.0 } else { 0.0 }
    });
    let caught = plain(
        "catches, by the module of the demo: a value that swings up and down from reading to reading",
        keys,
        hunting,
        &[hunts],
    )?;
    let swings = (5.0 * MINUTE, 12.0 * MINUTE);
    let slower = readings(180, 5.0, |at| {
        let swing = if within(at, swings) {
            3.0 * (at * std::f64::consts::TAU / 60.0).sin()
        } else {
            0.0
        };
        60.0 + swing + 0.2 * noise.normal()
    });
    let missed = plain(
        "misses what it was not written for: swings of a minute, in twelve readings each",
        keys,
        slower,
        &[swings],
    )?;
    Ok(vec![caught, missed])
}

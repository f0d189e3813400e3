//! What learns: `ewma`, `mad`, `seasonal`, `cusum`.

use anyhow::Result;

use super::{Strip, day, plain, readings};
use crate::noise::Noise;

const HOUR: f64 = 3_600.0;

pub(super) fn pictures() -> Result<Vec<(&'static str, Vec<Strip>)>> {
    Ok(vec![
        ("ewma", ewma()?),
        ("mad", mad()?),
        ("seasonal", seasonal()?),
        ("cusum", cusum()?),
    ])
}

fn within(at: f64, (from, to): (f64, f64)) -> bool {
    (from..to).contains(&at)
}

fn ewma() -> Result<Vec<Strip>> {
    let keys = "kind = \"ewma\"\nhalf_life = \"20m\"\nwarning_score = 5.0";
    let mut noise = Noise::new(1, "ewma");
    let jumps = [(4.0 * HOUR, 4.5 * HOUR), (8.0 * HOUR, 12.0 * HOUR)];
    let jumping = readings(720, 60.0, |at| {
        let jump = match () {
            () if within(at, jumps[0]) => -9.0,
            () if within(at, jumps[1]) => 7.0,
            () => 0.0,
        };
        50.0 + jump + noise.normal()
    });
    let caught = plain(
        "catches: a dip, and a new level until it is learnt, within a few half-lives of 20 minutes",
        keys,
        jumping,
        &jumps,
    )?;
    let drift = (2.0 * HOUR, 12.0 * HOUR);
    let drifting = readings(720, 60.0, |at| {
        50.0 + ((at - drift.0).max(0.0) / HOUR) * 1.2 + noise.normal()
    });
    let missed = plain(
        "misses: a drift so slow that the mean follows",
        keys,
        drifting,
        &[drift],
    )?;
    Ok(vec![caught, missed])
}

fn mad() -> Result<Vec<Strip>> {
    let keys = "kind = \"mad\"\nwarning_score = 7.0";
    let mut noise = Noise::new(1, "mad");
    let bursts = (3.0 * HOUR, 3.8 * HOUR);
    let spiky = readings(480, 60.0, |at| {
        let spike = within(at, bursts) && (at / 60.0) as i64 % 3 == 0;
        20.0 + 0.5 * noise.normal() + if spike { 8.0 } else { 0.0 }
    });
    let caught = plain(
        "catches: spikes, also when every third reading is one",
        keys,
        spiky,
        &[bursts],
    )?;
    let level = (3.0 * HOUR, 8.0 * HOUR);
    let lasting = readings(480, 60.0, |at| {
        20.0 + 0.5 * noise.normal() + if within(at, level) { 8.0 } else { 0.0 }
    });
    let missed = plain(
        "misses: what lasts; after half a window (30 readings) it is the median",
        keys,
        lasting,
        &[level],
    )?;
    Ok(vec![caught, missed])
}

fn seasonal() -> Result<Vec<Strip>> {
    let keys = "kind = \"seasonal\"\nseason = \"day\"\nmin_spread = 1.0";
    let days = |count: f64| count * 24.0 * HOUR;
    let mut noise = Noise::new(1, "seasonal");
    let mut usual = |at: f64| 40.0 + 15.0 * day(at) + noise.normal();
    let night = (days(6.0) + 3.0 * HOUR, days(6.0) + 7.0 * HOUR);
    let light = readings(2_304, 300.0, |at| {
        let value = usual(at);
        if within(at, night) { 50.0 } else { value }
    });
    let caught = plain(
        "catches: the afternoon's value in the night of the seventh day, though it is nothing new",
        keys,
        light,
        &[night],
    )?;
    let (early, small) = (
        (days(1.0) + 3.0 * HOUR, days(1.0) + 7.0 * HOUR),
        (days(5.0), days(6.0)),
    );
    let unseen = readings(2_304, 300.0, |at| {
        let value = usual(at);
        match () {
            () if within(at, early) => 50.0,
            () if within(at, small) => value + 1.8,
            () => value,
        }
    });
    let missed = plain(
        "misses: the same on the second day, when the profile is not learnt; and a day that is a little higher",
        keys,
        unseen,
        &[early, small],
    )?;
    Ok(vec![caught, missed])
}

fn cusum() -> Result<Vec<Strip>> {
    let keys = "kind = \"cusum\"";
    let mut noise = Noise::new(1, "cusum");
    let shift = (6.0 * HOUR, 12.0 * HOUR);
    let shifted = readings(720, 60.0, |at| {
        5.0 + 0.2 * noise.normal() + if within(at, shift) { 0.25 } else { 0.0 }
    });
    let caught = plain(
        "catches: a level that is higher by little more than a deviation; then that one is learnt",
        keys,
        shifted,
        &[shift],
    )?;
    let spikes = [3.0, 5.0, 8.0, 10.0].map(|hour| (hour * HOUR, hour * HOUR + 60.0));
    let spiky = readings(720, 60.0, |at| {
        let spike = spikes.iter().any(|spike| within(at, *spike));
        5.0 + 0.2 * noise.normal() + if spike { 2.0 } else { 0.0 }
    });
    let missed = plain(
        "misses: single spikes, by design (mad finds them)",
        keys,
        spiky,
        &spikes,
    )?;
    Ok(vec![caught, missed])
}

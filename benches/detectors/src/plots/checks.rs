//! Thresholds and the checks.

use anyhow::Result;

use super::{Said, Strip, day, found, plain, readings};
use crate::noise::Noise;

const HOUR: f64 = 3_600.0;

pub(super) fn pictures() -> Result<Vec<(&'static str, Vec<Strip>)>> {
    Ok(vec![
        ("threshold", threshold()?),
        ("range", range()?),
        ("rate_of_change", rate_of_change()?),
        ("flatline", flatline()?),
        ("gap", gap()?),
        ("allowed", allowed()?),
        ("unit", unit()?),
        ("clock", clock()?),
        ("duplicate", duplicate()?),
    ])
}

fn within(at: f64, (from, to): (f64, f64)) -> bool {
    (from..to).contains(&at)
}

fn threshold() -> Result<Vec<Strip>> {
    let keys = "kind = \"threshold\"\nwarning_high = 80.0\ndeadband = 2.0";
    let fault = (30.0 * HOUR, 36.0 * HOUR);
    let mut noise = Noise::new(1, "threshold");
    let hot = readings(1_440, 120.0, |at| {
        let hot = if within(at, fault) {
            30.0 * ((at - fault.0) / (fault.1 - fault.0) * std::f64::consts::PI).sin()
        } else {
            0.0
        };
        58.0 + 8.0 * day(at) + hot + 0.8 * noise.normal()
    });
    let mut caught = plain(
        "catches: a temperature over its limit of 80 °C (dashed)",
        keys,
        hot,
        &[(31.0 * HOUR, 35.3 * HOUR)],
    )?;
    caught.levels = vec![80.0];
    let night = (28.0 * HOUR, 33.0 * HOUR);
    let wrong = readings(1_440, 120.0, |at| {
        let usual = 58.0 + 8.0 * day(at);
        let value = if within(at, night) { 66.0 } else { usual };
        value + 0.8 * noise.normal()
    });
    let mut missed = plain(
        "misses: the afternoon's temperature in the early morning (seasonal finds it)",
        keys,
        wrong,
        &[night],
    )?;
    missed.levels = vec![80.0];
    Ok(vec![caught, missed])
}

fn range() -> Result<Vec<Strip>> {
    let keys = "kind = \"range\"\nmin = -40.0\nmax = 60.0\nseverity = \"warning\"";
    let mut noise = Noise::new(1, "range");
    let breaks = [(5.0 * HOUR, 5.2 * HOUR), (14.0 * HOUR, 15.0 * HOUR)];
    let mut room = |at: f64| 21.0 + 2.0 * day(at) + 0.3 * noise.normal();
    let broken = readings(480, 180.0, |at| {
        let usual = room(at);
        if breaks.iter().any(|fault| within(at, *fault)) {
            -60.0
        } else {
            usual
        }
    });
    let mut caught = plain(
        "catches: a broken wire, below anything that the sensor can measure (dashed: -40 and 60)",
        keys,
        broken,
        &breaks,
    )?;
    caught.levels = vec![-40.0, 60.0];
    let off = (9.0 * HOUR, 16.0 * HOUR);
    let offset = readings(480, 180.0, |at| {
        room(at) + if within(at, off) { 15.0 } else { 0.0 }
    });
    let mut missed = plain(
        "misses: values that are wrong by 15 degrees, and possible",
        keys,
        offset,
        &[off],
    )?;
    missed.levels = vec![-40.0, 60.0];
    Ok(vec![caught, missed])
}

fn rate_of_change() -> Result<Vec<Strip>> {
    let keys = "kind = \"rate_of_change\"\nmax_rise = 2.0\nmax_fall = 2.0\nper = \"1m\"\n\
                quality = \"bad\"\nseverity = \"warning\"";
    let mut noise = Noise::new(1, "rate");
    let spikes = [(3.0 * HOUR, 3.03 * HOUR), (7.0 * HOUR, 7.05 * HOUR)];
    let mut level = |at: f64| 40.0 + 4.0 * (at / HOUR).sin() + 0.2 * noise.normal();
    let jumps = readings(600, 60.0, |at| {
        level(at)
            + if spikes.iter().any(|s| within(at, *s)) {
                12.0
            } else {
                0.0
            }
    });
    let caught = plain(
        "catches: jumps, faster than 2 per minute; as they are refused, the way back is none",
        keys,
        jumps,
        &spikes,
    )?;
    let creep = (2.0 * HOUR, 10.0 * HOUR);
    let creeping = readings(600, 60.0, |at| {
        level(at) + ((at - creep.0).max(0.0) / HOUR) * 1.5
    });
    let missed = plain("misses: what creeps, however far", keys, creeping, &[creep])?;
    Ok(vec![caught, missed])
}

fn flatline() -> Result<Vec<Strip>> {
    let keys = "kind = \"flatline\"\nafter = \"30m\"\ntolerance = 0.05";
    let mut noise = Noise::new(1, "flatline");
    let frozen = (4.0 * HOUR, 7.0 * HOUR);
    let mut level = |at: f64| {
        let at = if within(at, frozen) { frozen.0 } else { at };
        let value = 5.0 + (at / 2_000.0).sin();
        (value, noise.normal())
    };
    let cached = readings(600, 60.0, |at| {
        let (value, noise) = level(at);
        value + if within(at, frozen) { 0.0 } else { 0.1 * noise }
    });
    let caught = plain(
        "catches: a value that has stayed within 0.05 for half an hour",
        keys,
        cached,
        &[frozen],
    )?;
    let noisy = readings(600, 60.0, |at| {
        let (value, noise) = level(at);
        value + 0.1 * noise
    });
    let missed = plain(
        "misses: a sensor that has come off, and whose converter is noisy",
        keys,
        noisy,
        &[frozen],
    )?;
    Ok(vec![caught, missed])
}

fn gap() -> Result<Vec<Strip>> {
    let keys = "kind = \"gap\"\nmax_gap = \"5m\"\nseverity = \"warning\"";
    let holes = [(60.0 * 60.0, 85.0 * 60.0), (140.0 * 60.0, 147.0 * 60.0)];
    let mut noise = Noise::new(1, "gap");
    let mut points = readings(240, 60.0, |at| {
        12.0 + (at / 3_000.0).sin() + 0.1 * noise.normal()
    });
    let strip = |title: &str, points: Vec<(f64, f64)>, faults: &[(f64, f64)]| -> Result<Strip> {
        let kept: Vec<Said> = points
            .iter()
            .filter(|(_, value)| !value.is_nan())
            .map(|(at, value)| Said::value(*at, *value))
            .collect();
        Ok(Strip {
            title: title.to_owned(),
            found: found(&format!("sensor = \"x\"\n{keys}"), &kept)?,
            lines: vec![points],
            faults: faults.to_vec(),
            ..Strip::default()
        })
    };
    let never = (170.0 * 60.0, 240.0 * 60.0);
    let gone: Vec<_> = points
        .iter()
        .map(|(at, v)| (*at, if *at >= never.0 { f64::NAN } else { *v }))
        .collect();
    for (at, value) in &mut points {
        if holes.iter().any(|hole| within(*at, *hole)) {
            *value = f64::NAN;
        }
    }
    Ok(vec![
        strip(
            "catches: time that is missing, told by the first reading after it",
            points,
            &holes,
        )?,
        strip(
            "misses: a series that never comes back (absence reports it)",
            gone,
            &[never],
        )?,
    ])
}

fn allowed() -> Result<Vec<Strip>> {
    let keys = "kind = \"allowed\"\nvalues = [0, 1]\nseverity = \"warning\"";
    let door = |at: f64| f64::from(u8::from((at / 60.0) as i64 % 47 < 6));
    let bytes = [(80.0 * 60.0, 84.0 * 60.0), (190.0 * 60.0, 192.0 * 60.0)];
    let corrupted = readings(240, 60.0, |at| {
        if bytes.iter().any(|fault| within(at, *fault)) {
            3.0
        } else {
            door(at)
        }
    });
    let open = (100.0 * 60.0, 200.0 * 60.0);
    let left = readings(
        240,
        60.0,
        |at| if within(at, open) { 1.0 } else { door(at) },
    );
    Ok(vec![
        plain(
            "catches: a door that is neither open (1) nor shut (0)",
            keys,
            corrupted,
            &bytes,
        )?,
        plain(
            "misses: a door that somebody left open",
            keys,
            left,
            &[open],
        )?,
    ])
}

fn unit() -> Result<Vec<Strip>> {
    let keys = "sensor = \"x\"\nkind = \"unit\"\nunit = \"Cel\"\nseverity = \"warning\"";
    let mut noise = Noise::new(1, "unit");
    let (american, raw) = ((3.0 * HOUR, 6.0 * HOUR), (8.0 * HOUR, 9.0 * HOUR));
    let true_values = readings(360, 120.0, |at| 24.0 + 3.0 * day(at) + 0.3 * noise.normal());
    let mut said = Vec::new();
    let mut sent = Vec::new();
    for (at, value) in &true_values {
        let (value, unit) = if within(*at, american) {
            (value * 1.8 + 32.0, "[degF]")
        } else if within(*at, raw) {
            (value / 10.0, "V")
        } else {
            (*value, "Cel")
        };
        sent.push((*at, value));
        said.push(Said {
            members: format!("{{\"sensorId\":\"x\",\"value\":{value:?},\"unit\":\"{unit}\"}}"),
            ..Said::value(*at, value)
        });
    }
    let stored = true_values
        .iter()
        .map(|(at, v)| (*at, if within(*at, raw) { f64::NAN } else { *v }));
    let caught = Strip {
        title: "catches: °F from hour 3 to 6 (thin: as sent; thick: as stored), volts from 8 to 9"
            .to_owned(),
        found: found(keys, &said)?,
        lines: vec![stored.collect(), sent],
        faults: vec![raw],
        ..Strip::default()
    };
    let mislabelled = readings(360, 120.0, |at| {
        let value = 24.0 + 3.0 * day(at) + 0.3 * noise.normal();
        if within(at, american) {
            value * 1.8 + 32.0
        } else {
            value
        }
    });
    let missed = plain(
        "misses: degrees Fahrenheit that say they are Celsius (range may find them)",
        "kind = \"unit\"\nunit = \"Cel\"\nseverity = \"warning\"",
        mislabelled,
        &[american],
    )?;
    Ok(vec![caught, missed])
}

fn clock() -> Result<Vec<Strip>> {
    let keys = "sensor = \"x\"\nkind = \"clock\"\nmax_ahead = \"60s\"\nseverity = \"warning\"";
    let strip = |title: &str, ahead: &dyn Fn(f64) -> f64, fault: (f64, f64)| -> Result<Strip> {
        let mut points = Vec::new();
        let mut said = Vec::new();
        for nth in 0..300 {
            let at = f64::from(nth) * 120.0;
            points.push((at, ahead(at)));
            said.push(Said {
                time_s: at + ahead(at),
                ..Said::value(at, 1.0)
            });
        }
        Ok(Strip {
            title: title.to_owned(),
            found: found(keys, &said)?,
            lines: vec![points],
            levels: vec![60.0],
            faults: vec![fault],
            ..Strip::default()
        })
    };
    Ok(vec![
        strip(
            "catches: a clock that runs fast, once it is a minute ahead (dashed) of Weir's",
            &|at| 100.0 * at / 36_000.0,
            (6.0 * HOUR, 10.0 * HOUR),
        )?,
        strip(
            "misses: a clock that is off by 40 seconds",
            &|at| if at > 3.0 * HOUR { 40.0 } else { 2.0 },
            (3.0 * HOUR, 10.0 * HOUR),
        )?,
    ])
}

fn duplicate() -> Result<Vec<Strip>> {
    let keys = "kind = \"duplicate\"\ninterval = \"1s\"\nseverity = \"warning\"";
    let strip = |title: &str, later: f64| -> Result<Strip> {
        let mut noise = Noise::new(1, "duplicate");
        let (mut points, mut faults) = (Vec::new(), Vec::new());
        for nth in 0..40 {
            let (at, value) = (f64::from(nth) * 10.0, 30.0 + noise.normal());
            points.push((at, value));
            if nth % 9 == 5 {
                points.push((at + later, value));
                faults.push((at + later - 0.4, at + later + 0.4));
            }
        }
        let mut strip = plain(title, keys, points, &faults)?;
        strip.dots = true;
        Ok(strip)
    };
    Ok(vec![
        strip("catches: the reading before once more, 0.8 s later", 0.8)?,
        strip(
            "misses: the same, 4 s later: longer than the interval of 1 s",
            4.0,
        )?,
    ])
}

//! What looks at a device as a whole: `absence`, `derived`, `multivariate`.

use anyhow::Result;

use super::{Said, Strip, found};
use crate::noise::Noise;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3_600.0;

pub(super) fn pictures() -> Result<Vec<(&'static str, Vec<Strip>)>> {
    Ok(vec![
        ("absence", absence()?),
        ("derived", derived()?),
        ("multivariate", multivariate()?),
    ])
}

fn within(at: f64, (from, to): (f64, f64)) -> bool {
    (from..to).contains(&at)
}

fn absence() -> Result<Vec<Strip>> {
    let keys = "kind = \"absence\"";
    let mut noise = Noise::new(1, "absence");
    let silent = [
        (70.0 * MINUTE, 95.0 * MINUTE),
        (150.0 * MINUTE, 180.0 * MINUTE),
    ];
    let (mut said, mut points, mut heard) = (Vec::new(), Vec::new(), 0.0);
    let mut due = 0.0;
    let mut at = 0.0;
    while at < 180.0 * MINUTE {
        if at >= due {
            due += 60.0 + 10.0 * noise.normal().clamp(-2.0, 2.0);
            if !silent.iter().any(|silence| within(at, *silence)) {
                said.push(Said::value(at, 1.0));
                heard = at;
            }
        }
        said.push(Said {
            members: String::new(),
            ..Said::value(at, 0.0)
        });
        points.push((at, at - heard));
        at += 5.0;
    }
    let caught = Strip {
        title: "catches: silence, longer than the interval of a minute that it has learnt \
                (drawn: seconds since it spoke)"
            .to_owned(),
        found: found(keys, &said)?,
        lines: vec![points],
        faults: silent.to_vec(),
        ..Strip::default()
    };
    let dead = (60.0 * MINUTE, 180.0 * MINUTE);
    let value = |at: f64| 20.0 + (at.min(dead.0) / 900.0).sin();
    let points: Vec<(f64, f64)> = (0..180)
        .map(|nth| f64::from(nth) * MINUTE)
        .map(|at| (at, value(at)))
        .collect();
    let said: Vec<Said> = points.iter().map(|(at, v)| Said::value(*at, *v)).collect();
    let missed = Strip {
        title: "misses: a device that repeats one value for ever (stuck finds it)".to_owned(),
        found: found(keys, &said)?,
        lines: vec![points],
        faults: vec![dead],
        ..Strip::default()
    };
    Ok(vec![caught, missed])
}

fn derived() -> Result<Vec<Strip>> {
    let keys = "kind = \"derived\"\noutput = \"wrong\"\nseverity = \"warning\"\n\
                expression = \"abs(power - voltage * current) > 0.1 * voltage * current\"";
    let strip = |title: &str, fault: (f64, f64), both: bool| -> Result<Strip> {
        let mut noise = Noise::new(1, "derived");
        let (mut said, mut shown, mut product) = (Vec::new(), Vec::new(), Vec::new());
        for nth in 0..360 {
            let at = f64::from(nth) * MINUTE;
            let voltage = 230.0 + noise.normal();
            let current = 10.0 + 4.0 * (at / 4_000.0).sin() + 0.2 * noise.normal();
            let part = if within(at, fault) { 0.66 } else { 1.0 };
            let power = voltage * current * part;
            let current = if both { current * part } else { current };
            let reading = |sensor: &str, value: f64| {
                format!("{{\"sensorId\":\"{sensor}\",\"value\":{value:?}}}")
            };
            said.push(Said {
                members: [
                    reading("voltage", voltage),
                    reading("current", current),
                    reading("power", power),
                ]
                .join(","),
                ..Said::value(at, 0.0)
            });
            shown.push((at, power));
            product.push((at, voltage * current));
        }
        Ok(Strip {
            title: title.to_owned(),
            found: found(keys, &said)?,
            lines: vec![shown, product],
            faults: vec![fault],
            ..Strip::default()
        })
    };
    let fault = (2.0 * HOUR, 4.0 * HOUR);
    Ok(vec![
        strip(
            "catches: power (thick) that is not voltage times current (thin): a phase is lost",
            fault,
            false,
        )?,
        strip(
            "misses: what the condition does not speak of: both are too low, and agree",
            fault,
            true,
        )?,
    ])
}

fn multivariate() -> Result<Vec<Strip>> {
    let keys = "kind = \"multivariate\"\nsensors = [\"speed\", \"current\", \"flow\"]\noutput = \"pattern\"";
    let strip = |title: &str, fault: (f64, f64), part: f64, all: bool| -> Result<Strip> {
        let mut noise = Noise::new(1, "multivariate");
        let (mut said, mut currents, mut speeds) = (Vec::new(), Vec::new(), Vec::new());
        for nth in 0..450 {
            let at = f64::from(nth) * 2.0 * MINUTE;
            let mut load = (at / 2_300.0).sin() + 0.4 * (at / 701.0).sin();
            if within(at, fault) && all {
                load += part;
            }
            let speed = load + 0.08 * noise.normal();
            let mut current = load + 0.08 * noise.normal();
            let flow = -load + 0.08 * noise.normal();
            if within(at, fault) && !all {
                current += part;
            }
            let reading = |sensor: &str, value: f64| {
                format!("{{\"sensorId\":\"{sensor}\",\"value\":{value:?}}}")
            };
            said.push(Said {
                members: [
                    reading("speed", 1_450.0 + 40.0 * speed),
                    reading("current", 30.0 + 6.0 * current),
                    reading("flow", 80.0 + 5.0 * flow),
                ]
                .join(","),
                ..Said::value(at, 0.0)
            });
            currents.push((at, current));
            speeds.push((at, speed));
        }
        Ok(Strip {
            title: title.to_owned(),
            found: found(keys, &said)?,
            lines: vec![currents, speeds],
            faults: vec![fault],
            ..Strip::default()
        })
    };
    let fault = (10.0 * HOUR, 11.5 * HOUR);
    Ok(vec![
        strip(
            "catches: current (thick) that parts from speed (thin), each within its own range",
            fault,
            0.9,
            false,
        )?,
        strip(
            "misses: more load than asked for: all sensors agree, within what has been",
            fault,
            0.5,
            true,
        )?,
    ])
}

//! Generated series of the kinds that monitoring brings: counts of mentions,
//! utilisation, bytes, prices, traffic, plant temperatures, artificial days,
//! rare spikes, latencies; and quiet noise, in which there is nothing to find.
//!
//! Each is generated from its seed: level, noise, cycle, quantisation, ordinary
//! spikes, and where and how it goes wrong. Windows follow the benchmark's
//! custom: together a tenth of the series, centred on what went wrong.

use crate::Series;
use crate::noise::Noise;

pub const NAMES: [&str; 10] = [
    "counts", "cpu", "bytes", "rates", "traffic", "plant", "daily", "sparse", "latency", "quiet",
];

const DAY_S: f64 = 86_400.0;

/// One series of a family.
pub fn series(family: &'static str, seed: u64) -> Series {
    let mut noise = Noise::new(seed, family);
    let noise = &mut noise;
    let (times, values, places) = match family {
        "counts" => counts(noise),
        "cpu" => cpu(noise),
        "bytes" => bytes(noise),
        "rates" => rates(noise),
        "traffic" => traffic(noise),
        "plant" => plant(noise),
        "daily" => daily(noise),
        "sparse" => sparse(noise),
        "latency" => latency(noise),
        _ => quiet(noise),
    };
    let width = values.len() / 10 / places.len().max(1);
    let window = |at: &usize| {
        let end = (at + width / 2).min(values.len() - 1);
        (at.saturating_sub(width / 2), end)
    };
    Series {
        name: format!("{family} {seed}"),
        windows: places.iter().map(window).collect(),
        times,
        values,
    }
}

type Parts = (Vec<f64>, Vec<f64>, Vec<usize>);

fn times(noise: &mut Noise, readings: usize, interval_s: f64) -> Vec<f64> {
    let begin = 1.4e9 + noise.between(0.0, 7.0 * DAY_S).floor();
    (0..readings)
        .map(|at| begin + interval_s * at as f64)
        .collect()
}

/// Where it goes wrong: apart from each other, and not at the begin.
fn places(noise: &mut Noise, readings: usize, count: usize) -> Vec<usize> {
    let width = readings / 10 / count;
    loop {
        let place = |_| (readings as f64 * noise.between(0.2, 0.95)) as usize;
        let mut places: Vec<usize> = (0..count).map(place).collect();
        places.sort_unstable();
        if places
            .windows(2)
            .all(|p| p[1] - p[0] > width + width / 4 + 5)
        {
            return places;
        }
    }
}

/// Adds to or multiplies a stretch.
fn stretch(of: &mut [f64], from: usize, length: usize, mut change: impl FnMut(usize, &mut f64)) {
    for (nth, value) in of.iter_mut().skip(from).take(length).enumerate() {
        change(nth, value);
    }
}

fn wave(time: f64, phase: f64) -> f64 {
    ((time / DAY_S + phase) * std::f64::consts::TAU).sin()
}

fn weekend(time: f64, offset: f64) -> bool {
    (time / DAY_S + offset).rem_euclid(7.0) >= 5.0
}

/// Mentions per five minutes: overdispersed, with a day, a week and bursts.
fn counts(noise: &mut Noise) -> Parts {
    let readings = 15_831;
    let times = times(noise, readings, 300.0);
    let (phase, monday) = (noise.unit(), noise.between(0.0, 7.0));
    let base = noise.scale(0.3, 60.0);
    let (swing, spread) = (noise.between(0.2, 0.9), noise.between(0.1, 0.6));
    let at_weekends = noise.between(0.6, 1.0);
    let (burst_rate, burst_size) = (noise.between(0.0005, 0.004), noise.between(0.8, 2.5));
    let count = 2 + noise.index(3);
    let places = places(noise, readings, count);
    let mut event = vec![0.0; readings];
    for &place in &places {
        let (size, lasting) = (noise.between(4.0, 40.0), noise.between(3.0, 80.0));
        let ramp = noise.index(3);
        stretch(&mut event, place, (lasting * 6.0) as usize, |nth, value| {
            let rising = if nth < ramp { 0.5 } else { 1.0 };
            *value += size * rising * (-(nth as f64) / lasting).exp();
        });
    }
    let (mut level, mut burst) = (0.0, 0.0);
    let values = (0..readings).map(|at| {
        level = level * 0.999 + 0.02 * noise.normal();
        if noise.chance(burst_rate) {
            burst += burst_size * noise.exponential().powf(1.3);
        }
        burst *= 0.85;
        let day = (1.0 + swing * wave(times[at], phase)).max(0.05);
        let week = if weekend(times[at], monday) {
            at_weekends
        } else {
            1.0
        };
        let mean = base * day * week * f64::exp(level) * (1.0 + burst + event[at]);
        let around = (spread * noise.normal()).exp();
        noise.poisson(mean * around)
    });
    let values = values.collect();
    (times, values, places)
}

/// Utilisation in percent: a plateau with noise, jobs, steps, spikes.
fn cpu(noise: &mut Noise) -> Parts {
    let readings = 4_032;
    let times = times(noise, readings, 300.0);
    let base = noise.scale(0.05, 90.0);
    let level = base.min(100.0 - base).max(0.01) * noise.between(0.01, 0.12);
    let digit = noise.pick(&[0.0, 0.002, 0.1, 1.0]);
    let job_every = noise.pick(&[0, 0, 0, 0, 12, 72, 144, 288]);
    let job = level * noise.between(3.0, 15.0);
    let swing = if noise.chance(0.4) {
        level * noise.between(0.5, 4.0)
    } else {
        0.0
    };
    let phase = noise.unit();
    let tailed = noise.chance(0.5);
    let spikes = if noise.chance(0.5) {
        noise.between(0.001, 0.01)
    } else {
        0.0
    };
    let count = 1 + noise.index(3);
    let places = places(noise, readings, count);
    let (mut added, mut rougher) = (vec![0.0; readings], vec![1.0; readings]);
    for &place in &places {
        let sign = if noise.chance(0.3) { -1.0 } else { 1.0 };
        let size = noise.between(5.0, 25.0) * level * sign;
        let long = 20 + noise.index(200);
        match noise.index(6) {
            0 => stretch(&mut added, place, 1 + long % 3, |_, v| *v += 2.0 * size),
            1 => stretch(&mut added, place, readings, |_, v| *v += 0.6 * size),
            2 => stretch(&mut added, place, long, |_, v| *v += size),
            3 => stretch(&mut rougher, place, long, |_, v| {
                *v = noise.between(3.0, 7.0)
            }),
            4 => stretch(&mut added, place, long, |nth, v| {
                *v += size * nth as f64 / long as f64;
            }),
            _ => stretch(&mut added, place, long, |_, v| {
                if noise.chance(0.3) {
                    *v += 1.2 * size.abs();
                }
            }),
        }
    }
    let mut before = 0.0;
    let values = (0..readings).map(|at| {
        before = 0.6 * before + 0.8 * noise.normal();
        let tail = if tailed {
            (0.35 * noise.normal()).exp()
        } else {
            1.0
        };
        let mut value = base + level * before * rougher[at] * tail + added[at];
        value += swing * wave(times[at], phase);
        if job_every > 0 && at % job_every < 2 {
            value += job * noise.between(0.8, 1.2);
        }
        if noise.chance(spikes) {
            value += level * noise.between(3.0, 9.0);
        }
        let value = value.clamp(0.0, 100.0);
        if digit > 0.0 {
            (value / digit).round() * digit
        } else {
            value
        }
    });
    let values = values.collect();
    (times, values, places)
}

/// Bytes over network or disk: a floor and a heavy tail, zeros at times.
fn bytes(noise: &mut Noise) -> Parts {
    let readings = noise.pick(&[4_032, 4_032, 4_730]);
    let times = times(noise, readings, 300.0);
    let base = noise.scale(50.0, 1e7);
    let spread = noise.between(0.1, 0.5);
    let (spikes, spike) = (noise.between(0.002, 0.05), noise.between(2.0, 12.0));
    let every = noise.pick(&[0, 0, 0, 12, 36, 288]);
    let zeros = if noise.chance(0.3) {
        noise.between(0.2, 0.9)
    } else {
        0.0
    };
    let count = 1 + noise.index(3);
    let places = places(noise, readings, count);
    let mut times_as_much = vec![1.0; readings];
    for &place in &places {
        let size = noise.between(5.0, 40.0);
        let long = 20 + noise.index(200);
        let of = &mut times_as_much;
        match noise.index(4) {
            0 => stretch(of, place, 1 + long % 4, |_, v| {
                *v = 3.0 * size * (1.0 + spike)
            }),
            1 => stretch(of, place, long, |_, v| *v = 1.0 + 0.4 * size),
            2 => stretch(of, place, long, |_, v| {
                if noise.chance(0.4) {
                    *v = 0.5 * size * (1.0 + spike);
                }
            }),
            _ => stretch(of, place, long, |_, v| *v = 0.05),
        }
    }
    let values = (0..readings).map(|at| {
        let mut value = base * (spread * noise.normal()).exp();
        if times_as_much[at] == 1.0 && noise.chance(zeros) {
            value = 0.0;
        }
        if noise.chance(spikes) || (every > 0 && at % every == 0) {
            value += base * spike * (0.5 * noise.normal()).exp();
        }
        (value * times_as_much[at]).round()
    });
    let values = values.collect();
    (times, values, places)
}

/// Hourly prices and rates of advertisements: few readings, skewed.
fn rates(noise: &mut Noise) -> Parts {
    let readings = 1_538 + noise.index(100);
    let times = times(noise, readings, 3_600.0);
    let base = noise.scale(0.05, 200.0);
    let (spread, swing, phase) = (
        noise.between(0.1, 0.4),
        noise.between(0.0, 0.5),
        noise.unit(),
    );
    let (at_weekends, monday) = (noise.between(0.7, 1.1), noise.between(0.0, 7.0));
    let count = 1 + noise.index(3);
    let places = places(noise, readings, count);
    let mut times_as_much = vec![1.0; readings];
    for &place in &places {
        let size = noise.between(2.5, 10.0);
        let long = 8 + noise.index(35);
        let of = &mut times_as_much;
        match noise.index(4) {
            0 | 1 => stretch(of, place, 1 + long % 6, |_, v| *v = size),
            2 => stretch(of, place, long, |_, v| *v = 1.0 + 0.35 * size),
            _ => stretch(of, place, long, |_, v| *v = 0.2),
        }
    }
    let mut level = 0.0;
    let values = (0..readings).map(|at| {
        level = level * 0.99 + 0.03 * noise.normal();
        let odd = if noise.chance(0.006) {
            noise.between(1.5, 3.0)
        } else {
            1.0
        };
        let day = (1.0 + swing * wave(times[at], phase)).max(0.05);
        let week = if weekend(times[at], monday) {
            at_weekends
        } else {
            1.0
        };
        let around = (spread * noise.normal() + level).exp();
        base * around * day * week * times_as_much[at] * odd
    });
    let values = values.collect();
    (times, values, places)
}

/// Occupancy, speed or travel time on a road; irregular times, rush hours.
fn traffic(noise: &mut Noise) -> Parts {
    let readings = 2_200 + noise.index(400);
    let kind = noise.index(3);
    let interval = noise.pick(&[300.0, 300.0, 600.0]);
    let mut now = 1.4e9 + noise.between(0.0, 7.0 * DAY_S).floor();
    let times: Vec<f64> = (0..readings)
        .map(|_| {
            let skipped = if noise.chance(0.15) {
                1 + noise.index(4)
            } else {
                0
            };
            now += interval * (1.0 + skipped as f64);
            if noise.chance(0.002) {
                now += noise.between(3_600.0, DAY_S);
            }
            now
        })
        .collect();
    let (peak, monday) = (noise.between(0.3, 0.9), noise.between(0.0, 7.0));
    let shift = noise.between(-0.03, 0.03);
    let count = 1 + noise.index(4);
    let places = places(noise, readings, count);
    let (mut jam, mut glitch) = (vec![0.0; readings], vec![0.0; readings]);
    for &place in &places {
        let (size, long) = (noise.between(0.8, 2.2), 6 + noise.index(40));
        match noise.index(3) {
            0 => stretch(&mut glitch, place, 1 + long % 3, |_, v| *v = size),
            _ => stretch(&mut jam, place, long, |_, v| *v = size),
        }
    }
    let values = (0..readings).map(|at| {
        let hour = (times[at] / DAY_S + shift).fract() * 24.0;
        let bell = |middle: f64, width: f64| (-(hour - middle).powi(2) / width).exp();
        let week = if weekend(times[at], monday) {
            0.35
        } else {
            1.0
        };
        let rush = week * (bell(8.5, 2.0) + bell(17.5, 3.0));
        let by_day = if hour > 6.0 && hour < 22.0 { 1.0 } else { 0.2 };
        let flow = 0.15 + 0.5 * by_day * week + 0.35 * rush;
        let chance = if noise.chance(0.01) {
            noise.between(0.2, 0.7)
        } else {
            0.0
        };
        let usual_jam = 0.5 * (rush * peak * noise.between(0.2, 1.0)).powi(2);
        let jam = usual_jam + jam[at] + chance;
        match kind {
            0 => {
                let share = flow * 6.0 * (0.25 * noise.normal()).exp() + 20.0 * jam;
                (share * (1.0 + glitch[at]) * 100.0).round() / 100.0
            }
            1 => {
                let slower = 28.0 * jam.min(2.0) + 20.0 * glitch[at];
                (68.0 + 2.5 * noise.normal() - slower)
                    .clamp(3.0, 90.0)
                    .round()
            }
            _ => {
                let longer = 1.0 + 0.1 * noise.normal().abs() + 1.2 * jam + 2.0 * glitch[at];
                (200.0 * longer * (0.15 * noise.normal()).exp()).round()
            }
        }
    });
    let values = values.collect();
    (times, values, places)
}

/// Temperatures in a plant: slow, drifting, with small dips.
fn plant(noise: &mut Noise) -> Parts {
    let readings = 8_000 + noise.index(15_000);
    let interval = noise.pick(&[300.0, 300.0, 60.0, 3_600.0, 1.0]);
    let times = times(noise, readings, interval);
    let count = 2 + noise.index(3);
    let places = places(noise, readings, count);
    let (swing, phase) = (noise.between(0.0, 3.0), noise.unit());
    let memory: f64 = noise.between(0.97, 0.999);
    let innovation = 2.0 * (1.0 - memory * memory).sqrt();
    let mut fault = vec![0.0; readings];
    for &place in &places {
        let sign = if noise.chance(0.65) { -1.0 } else { 1.0 };
        let size = noise.between(5.0, 14.0) * sign;
        let long = 10 + noise.index(200);
        let part = move |nth: usize| nth as f64 / long as f64;
        match noise.index(3) {
            0 => stretch(&mut fault, place, readings, |nth, v| {
                *v += size * (-part(nth)).exp()
            }),
            1 => stretch(&mut fault, place, long, |nth, v| *v += size * part(nth)),
            _ => stretch(&mut fault, place, long, |_, v| *v += 0.7 * size),
        }
    }
    let drift = noise.between(-4.0, 4.0) / readings as f64;
    let dips = noise.between(0.0002, 0.001);
    let (mut load, mut season, mut dip) = (0.0, 0.0, 0.0);
    let values = (0..readings).map(|at| {
        load = load * memory + innovation * noise.normal();
        season = season * 0.9999 + 0.02 * noise.normal();
        if noise.chance(dips) {
            dip = -noise.between(1.0, 5.0);
        }
        dip *= 0.95;
        let slow = 75.0 + load + season + dip + drift * at as f64;
        slow + swing * wave(times[at], phase) + 0.25 * noise.normal() + fault[at]
    });
    let values = values.collect();
    (times, values, places)
}

/// A rectangle every so often, once with a fault.
fn daily(noise: &mut Noise) -> Parts {
    let readings = 4_032;
    let times = times(noise, readings, 300.0);
    let low = noise.between(0.0, 50.0);
    let height = noise.between(10.0, 80.0);
    let level = height * noise.pick(&[0.0, 0.02, 0.1, 0.15]);
    let from = noise.between(0.2, 0.5);
    let until = from + noise.between(0.2, 0.4);
    let every = noise.pick(&[288, 288, 72, 576, 96]);
    let place = places(noise, readings, 1)[0] / every * every;
    let (kind, size) = (noise.index(5), noise.between(0.5, 1.5));
    let values = (0..readings).map(|at| {
        let part = (at % every) as f64 / every as f64;
        let on = part >= from && part < until;
        let wrong = at / every == place / every;
        let height = match (wrong, kind, on) {
            (true, 0, true) => height * (1.0 + size),
            (true, 1, true) => height * 0.3,
            (true, 2, true) => 0.0,
            (true, 3, true) => height * (1.0 - 0.3 * size),
            (true, 4, false) | (_, _, true) => height,
            (_, _, false) => 0.0,
        };
        low + height + level * (noise.unit() - 0.5)
    });
    let values = values.collect();
    (times, values, vec![place + (every as f64 * from) as usize])
}

/// Whole numbers, mostly the same, with rare spikes.
fn sparse(noise: &mut Noise) -> Parts {
    let readings = 3_000 + noise.index(5_000);
    let interval = noise.pick(&[300.0, 60.0, 3_600.0]);
    let times = times(noise, readings, interval);
    let count = 1 + noise.index(2);
    let places = places(noise, readings, count);
    let (rate, height) = (noise.between(0.001, 0.03), noise.between(1.0, 30.0).round());
    let mut wrong = vec![0.0; readings];
    for &place in &places {
        let (long, kind) = (20 + noise.index(200), 1.0 + noise.index(3) as f64);
        stretch(&mut wrong, place, long, |_, v| *v = kind);
    }
    let base = noise.between(0.0, 20.0).round();
    let values = (0..readings).map(|at| {
        let rate = if wrong[at] == 1.0 { 0.3 } else { rate };
        let mut value = base + f64::from(u8::from(noise.chance(0.02)));
        if noise.chance(rate) {
            value += height + noise.poisson(height * 0.2);
        }
        if wrong[at] == 2.0 && noise.chance(0.1) {
            value += height * noise.between(2.0, 5.0);
        }
        if wrong[at] == 3.0 {
            value = base + (height * 0.4).ceil();
        }
        value.round()
    });
    let values = values.collect();
    (times, values, places)
}

/// Latencies: correlated, heavy on the upper side.
fn latency(noise: &mut Noise) -> Parts {
    let readings = 4_032 + noise.index(4_000);
    let interval = noise.pick(&[300.0, 60.0]);
    let times = times(noise, readings, interval);
    let count = 1 + noise.index(3);
    let places = places(noise, readings, count);
    let (spread, base) = (noise.between(0.05, 0.4), noise.between(1.0, 300.0));
    let mut slower = vec![1.0; readings];
    for &place in &places {
        let (size, long) = (noise.between(1.5, 4.0), 15 + noise.index(120));
        match noise.index(3) {
            0 => stretch(&mut slower, place, 1 + long % 3, |_, v| *v = 1.8 * size),
            1 => stretch(&mut slower, place, long, |_, v| *v = 1.0 + 0.4 * size),
            _ => stretch(&mut slower, place, long, |_, v| {
                if noise.chance(0.2) {
                    *v = 1.3 * size;
                }
            }),
        }
    }
    let mut load = 0.0;
    let values = (0..readings).map(|at| {
        load = 0.9 * load + 0.43 * noise.normal();
        let tail = if noise.chance(0.01) {
            1.0 + 0.6 * noise.exponential()
        } else {
            1.0
        };
        base * (spread * 0.5 * (load + noise.normal())).exp() * tail * slower[at]
    });
    let values = values.collect();
    (times, values, places)
}

/// Nothing to find.
fn quiet(noise: &mut Noise) -> Parts {
    let readings = 4_032;
    let times = times(noise, readings, 300.0);
    let (kind, phase) = (noise.index(6), noise.unit());
    let mut walk = 0.0;
    let values = (0..readings).map(|at| match kind {
        0 => noise.normal(),
        1 => {
            walk = walk * 0.98 + noise.normal();
            walk
        }
        2 => noise.exponential(),
        3 => 10.0 + 5.0 * wave(times[at], phase) + noise.normal(),
        4 => noise.poisson(2.0),
        _ => (0.8 * noise.normal()).exp(),
    });
    let values = values.collect();
    (times, values, Vec::new())
}

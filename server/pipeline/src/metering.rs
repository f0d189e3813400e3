//! What the work of functions would have cost on AWS Lambda: arithmetic, without
//! any call to AWS.
//!
//! One request brings `batch_size` readings to one function, and is billed for
//! the time that they take it, in whole milliseconds and no less than
//! `min_duration`, times the configured memory in units of 2^30 bytes. That is
//! how AWS bills (aws.amazon.com/lambda/pricing); its free tier, discounts for
//! volume, cold starts and every other service are left out.

use std::ops::Add;

use serde::Serialize;
use weir_config::Lambda;
use weir_engine::Times;

/// What AWS would have charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bill {
    pub requests: u64,
    pub gb_seconds: f64,
    pub usd: f64,
}

impl Add for Bill {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            gb_seconds: self.gb_seconds + other.gb_seconds,
            usd: self.usd + other.usd,
        }
    }
}

/// The bill of so many `invocations` with `batch` of them in one request.
pub fn bill(lambda: &Lambda, invocations: u64, batch: u32, time: &Times) -> Bill {
    let requests = invocations.div_ceil(u64::from(batch));
    let least = lambda.min_duration.as_nanos().div_ceil(1_000_000) as f64;
    let milliseconds = match batch {
        // Each is rounded up by itself.
        1 => time.billed_ms(),
        batch => (time.mean_ns().unwrap_or(0.0) * f64::from(batch) / 1e6).ceil(),
    };
    let gigabytes = lambda.memory as f64 / f64::from(1_u32 << 30);
    let gb_seconds = requests as f64 * gigabytes * milliseconds.max(least) / 1e3;
    let requests_usd = requests as f64 / 1e6 * lambda.price_per_million_requests;
    Bill {
        requests,
        gb_seconds,
        usd: requests_usd + gb_seconds * lambda.price_per_gb_second,
    }
}

/// What an item of DynamoDB takes beside what functions remember: names, latest
/// values, the last messages. Measured for a device of five sensors.
const ITEM_BYTES: u64 = 450;
/// US dollars per million write units of 1 KB and read units of 4 KB, on demand, in
/// us-east-1 (aws.amazon.com/dynamodb/pricing/on-demand, as of November 2026).
const USD_PER_MILLION_WRITES: f64 = 0.625;
const USD_PER_MILLION_READS: f64 = 0.125;

/// US dollars for the memory of the functions in DynamoDB: one consistent read and
/// one write of a device's item per message. `bytes`: what the functions remember of
/// all `devices` together. Deflated items, batches and the cache cost less.
pub fn dynamodb_usd(messages: u64, bytes: u64, devices: u64) -> f64 {
    let item = ITEM_BYTES + bytes.div_ceil(devices.max(1));
    let per_million = item.div_ceil(1_024) as f64 * USD_PER_MILLION_WRITES
        + item.div_ceil(4_096) as f64 * USD_PER_MILLION_READS;
    messages as f64 / 1e6 * per_million
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check(lambda: &Lambda, invocations: u64, expect: (u64, f64, f64)) {
        let bill = bill(lambda, invocations, lambda.batch_size, &Times::default());
        let close = |a: f64, b: f64| (a - b).abs() <= b.abs() * 1e-9;
        assert!(
            bill.requests == expect.0
                && close(bill.gb_seconds, expect.1)
                && close(bill.usd, expect.2),
            "{bill:?}, not {expect:?}"
        );
    }

    #[test]
    fn state_costs_a_read_and_a_write_of_the_item() {
        // 5 devices of 100 bytes: one unit each.
        assert!((dynamodb_usd(1_000_000, 500, 5) - 0.75).abs() < 1e-9);
        // 7 KB each, as `adaptive` on five sensors: eight writes and two reads.
        assert!((dynamodb_usd(2_000_000, 5 * 7 * 1_024, 5) - 2.0 * 5.25).abs() < 1e-9);
        assert!((dynamodb_usd(0, 500, 0) - 0.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_bill_is_that_of_the_price_list() {
        let lambda = Lambda::default();
        check(&lambda, 0, (0, 0.0, 0.0));
        // 0.20 for requests; 125 GB-seconds of 1 ms at an eighth of a GB.
        check(
            &lambda,
            1_000_000,
            (1_000_000, 125.0, 0.2 + 0.002_083_337_5),
        );
        // AWS's second example: 128 MB, 30 million requests of 200 ms are
        // 750,000 GB-seconds.
        let slow = Lambda {
            min_duration: Duration::from_millis(200),
            ..lambda.clone()
        };
        check(
            &slow,
            30_000_000,
            (30_000_000, 750_000.0, 6.0 + 750_000.0 * 0.000_016_666_7),
        );
        let batches = Lambda {
            batch_size: 100,
            ..lambda
        };
        check(
            &batches,
            101,
            (2, 0.000_25, 4e-7 + 0.000_25 * 0.000_016_666_7),
        );
    }
}

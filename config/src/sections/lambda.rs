//! `[lambda]`: the prices for an estimate of what the same work would cost on AWS
//! Lambda, for `/api/v1/functions`, `/metrics` and `weir functions`. Nothing is
//! sent anywhere.

use std::time::Duration;

use crate::file::raw::{Raw, Refused};
use crate::file::reader::Reader;
use crate::file::values::{GIB, MIB, MILLISECOND, MINUTE, count, duration, size};

/// `[lambda]`. The defaults are AWS's list prices of us-east-1 on x86, first
/// tier (aws.amazon.com/lambda/pricing, as of November 2026).
#[derive(Clone, Debug, PartialEq)]
pub struct Lambda {
    /// Memory of a function, bytes. 128 MiB to 10 GiB.
    pub memory: u64,
    /// Readings per request. 1 to 10,000.
    pub batch_size: u32,
    /// The least that is billed per request. 1 ms to 15 min.
    pub min_duration: Duration,
    /// US dollars per million requests. 0 to 1,000.
    pub price_per_million_requests: f64,
    /// US dollars per GB-second. 0 to 1.
    pub price_per_gb_second: f64,
}

impl Default for Lambda {
    fn default() -> Self {
        Self {
            memory: 128 * MIB,
            batch_size: 1,
            min_duration: Duration::from_millis(1),
            price_per_million_requests: 0.20,
            price_per_gb_second: 0.000_016_666_7,
        }
    }
}

pub(crate) fn lambda(reader: &mut Reader<'_>) -> Lambda {
    let mut section = reader.section("lambda");
    let default = Lambda::default();
    Lambda {
        memory: section.value("memory", default.memory, size(128 * MIB..=10 * GIB)),
        batch_size: section.value("batch_size", default.batch_size, count(1..=10_000)),
        min_duration: section.value(
            "min_duration",
            default.min_duration,
            duration(MILLISECOND..=15 * MINUTE),
        ),
        price_per_million_requests: section.value(
            "price_per_million_requests",
            default.price_per_million_requests,
            price(1_000.0),
        ),
        price_per_gb_second: section.value(
            "price_per_gb_second",
            default.price_per_gb_second,
            price(1.0),
        ),
    }
}

/// US dollars.
fn price(most: f64) -> impl FnOnce(Raw<'_>) -> Result<f64, Refused> {
    move |raw| {
        let price = raw.number()?;
        if !(0.0..=most).contains(&price) {
            return Err(format!("must be 0 to {most} US dollars, not {price}").into());
        }
        Ok(price)
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;

    #[test]
    fn prices_and_sizes_are_checked() {
        let text = "[lambda]\nmemory = \"64MiB\"\nprice_per_gb_second = 20\nbatch_size = 0\n";
        let problems = Config::from_toml(text).unwrap_err();
        let reported: Vec<String> = problems.iter().map(ToString::to_string).collect();
        for (line, key) in [(2, "memory"), (3, "price_per_gb_second"), (4, "batch_size")] {
            assert!(
                problems
                    .iter()
                    .any(|p| p.line == line && p.key == format!("lambda.{key}")),
                "{key}: {reported:?}"
            );
        }
        let text = "[lambda]\nmemory = \"1GiB\"\nprice_per_million_requests = 0.17\n";
        let lambda = Config::from_toml(text).unwrap().lambda;
        assert_eq!(
            (lambda.memory, lambda.price_per_million_requests),
            (1 << 30, 0.17)
        );
    }
}

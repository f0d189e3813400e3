//! One metric with its values, as OpenMetrics text.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::families::{Family, Type};

/// Names, in the order of [`Family::labels`], and values.
pub(super) type Labels<'a> = Vec<(&'a str, String)>;

/// What a counter or a gauge can hold.
pub(super) trait Value {
    fn counter(self) -> impl EncodeMetric;
    fn gauge(self) -> impl EncodeMetric;
}

impl Value for u64 {
    fn counter(self) -> impl EncodeMetric {
        ConstCounter::new(self)
    }

    fn gauge(self) -> impl EncodeMetric {
        ConstGauge::new(self as f64)
    }
}

impl Value for f64 {
    fn counter(self) -> impl EncodeMetric {
        ConstCounter::new(self)
    }

    fn gauge(self) -> impl EncodeMetric {
        ConstGauge::new(self)
    }
}

/// A metric without labels.
pub(super) fn one(
    encoder: &mut DescriptorEncoder<'_>,
    family: &Family,
    value: impl Value,
) -> fmt::Result {
    debug_assert!(family.labels.is_empty(), "{family:?}");
    write(family, value, describe(encoder, family)?)
}

/// A metric with labels, a value for each set of them.
pub(super) fn each<'a, V: Value>(
    encoder: &mut DescriptorEncoder<'_>,
    family: &Family,
    values: impl IntoIterator<Item = (Labels<'a>, V)>,
) -> fmt::Result {
    let mut metric = describe(encoder, family)?;
    for (labels, value) in values {
        let names = labels.iter().map(|(name, _)| name);
        debug_assert!(names.eq(family.labels), "{family:?}: {labels:?}");
        write(family, value, metric.encode_family(&labels)?)?;
    }
    Ok(())
}

fn describe<'e>(
    encoder: &'e mut DescriptorEncoder<'_>,
    family: &'e Family,
) -> Result<MetricEncoder<'e>, fmt::Error> {
    let kind = match family.kind {
        Type::Counter => ConstCounter::new(0_u64).metric_type(),
        Type::Gauge => ConstGauge::new(0.0).metric_type(),
    };
    encoder.encode_descriptor(family.name, family.help, None, kind)
}

fn write(family: &Family, value: impl Value, encoder: MetricEncoder<'_>) -> fmt::Result {
    match family.kind {
        Type::Counter => value.counter().encode(encoder),
        Type::Gauge => value.gauge().encode(encoder),
    }
}

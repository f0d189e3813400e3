//! Every key that a configuration file may have, and the nearest to one that
//! it may not.

use strsim::damerau_levenshtein;

/// A table of the file and the keys in it.
pub(crate) struct Table {
    /// `store.embedded`; empty for the top of the file.
    pub(crate) path: &'static str,
    pub(crate) keys: &'static [&'static str],
    /// `[[source]]` rather than `[http]`: its keys have no environment variable.
    pub(crate) repeated: bool,
}

const fn table(path: &'static str, keys: &'static [&'static str]) -> Table {
    Table {
        path,
        keys,
        repeated: false,
    }
}

const fn tables(path: &'static str, keys: &'static [&'static str]) -> Table {
    Table {
        path,
        keys,
        repeated: true,
    }
}

pub(crate) const TABLES: &[Table] = &[
    table(
        "",
        &[
            "http",
            "auth",
            "tls",
            "broker",
            "source",
            "route",
            "journal",
            "limits",
            "store",
            "quarantine",
            "line_protocol",
            "function",
            "shadows",
            "watchdog",
            "query",
            "flight",
            "postgres",
            "reload",
            "lambda",
            "retain",
            "alarms",
            "alarm",
            "channel",
            "notify",
            "maintenance",
            "inhibit",
        ],
    ),
    table("http", &["listen", "tls"]),
    table("auth", &["file"]),
    table("tls", &["cert_file", "key_file", "client_ca_file"]),
    table(
        "broker",
        &[
            "listen",
            "websocket_listen",
            "tls",
            "max_connections",
            "max_packet",
            "max_inflight",
        ],
    ),
    tables(
        "source",
        &[
            "url",
            "client_id",
            "username",
            "password_file",
            "ca_file",
            "cert_file",
            "key_file",
            "connections",
            "share_group",
            "max_inflight",
            "max_packet",
            "keep_alive",
            "silent_after",
            "publish",
        ],
    ),
    tables("route", &["topic", "codec", "precision"]),
    table("journal", &["max_size", "segment_size", "max_pending"]),
    table(
        "limits",
        &[
            "max_payload",
            "max_readings_per_message",
            "max_series_per_device",
            "max_devices",
            "min_time",
            "max_ahead",
        ],
    ),
    table("store", &["embedded", "influxdb"]),
    table(
        "store.embedded",
        &[
            "retention",
            "retention_1h",
            "retention_1m",
            "flush_interval",
            "flush_readings",
        ],
    ),
    tables("retain", &["device", "sensor", "location", "keep"]),
    table(
        "store.influxdb",
        &[
            "url",
            "org",
            "bucket",
            "token_file",
            "batch_lines",
            "batch_interval",
            "parallel",
            "gzip",
            "timeout",
            "measurement",
            "tags",
            "field",
            "text_field",
        ],
    ),
    tables(
        "function",
        &[
            "name",
            "kind",
            "device",
            "sensor",
            "location",
            "warning_high",
            "critical_high",
            "warning_low",
            "critical_low",
            "deadband",
            "on_delay",
            "off_delay",
            "quality",
            "severity",
            "min",
            "max",
            "max_ahead",
            "max_behind",
            "max_rise",
            "max_fall",
            "per",
            "after",
            "tolerance",
            "min_readings",
            "max_gap",
            "interval",
            "values",
            "unit",
            "assume",
            "window",
            "season",
            "bin",
            "utc_offset_minutes",
            "drift",
            "factor",
            "expect",
            "gateway",
            "sensors",
            "explained",
            "expression",
            "output",
            "max_age",
            "half_life",
            "warmup",
            "min_spread",
            "warning_score",
            "critical_score",
            "at_most_every",
            "module",
            "state",
            "state_version",
            "params",
            "reasons",
            "fuel",
            "memory",
            "timeout",
            "max_failures",
        ],
    ),
    table(
        "line_protocol",
        &[
            "device_tags",
            "default_device",
            "sensor_tags",
            "location_tags",
            "unit_tags",
            "ignored_tags",
            "sensor",
            "max_body",
        ],
    ),
    table("quarantine", &["max_entries", "max_size", "max_age"]),
    table(
        "watchdog",
        &["stalled_after", "alerts", "alert_after", "critical"],
    ),
    table(
        "query",
        &["timeout", "max_rows", "max_memory", "max_concurrent"],
    ),
    table("flight", &["listen"]),
    table("postgres", &["listen"]),
    table("reload", &["watch"]),
    table(
        "lambda",
        &[
            "memory",
            "batch_size",
            "min_duration",
            "price_per_million_requests",
            "price_per_gb_second",
        ],
    ),
    table(
        "alarms",
        &[
            "history",
            "operators",
            "link",
            "utc_offset",
            "critical_hides_warning",
        ],
    ),
    tables(
        "alarm",
        &[
            "function",
            "device",
            "sensor",
            "location",
            "severity",
            "priority",
            "latch",
            "action",
            "out_of_service",
        ],
    ),
    tables(
        "channel",
        &[
            "name",
            "kind",
            "timeout",
            "allow_private",
            "ca_file",
            "max_per_minute",
            "storm_above",
            "give_up_after",
            "url",
            "url_file",
            "secret_file",
            "resend",
            "routing_key_file",
            "server",
            "tls",
            "from",
            "to",
            "username",
            "password_file",
            "topic_arn",
            "endpoint",
            "credentials_file",
        ],
    ),
    tables(
        "notify",
        &[
            "function",
            "device",
            "sensor",
            "location",
            "severity",
            "priority",
            "hours",
            "days",
            "channels",
            "group_by",
            "group_wait",
            "repeat",
            "escalate_after",
            "escalate_to",
            "and_next",
        ],
    ),
    tables(
        "maintenance",
        &[
            "function", "device", "sensor", "location", "severity", "from", "to",
        ],
    ),
    tables(
        "inhibit",
        &[
            "by_function",
            "by_device",
            "by_sensor",
            "by_location",
            "by_severity",
            "function",
            "device",
            "sensor",
            "location",
            "severity",
            "same",
        ],
    ),
    table(
        "shadows",
        &[
            "prefix",
            "interval",
            "max_document",
            "max_depth",
            "max_inflight",
        ],
    ),
];

pub(crate) fn keys_of(path: &str) -> &'static [&'static str] {
    TABLES
        .iter()
        .find(|table| table.path == path)
        .map_or(&[], |table| table.keys)
}

/// `http` and `listen` to `http.listen`.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// The environment variable of a scalar key: `WEIR_HTTP_LISTEN`.
pub(crate) fn variable(path: &str, key: &str) -> String {
    format!(
        "WEIR_{}",
        join(path, key).replace('.', "_").to_ascii_uppercase()
    )
}

/// The key that was probably meant by `key` in the table `path`: a close one of
/// the same table, else the same one of another table.
pub(crate) fn nearest(path: &str, key: &str) -> Option<String> {
    // Of a hostile key only the beginning is compared: the distance is quadratic.
    if key.len() > 64 {
        return None;
    }
    let key = key.to_ascii_lowercase().replace('-', "_");
    let here = keys_of(path)
        .iter()
        .map(|known| (damerau_levenshtein(&key, known), *known));
    let close = here.min_by_key(|(distance, _)| *distance);
    if let Some((distance, known)) = close
        && distance <= (key.chars().count().max(known.len()) / 3).max(1)
    {
        return Some(join(path, known));
    }
    let holder = TABLES
        .iter()
        .find(|table| table.keys.contains(&key.as_str()))?;
    Some(join(holder.path, &key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_one_that_may_have_been_meant() {
        #[track_caller]
        fn check(path: &str, key: &str, expect: Option<&str>) {
            assert_eq!(nearest(path, key).as_deref(), expect, "{path} {key}");
        }
        check("http", "lisen", Some("http.listen"));
        check("", "sources", Some("source"));
        check("", "functions", Some("function"));
        check("", "jurnal", Some("journal"));
        check("function", "critical-high", Some("function.critical_high"));
        check("journal", "retention", Some("store.embedded.retention"));
        check("store.influxdb", "URL", Some("store.influxdb.url"));
        check("http", "colour", None);
        check("http", &"x".repeat(1_000_000), None);
    }

    #[test]
    fn every_variable_stands_for_one_key() {
        let scalar = TABLES.iter().filter(|table| !table.repeated);
        let mut names: Vec<String> = scalar
            .flat_map(|t| t.keys.iter().map(|key| variable(t.path, key)))
            .collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}

//! The differences between two configurations, key by key, and whether a reload
//! can apply them.
//!
//! Every field of every section is in one of two lists here, `live` or `restart`;
//! a field that is in neither does not compile. So a reload cannot silently ignore
//! a new key.

use crate::{
    Alarms, Auth, Broker, Config, EmbeddedStore, Http, InfluxDb, JournalSection, Lambda, Limits,
    LineMapping, LineProtocol, Quarantine, Query, Reload, Shadows, Source, SqlListener, Tls,
    Watchdog,
};

/// The keys that differ, such as `limits.max_payload`, `function.overheat` or
/// `source.weir.url`; the last two by name and client id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// A reload can apply these.
    pub live: Vec<String>,
    /// These need a restart.
    pub restart: Vec<String>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.live.is_empty() && self.restart.is_empty()
    }
}

/// Compares two values of a section's type, field by field.
macro_rules! compare {
    ($changes:ident, $path:expr, $section:ident, $old:expr, $new:expr,
     live: [$($live:ident),*], restart: [$($restart:ident),*]) => {{
        let (old, new): (&$section, &$section) = ($old, $new);
        // Names every field, so that none is forgotten.
        let $section { $($live: _,)* $($restart: _,)* } = old;
        $(if old.$live != new.$live {
            $changes.live.push(key($path, stringify!($live)));
        })*
        $(if old.$restart != new.$restart {
            $changes.restart.push(key($path, stringify!($restart)));
        })*
    }};
}

/// The key in the file: without the unit that the field carries.
fn key(path: &str, field: &str) -> String {
    let without = ["_ns", "_minutes"]
        .iter()
        .find_map(|unit| field.strip_suffix(unit));
    format!("{path}.{}", without.unwrap_or(field))
}

impl Config {
    /// The keys that differ in `new`.
    pub fn changes(&self, new: &Self) -> Changes {
        let mut changes = Changes::default();
        let Self {
            http,
            auth,
            tls,
            broker,
            sources,
            routes,
            journal,
            limits,
            embedded_store,
            retention,
            influxdb,
            quarantine,
            functions,
            shadows,
            watchdog,
            query,
            flight,
            postgres,
            reload,
            lambda,
            line_protocol,
            alarms,
            alarm_meanings,
            channels,
            notify,
            maintenance,
            inhibit,
        } = self;
        let c = &mut changes;
        compare!(c, "http", Http, http, &new.http, live: [page], restart: [listen, tls]);
        if let Some((old, new)) = both("auth", auth, &new.auth, c) {
            compare!(c, "auth", Auth, old, new, live: [], restart: [file, oidc]);
        }
        if let Some((old, new)) = both("tls", tls, &new.tls, c) {
            compare!(c, "tls", Tls, old, new, live: [],
                restart: [cert_file, key_file, client_ca_file]);
        }
        if let Some((old, new)) = both("broker", broker, &new.broker, c) {
            compare!(c, "broker", Broker, old, new, live: [],
                restart: [listen, websocket_listen, tls, max_connections, max_packet, max_inflight]);
        }
        let client_id = |source: &Source| source.client_id.clone();
        for (path, old, new) in pairs("source", sources, &new.sources, client_id) {
            match old.zip(new) {
                Some((old, new)) => source(&path, old, new, c),
                None => c.restart.push(path),
            }
        }
        let topic = |route: &crate::Route| route.topic.as_str().to_owned();
        let name = |function: &crate::Function| function.name.clone();
        c.live.extend(changed("route", routes, &new.routes, topic));
        c.live
            .extend(changed("function", functions, &new.functions, name));
        compare!(c, "journal", JournalSection, journal, &new.journal, live: [],
            restart: [max_size, segment_size, max_pending]);
        compare!(c, "limits", Limits, limits, &new.limits, live: [max_payload,
            max_readings_per_message, max_series_per_device, max_devices, min_time_ns, max_ahead],
            restart: []);
        compare!(c, "store.embedded", EmbeddedStore, embedded_store, &new.embedded_store,
            live: [flush_interval, flush_readings],
            restart: [retention, retention_1h, retention_1m]);
        if *retention != new.retention {
            c.live.push("retain".to_owned());
        }
        if let Some((old, new)) = both("store.influxdb", influxdb, &new.influxdb, c) {
            compare!(c, "store.influxdb", InfluxDb, old, new, live: [], restart: [url, org, bucket,
                token_file, batch_lines, batch_interval, parallel, gzip, timeout, mapping]);
            let mut keys = c.restart.iter();
            if let Some(at) = keys.position(|key| key == "store.influxdb.mapping") {
                c.restart.remove(at);
                compare!(c, "store.influxdb", LineMapping, &old.mapping, &new.mapping, live: [],
                    restart: [measurement, tags, field, text_field]);
            }
        }
        compare!(c, "quarantine", Quarantine, quarantine, &new.quarantine, live: [],
            restart: [max_entries, max_size, max_age]);
        compare!(c, "shadows", Shadows, shadows, &new.shadows, live: [interval],
            restart: [prefix, max_document, max_depth, max_inflight]);
        compare!(c, "watchdog", Watchdog, watchdog, &new.watchdog, live: [stalled_after, critical],
            restart: [alerts, alert_after]);
        compare!(c, "query", Query, query, &new.query, live: [],
            restart: [timeout, max_rows, max_memory, max_concurrent]);
        for (path, old, new) in [
            ("flight", flight, &new.flight),
            ("postgres", postgres, &new.postgres),
        ] {
            if let Some((old, new)) = both(path, old, new, c) {
                compare!(c, path, SqlListener, old, new, live: [], restart: [listen]);
            }
        }
        compare!(c, "line_protocol", LineProtocol, line_protocol, &new.line_protocol,
            live: [device_tags, default_device, sensor_tags, location_tags, unit_tags,
            ignored_tags, sensor, max_body], restart: []);
        compare!(c, "alarms", Alarms, alarms, &new.alarms, live: [],
            restart: [history, operators, link, utc_offset_minutes, critical_hides_warning]);
        for (path, differs) in [
            ("alarm", *alarm_meanings != new.alarm_meanings),
            ("channel", *channels != new.channels),
            ("notify", *notify != new.notify),
            ("maintenance", *maintenance != new.maintenance),
            ("inhibit", *inhibit != new.inhibit),
        ] {
            if differs {
                c.restart.push(path.to_owned());
            }
        }
        compare!(c, "reload", Reload, reload, &new.reload, live: [watch], restart: []);
        compare!(c, "lambda", Lambda, lambda, &new.lambda, live: [memory, batch_size,
            min_duration, price_per_million_requests, price_per_gb_second], restart: []);
        changes
    }
}

fn source(path: &str, old: &Source, new: &Source, changes: &mut Changes) {
    let before = changes.restart.len();
    compare!(changes, path, Source, old, new, live: [], restart: [client_id, host, port, tls,
        username, password_file, connections, share_group, max_inflight, max_packet, keep_alive,
        silent_after, publish]);
    // The file has one key for host, port and TLS, and three keys for the TLS files.
    for changed in &mut changes.restart[before..] {
        let field = changed.rsplit('.').next().unwrap_or_default();
        let key = match field {
            "host" | "port" => "url",
            "tls" if old.tls.is_some() != new.tls.is_some() => "url",
            "tls" => "ca_file, cert_file or key_file",
            _ => continue,
        };
        *changed = format!("{path}.{key}");
    }
    changes.restart.dedup();
}

/// An optional section: both values, or a note that it was added or removed.
fn both<'a, T>(
    path: &str,
    old: &'a Option<T>,
    new: &'a Option<T>,
    changes: &mut Changes,
) -> Option<(&'a T, &'a T)> {
    if old.is_some() != new.is_some() {
        changes.restart.push(path.to_owned());
    }
    old.as_ref().zip(new.as_ref())
}

/// The members of two lists that differ, as `path.name`.
fn changed<T: PartialEq>(
    path: &str,
    old: &[T],
    new: &[T],
    name: impl Fn(&T) -> String,
) -> Vec<String> {
    let pairs = pairs(path, old, new, name).into_iter();
    pairs
        .filter(|(_, old, new)| old != new)
        .map(|(path, ..)| path)
        .collect()
}

/// The members of two lists by name: `path.name`, the old and the new one.
fn pairs<'a, T>(
    path: &str,
    old: &'a [T],
    new: &'a [T],
    name: impl Fn(&T) -> String,
) -> Vec<(String, Option<&'a T>, Option<&'a T>)> {
    let find = |list: &'a [T], wanted: &str| list.iter().find(|item| name(item) == wanted);
    let mut pairs = Vec::new();
    for item in old {
        let wanted = name(item);
        let key = format!("{path}.{wanted}");
        pairs.push((key, Some(item), find(new, &wanted)));
    }
    for item in new {
        let wanted = name(item);
        if find(old, &wanted).is_none() {
            pairs.push((format!("{path}.{wanted}"), None, Some(item)));
        }
    }
    pairs
}

#[cfg(test)]
mod tests;

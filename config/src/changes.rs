//! The differences between two configurations, key by key, and whether a reload
//! can apply them.
//!
//! Every field of every section is in one of two lists here, `live` or `restart`;
//! a field that is in neither does not compile. So a reload cannot silently ignore
//! a new key.

use crate::{
    Alarms, Auth, Aws, Broker, Config, EmbeddedStore, Http, InfluxDb, JournalSection, Lambda,
    Limits, LineMapping, LineProtocol, Quarantine, Query, Reload, Retention, Shadows, Source,
    SqlListener, Tls, Watchdog,
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

/// When a change of a key applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Live,
    Restart,
}

/// One key, compared.
#[derive(Debug)]
struct Comparison {
    /// With its table: `limits.max_payload`, `function.overheat`.
    key: String,
    when: When,
    differs: bool,
}

/// Every key of two configurations, in the order of the file's tables.
#[derive(Debug, Default)]
struct Comparisons(Vec<Comparison>);

/// Compares two values of a section's type, field by field.
macro_rules! compare {
    ($keys:ident, $table:expr, $section:ident, $old:expr, $new:expr,
     live: [$($live:ident),*], restart: [$($restart:ident),*]) => {{
        let (old, new): (&$section, &$section) = ($old, $new);
        // Names every field, so that none is forgotten.
        let $section { $($live: _,)* $($restart: _,)* } = old;
        $($keys.add(key($table, stringify!($live)), When::Live, old.$live != new.$live);)*
        $($keys.add(
            key($table, stringify!($restart)), When::Restart, old.$restart != new.$restart,
        );)*
    }};
}

/// The key in the file: without the unit that the field carries.
fn key(table: &str, field: &str) -> String {
    let without = ["_ns", "_minutes"]
        .iter()
        .find_map(|unit| field.strip_suffix(unit));
    format!("{table}.{}", without.unwrap_or(field))
}

impl Config {
    /// The keys that differ in `new`.
    pub fn changes(&self, new: &Self) -> Changes {
        let mut changes = Changes::default();
        let differing = self.compare(new).0.into_iter().filter(|key| key.differs);
        for Comparison { key, when, .. } in differing {
            let keys = match when {
                When::Live => &mut changes.live,
                When::Restart => &mut changes.restart,
            };
            // A key of the file can be several fields.
            if keys.last() != Some(&key) {
                keys.push(key);
            }
        }
        changes
    }

    fn compare(&self, new: &Self) -> Comparisons {
        let mut keys = Comparisons::default();
        let k = &mut keys;
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
            aws,
            line_protocol,
            alarms,
            alarm_meanings,
            channels,
            notify,
            maintenance,
            inhibit,
        } = self;
        k.listeners(new, http, auth.as_ref(), tls.as_ref(), broker.as_ref());
        k.sources(sources, &new.sources);
        k.members("route", routes, &new.routes, |route| route.topic.as_str());
        k.members("function", functions, &new.functions, |function| {
            &function.name
        });
        compare!(k, "journal", JournalSection, journal, &new.journal, live: [],
            restart: [max_size, segment_size, max_pending]);
        compare!(k, "limits", Limits, limits, &new.limits, live: [max_payload,
            max_readings_per_message, max_series_per_device, max_devices, min_time_ns, max_ahead],
            restart: []);
        k.stores(
            new,
            embedded_store,
            retention,
            influxdb.as_ref(),
            quarantine,
        );
        compare!(k, "shadows", Shadows, shadows, &new.shadows, live: [interval],
            restart: [prefix, max_document, max_depth, max_inflight]);
        compare!(k, "watchdog", Watchdog, watchdog, &new.watchdog, live: [stalled_after, critical],
            restart: [alerts, alert_after]);
        k.queries(new, query, flight.as_ref(), postgres.as_ref());
        compare!(k, "line_protocol", LineProtocol, line_protocol, &new.line_protocol,
            live: [device_tags, default_device, sensor_tags, location_tags, unit_tags,
            ignored_tags, sensor, max_body], restart: []);
        compare!(k, "alarms", Alarms, alarms, &new.alarms, live: [],
            restart: [history, operators, link, utc_offset_minutes, critical_hides_warning]);
        k.whole("alarm", When::Restart, alarm_meanings, &new.alarm_meanings);
        k.whole("channel", When::Restart, channels, &new.channels);
        k.whole("notify", When::Restart, notify, &new.notify);
        k.whole("maintenance", When::Restart, maintenance, &new.maintenance);
        k.whole("inhibit", When::Restart, inhibit, &new.inhibit);
        compare!(k, "reload", Reload, reload, &new.reload, live: [watch], restart: []);
        compare!(k, "lambda", Lambda, lambda, &new.lambda, live: [memory, batch_size,
            min_duration, price_per_million_requests, price_per_gb_second], restart: []);
        // The server does not read it.
        compare!(k, "aws", Aws, aws, &new.aws, live: [state, table, alerts_topic, alerts_form,
            quarantine_bucket, quarantine_queue, state_bucket, timestream, shadow_name,
            shadow_reports, endpoint], restart: []);
        keys
    }
}

impl Comparisons {
    fn add(&mut self, key: String, when: When, differs: bool) {
        self.0.push(Comparison { key, when, differs });
    }

    fn listeners(
        &mut self,
        new: &Config,
        http: &Http,
        auth: Option<&Auth>,
        tls: Option<&Tls>,
        broker: Option<&Broker>,
    ) {
        compare!(self, "http", Http, http, &new.http, live: [page], restart: [listen, tls]);
        if let Some((old, new)) = self.both("auth", auth, new.auth.as_ref()) {
            compare!(self, "auth", Auth, old, new, live: [], restart: [file, oidc]);
        }
        if let Some((old, new)) = self.both("tls", tls, new.tls.as_ref()) {
            compare!(self, "tls", Tls, old, new, live: [],
                restart: [cert_file, key_file, client_ca_file]);
        }
        if let Some((old, new)) = self.both("broker", broker, new.broker.as_ref()) {
            compare!(self, "broker", Broker, old, new, live: [],
                restart: [listen, websocket_listen, tls, max_connections, max_packet, max_inflight]);
        }
    }

    fn stores(
        &mut self,
        new: &Config,
        embedded_store: &EmbeddedStore,
        retention: &[Retention],
        influxdb: Option<&InfluxDb>,
        quarantine: &Quarantine,
    ) {
        compare!(self, "store.embedded", EmbeddedStore, embedded_store, &new.embedded_store,
            live: [flush_interval, flush_readings],
            restart: [retention, retention_1h, retention_1m]);
        self.whole("retain", When::Live, retention, &new.retention[..]);
        if let Some((old, new)) = self.both("store.influxdb", influxdb, new.influxdb.as_ref()) {
            self.influxdb(old, new);
        }
        compare!(self, "quarantine", Quarantine, quarantine, &new.quarantine, live: [],
            restart: [max_entries, max_size, max_age]);
    }

    fn queries(
        &mut self,
        new: &Config,
        query: &Query,
        flight: Option<&SqlListener>,
        postgres: Option<&SqlListener>,
    ) {
        compare!(self, "query", Query, query, &new.query, live: [],
            restart: [timeout, max_rows, max_memory, max_concurrent]);
        for (table, old, new) in [
            ("flight", flight, new.flight.as_ref()),
            ("postgres", postgres, new.postgres.as_ref()),
        ] {
            if let Some((old, new)) = self.both(table, old, new) {
                compare!(self, table, SqlListener, old, new, live: [], restart: [listen]);
            }
        }
    }

    /// A list of tables that is one key.
    fn whole<T: PartialEq + ?Sized>(&mut self, table: &str, when: When, old: &T, new: &T) {
        self.add(table.to_owned(), when, old != new);
    }

    /// An optional section: both values. To add or remove one needs a restart.
    fn both<'a, T>(
        &mut self,
        table: &str,
        old: Option<&'a T>,
        new: Option<&'a T>,
    ) -> Option<(&'a T, &'a T)> {
        if old.is_some() != new.is_some() {
            self.add(table.to_owned(), When::Restart, true);
        }
        old.zip(new)
    }

    /// The members of two lists, each a key: `table.name`.
    fn members<T: PartialEq>(
        &mut self,
        table: &str,
        old: &[T],
        new: &[T],
        name: impl Fn(&T) -> &str,
    ) {
        for (path, old, new) in pairs(table, old, new, name) {
            self.add(path, When::Live, old != new);
        }
    }

    fn sources(&mut self, old: &[Source], new: &[Source]) {
        for (path, old, new) in pairs("source", old, new, |source| &source.client_id) {
            match old.zip(new) {
                Some((old, new)) => self.source(&path, old, new),
                None => self.add(path, When::Restart, true),
            }
        }
    }

    fn source(&mut self, path: &str, old: &Source, new: &Source) {
        let before = self.0.len();
        compare!(self, path, Source, old, new, live: [], restart: [client_id, host, port,
            tls, username, password_file, connections, share_group, max_inflight, max_packet,
            keep_alive, silent_after, publish]);
        // The file has one key for host, port and TLS, and three keys for the TLS files.
        for Comparison { key, .. } in &mut self.0[before..] {
            let field = key.rsplit('.').next().unwrap_or_default();
            let in_file = match field {
                "host" | "port" => "url",
                "tls" if old.tls.is_some() != new.tls.is_some() => "url",
                "tls" => "ca_file, cert_file or key_file",
                _ => continue,
            };
            *key = format!("{path}.{in_file}");
        }
    }

    fn influxdb(&mut self, old: &InfluxDb, new: &InfluxDb) {
        compare!(self, "store.influxdb", InfluxDb, old, new, live: [], restart: [url, org, bucket,
            token_file, batch_lines, batch_interval, parallel, gzip, timeout, mapping]);
        // The file has the keys of the mapping in the same table.
        self.0.pop_if(|last| last.key == "store.influxdb.mapping");
        compare!(self, "store.influxdb", LineMapping, &old.mapping, &new.mapping, live: [],
            restart: [measurement, tags, field, text_field]);
    }
}

/// The members of two lists by name: `table.name`, the old and the new one.
fn pairs<'a, T>(
    table: &str,
    old: &'a [T],
    new: &'a [T],
    name: impl Fn(&T) -> &str,
) -> Vec<(String, Option<&'a T>, Option<&'a T>)> {
    let find = |list: &'a [T], wanted: &str| list.iter().find(|item| name(item) == wanted);
    let mut pairs = Vec::new();
    for item in old {
        let name = name(item);
        pairs.push((format!("{table}.{name}"), Some(item), find(new, name)));
    }
    let added = new.iter().filter(|item| find(old, name(item)).is_none());
    pairs.extend(added.map(|item| (format!("{table}.{}", name(item)), None, Some(item))));
    pairs
}

#[cfg(test)]
mod tests;

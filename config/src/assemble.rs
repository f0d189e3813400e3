//! From the tables of a file to [`Config`]: one function per section, then the
//! checks that span sections.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::access::{auth, check_listeners, listens_with_tls, tls};
use crate::address::parse_any_listen;
use crate::alarms::alarm_sections;
use crate::influxdb::influxdb;
use crate::lambda::lambda;
use crate::line_protocol::line_protocol;
use crate::quarantine::quarantine;
use crate::range::{count, duration, instant_ns, label, size};
use crate::reader::{Reader, Section};
use crate::retention::retention;
use crate::units::show_size;
use crate::{
    Broker, BrokerUrl, Config, EmbeddedStore, Http, JournalSection, Limits, Precision, Reload,
    Route, RouteCodec, Shadows, Source, SourceTls, TopicPattern, Watchdog, query, rules,
};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// MQTT cannot carry more than 256 MiB; nobody sends telemetry near it.
const MAX_PACKET: u64 = 128 * MIB;
/// MQTT counts packets in flight in 16 bits.
const MAX_INFLIGHT: i64 = 65_535;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// A hundred years: int64 nanoseconds reach not much further.
const LONGEST: Duration = Duration::from_secs(36_500 * 24 * 3600);

/// Reads every section. Meaningful only if `reader.problems` stays empty.
pub(crate) fn assemble(reader: &mut Reader<'_>) -> Config {
    let sources = sources(reader);
    let alarms = alarm_sections(reader);
    let config = Config {
        http: http(reader),
        auth: auth(reader),
        tls: tls(reader),
        broker: broker(reader, sources.is_empty()),
        sources,
        routes: routes(reader),
        journal: journal(reader),
        limits: limits(reader),
        embedded_store: embedded_store(reader),
        retention: retention(reader),
        influxdb: influxdb(reader),
        quarantine: quarantine(reader),
        line_protocol: line_protocol(reader),
        functions: rules::functions(reader),
        shadows: shadows(reader),
        watchdog: watchdog(reader),
        query: query::query(reader),
        flight: query::flight(reader),
        postgres: query::postgres(reader),
        reload: reload(reader),
        lambda: lambda(reader),
        alarms: alarms.alarms,
        alarm_meanings: alarms.meanings,
        channels: alarms.channels,
        notify: alarms.notify,
        maintenance: alarms.maintenance,
        inhibit: alarms.inhibit,
    };
    check_across(reader, &config);
    query::check_ports(reader, &config);
    config
}

fn http(reader: &mut Reader<'_>) -> Http {
    let mut section = reader.section("http");
    let listen = section.value("listen", Http::default().listen, |raw| {
        parse_any_listen(raw.text()?)
    });
    let tls = listens_with_tls(&mut section, &[listen]);
    Http { listen, tls }
}

/// On unless there is a `[[source]]`; a `[broker]` that is written down is always on.
fn broker(reader: &mut Reader<'_>, on_by_default: bool) -> Option<Broker> {
    let mut section = reader.section("broker");
    let default = Broker::default();
    let listen = section.value("listen", default.listen, |raw| {
        parse_any_listen(raw.text()?)
    });
    let websocket_listen = section
        .optional("websocket_listen", |raw| parse_any_listen(raw.text()?))
        .or(default.websocket_listen);
    let listeners: Vec<_> = std::iter::once(listen).chain(websocket_listen).collect();
    let broker = Broker {
        listen,
        websocket_listen,
        tls: listens_with_tls(&mut section, &listeners),
        max_connections: section.value(
            "max_connections",
            default.max_connections,
            count(1..=1_000_000),
        ),
        max_packet: section.value("max_packet", default.max_packet, size(KIB..=MAX_PACKET)),
        max_inflight: section.value(
            "max_inflight",
            default.max_inflight,
            count(1..=MAX_INFLIGHT),
        ),
    };
    (on_by_default || section.is_given()).then_some(broker)
}

fn sources(reader: &mut Reader<'_>) -> Vec<Source> {
    let mut client_ids = BTreeSet::new();
    let tables = reader.repeated("source");
    tables
        .into_iter()
        .map(|table| {
            let mut section = reader.section_of("source", table);
            let source = source(&mut section);
            if !client_ids.insert(source.client_id.clone()) {
                let reason = format!(
                    "another source has the client id {:?}: the brokers and the metrics tell \
                     sources apart by it",
                    source.client_id
                );
                section.note("client_id", reason);
            }
            source
        })
        .collect()
}

fn source(section: &mut Section<'_, '_>) -> Source {
    let default = Source::default();
    let unread = BrokerUrl {
        tls: true,
        host: default.host,
        port: default.port,
    };
    let url = section
        .required("url", |raw| {
            BrokerUrl::parse(raw.text()?).map_err(|error| error.to_string())
        })
        .unwrap_or(unread);
    let source = Source {
        tls: source_tls(section, url.tls),
        host: url.host,
        port: url.port,
        client_id: section.value("client_id", default.client_id, label(256)),
        username: section.optional("username", label(65_535)),
        password_file: section.file("password_file"),
        connections: section.value("connections", default.connections, count(1..=64)),
        share_group: section.value("share_group", default.share_group, |raw| {
            let group = label(256)(raw)?;
            match group.contains(['/', '+', '#']) {
                true => Err("must not contain / + or #".to_owned()),
                false => Ok(group),
            }
        }),
        max_inflight: section.value(
            "max_inflight",
            default.max_inflight,
            count(1..=MAX_INFLIGHT),
        ),
        max_packet: section.value("max_packet", default.max_packet, size(KIB..=MAX_PACKET)),
        keep_alive: section.value(
            "keep_alive",
            default.keep_alive,
            // MQTT counts keep-alive seconds in 16 bits.
            duration(SECOND..=Duration::from_secs(65_535)),
        ),
        silent_after: section.value(
            "silent_after",
            default.silent_after,
            duration(Duration::ZERO..=30 * DAY),
        ),
        publish: section.value("publish", default.publish, |raw| raw.boolean()),
    };
    if section.has("password_file") && !section.has("username") {
        section.note("password_file", "needs a username beside it");
    }
    source
}

fn source_tls(section: &mut Section<'_, '_>, tls: bool) -> Option<SourceTls> {
    if !tls {
        for key in ["ca_file", "cert_file", "key_file"] {
            if section.has(key) {
                section.note(key, "needs a url that begins with mqtts://");
            }
        }
    }
    match (section.has("cert_file"), section.has("key_file")) {
        (true, false) => section.note("cert_file", "needs a key_file beside it"),
        (false, true) => section.note("key_file", "needs a cert_file beside it"),
        _ => {}
    }
    let files = SourceTls {
        ca_file: section.file("ca_file"),
        cert_file: section.file("cert_file"),
        key_file: section.file("key_file"),
    };
    tls.then_some(files)
}

/// What Weir publishes: a route that takes it would feed it back for ever.
const OWN_TOPICS: [&str; 2] = ["alerts/critical/device", "alerts/warning/device"];

/// Routes that are given take the place of the default one.
fn routes(reader: &mut Reader<'_>) -> Vec<Route> {
    let mut topics = BTreeSet::new();
    let mut routes = Vec::new();
    for table in reader.repeated("route") {
        let mut section = reader.section_of("route", table);
        let topic = section.required("topic", |raw| {
            TopicPattern::parse(raw.text()?).map_err(|error| error.to_string())
        });
        let codec = section.value("codec", RouteCodec::Json, |raw| match raw.text()? {
            "json" => Ok(RouteCodec::Json),
            "line-protocol" => Ok(RouteCodec::LineProtocol),
            other => Err(format!(
                "there is no codec {other:?}; there are \"json\" and \"line-protocol\""
            )),
        });
        let precision = section.value("precision", Precision::default(), |raw| {
            let name = raw.text()?;
            Precision::from_name(name)
                .ok_or_else(|| format!("must be ns, us, ms, s, m or h, not {name:?}"))
        });
        let Some(topic) = topic else { continue };
        if !topics.insert(topic.filter()) {
            section.note("topic", "another route takes these topics already");
        }
        if OWN_TOPICS.iter().any(|own| topic.matches(own)) {
            section.note(
                "topic",
                "it would take Weir's own alerts for telemetry; make it narrower",
            );
        }
        routes.push(Route {
            topic,
            codec,
            precision,
        });
    }
    if routes.is_empty() {
        vec![Route::default()]
    } else {
        routes
    }
}

fn journal(reader: &mut Reader<'_>) -> JournalSection {
    let mut section = reader.section("journal");
    let default = JournalSection::default();
    let journal = JournalSection {
        max_size: section.value("max_size", default.max_size, size(MIB..=1024 * GIB)),
        segment_size: section.value(
            "segment_size",
            default.segment_size,
            size(64 * KIB..=4 * GIB),
        ),
        max_pending: section.value("max_pending", default.max_pending, size(64 * KIB..=4 * GIB)),
    };
    if journal.segment_size > journal.max_size / 2 {
        let key = if section.has("segment_size") {
            "segment_size"
        } else {
            "max_size"
        };
        let segment = show_size(journal.segment_size);
        let all = show_size(journal.max_size);
        section.note(key, format!(
            "segments of {segment} are more than half of max_size, {all}: space is freed by segment"
        ));
    }
    journal
}

fn limits(reader: &mut Reader<'_>) -> Limits {
    let mut section = reader.section("limits");
    let default = Limits::default();
    Limits {
        max_payload: section.value("max_payload", default.max_payload, size(1..=MAX_PACKET)),
        max_readings_per_message: section.value(
            "max_readings_per_message",
            default.max_readings_per_message,
            count(1..=1_000_000),
        ),
        max_series_per_device: section.value(
            "max_series_per_device",
            default.max_series_per_device,
            count(1..=100_000),
        ),
        max_devices: section.value("max_devices", default.max_devices, count(1..=10_000_000)),
        min_time_ns: section.value("min_time", default.min_time_ns, instant_ns),
        max_ahead: section.value("max_ahead", default.max_ahead, duration(SECOND..=LONGEST)),
    }
}

fn embedded_store(reader: &mut Reader<'_>) -> EmbeddedStore {
    let mut section = reader.section("store.embedded");
    let default = EmbeddedStore::default();
    EmbeddedStore {
        retention: section.value("retention", default.retention, duration(SECOND..=LONGEST)),
        retention_1h: section.value(
            "retention_1h",
            default.retention_1h,
            duration(SECOND..=LONGEST),
        ),
        retention_1m: section
            .optional("retention_1m", duration(SECOND..=LONGEST))
            .or(default.retention_1m),
        flush_interval: section.value(
            "flush_interval",
            default.flush_interval,
            duration(10 * MILLISECOND..=DAY),
        ),
        flush_readings: section.value(
            "flush_readings",
            default.flush_readings,
            count(1..=100_000_000),
        ),
    }
}

fn watchdog(reader: &mut Reader<'_>) -> Watchdog {
    let mut section = reader.section("watchdog");
    let default = Watchdog::default();
    Watchdog {
        stalled_after: section.value(
            "stalled_after",
            default.stalled_after,
            duration(Duration::ZERO..=DAY),
        ),
        alerts: section.value("alerts", default.alerts, |raw| raw.boolean()),
        alert_after: section.value("alert_after", default.alert_after, duration(SECOND..=DAY)),
        critical: section.value("critical", default.critical, |raw| raw.texts()),
    }
}

fn reload(reader: &mut Reader<'_>) -> Reload {
    let mut section = reader.section("reload");
    Reload {
        watch: section.value("watch", Reload::default().watch, |raw| raw.boolean()),
    }
}

fn shadows(reader: &mut Reader<'_>) -> Shadows {
    let mut section = reader.section("shadows");
    let default = Shadows::default();
    Shadows {
        prefix: section.value("prefix", default.prefix, |raw| {
            let prefix = label(256)(raw)?;
            if prefix.contains(['+', '#']) || prefix.split('/').any(str::is_empty) {
                let reason = "must be topic levels without + and #, like \"$aws/things\"";
                return Err(reason.to_owned());
            }
            Ok(prefix)
        }),
        interval: section.value(
            "interval",
            default.interval,
            duration(10 * MILLISECOND..=HOUR),
        ),
        max_document: section
            .value("max_document", default.max_document as u64, size(256..=MIB))
            .try_into()
            .unwrap_or(default.max_document),
        max_depth: section.value("max_depth", default.max_depth, count(1..=64)),
        max_inflight: section.value("max_inflight", default.max_inflight, count(1..=1_000)),
    }
}

fn check_across(reader: &mut Reader<'_>, config: &Config) {
    check_listeners(reader, config);
    let pending = config.journal.max_pending;
    let too_large = |max_packet| {
        let (packet, pending) = (show_size(max_packet), show_size(pending));
        format!("a packet of {packet} would never fit into journal.max_pending, {pending}")
    };
    if let Some(broker) = &config.broker {
        let mut section = reader.section("broker");
        let ports = [Some(config.http.listen), broker.websocket_listen];
        if broker.listen.port() != 0 && ports.contains(&Some(broker.listen)) {
            section.note(
                "listen",
                format!("something else listens on {} too", broker.listen),
            );
        }
        if let Some(websocket) = broker.websocket_listen
            && websocket.port() != 0
            && websocket == config.http.listen
        {
            section.note(
                "websocket_listen",
                format!("HTTP listens on {websocket} too"),
            );
        }
        if broker.max_packet > pending {
            section.note("max_packet", too_large(broker.max_packet));
        }
    }
    let tables = reader.repeated("source");
    for (table, source) in tables.into_iter().zip(&config.sources) {
        if source.max_packet > pending {
            let mut section = reader.section_of("source", table);
            section.note("max_packet", too_large(source.max_packet));
        }
    }
}

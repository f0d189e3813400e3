//! From the tables of a file to a [`Config`]: every section, then the checks that
//! span sections. The same code records the [`schema`].

use std::sync::OnceLock;

use toml::de::DeTable;

use crate::file::reader::Reader;
use crate::file::schema::Schema;
use crate::sections::notify_rules::{inhibit, maintenance, notify};
use crate::sections::{
    alarm, alarms, auth, aws, broker, channel, embedded_store, function, http, influxdb, journal,
    lambda, limits, line_protocol, quarantine, query, reload, retention, route, shadows, source,
    tls, watchdog,
};
use crate::{Config, listeners};

/// Reads every section, in the order in which an unknown key is compared with
/// them. The result is meaningful only if `reader.problems` stays empty.
pub(crate) fn assemble(reader: &mut Reader<'_>) -> Config {
    let http = http::http(reader);
    let auth = auth::auth(reader);
    let tls = tls::tls(reader);
    let (broker, broker_is_given) = broker::broker(reader);
    let sources = source::sources(reader);
    let mut config = Config {
        http,
        auth,
        tls,
        broker: (broker_is_given || sources.is_empty()).then_some(broker),
        sources,
        routes: route::routes(reader),
        journal: journal::journal(reader),
        limits: limits::limits(reader),
        embedded_store: embedded_store::embedded_store(reader),
        retention: retention::retention(reader),
        influxdb: influxdb::influxdb(reader),
        functions: function::functions(reader),
        line_protocol: line_protocol::line_protocol(reader),
        quarantine: quarantine::quarantine(reader),
        watchdog: watchdog::watchdog(reader),
        query: query::query(reader),
        flight: query::flight(reader),
        postgres: query::postgres(reader),
        reload: reload::reload(reader),
        lambda: lambda::lambda(reader),
        aws: aws::aws(reader),
        alarms: alarms::alarms(reader),
        alarm_meanings: alarm::alarm_meanings(reader),
        channels: channel::channels(reader),
        notify: Vec::new(),
        maintenance: maintenance::maintenance(reader),
        inhibit: inhibit::inhibit(reader),
        shadows: shadows::shadows(reader),
    };
    config.notify = notify::notify(reader, &config.channels);
    listeners::check(reader, &config);
    config
}

/// Every table and key that some section reads.
pub(crate) fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let empty = DeTable::new();
        let mut reader = Reader::recording(&empty);
        assemble(&mut reader);
        Schema::new(reader.into_recorder())
    })
}

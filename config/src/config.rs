//! The whole configuration: one field per section.

use crate::{
    AlarmMeaning, Alarms, Auth, Aws, Broker, Channel, EmbeddedStore, Function, Http, InfluxDb,
    Inhibit, JournalSection, Lambda, Limits, LineProtocol, Maintenance, Notify, Quarantine, Query,
    Reload, Retention, Route, Shadows, Source, SqlListener, Tls, Watchdog,
};

/// A checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub http: Http,
    /// Authentication; `None`: everybody on this machine may do everything.
    pub auth: Option<Auth>,
    /// The certificate of the listeners that speak TLS.
    pub tls: Option<Tls>,
    /// The embedded broker; `None` when it is off, which is the default with a
    /// `[[source]]`.
    pub broker: Option<Broker>,
    pub sources: Vec<Source>,
    /// At least one.
    pub routes: Vec<Route>,
    pub journal: JournalSection,
    pub limits: Limits,
    pub embedded_store: EmbeddedStore,
    /// The first that matches a reading applies.
    pub retention: Vec<Retention>,
    pub influxdb: Option<InfluxDb>,
    pub quarantine: Quarantine,
    pub line_protocol: LineProtocol,
    pub functions: Vec<Function>,
    pub shadows: Shadows,
    pub watchdog: Watchdog,
    pub query: Query,
    /// Flight SQL; off by default.
    pub flight: Option<SqlListener>,
    /// The Postgres wire protocol; off by default.
    pub postgres: Option<SqlListener>,
    pub reload: Reload,
    pub lambda: Lambda,
    pub aws: Aws,
    pub alarms: Alarms,
    /// What alarms mean; the first that selects an alarm decides.
    pub alarm_meanings: Vec<AlarmMeaning>,
    pub channels: Vec<Channel>,
    pub notify: Vec<Notify>,
    pub maintenance: Vec<Maintenance>,
    pub inhibit: Vec<Inhibit>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            http: Http::default(),
            auth: None,
            tls: None,
            broker: Some(Broker::default()),
            sources: Vec::new(),
            routes: vec![Route::default()],
            journal: JournalSection::default(),
            limits: Limits::default(),
            embedded_store: EmbeddedStore::default(),
            retention: Vec::new(),
            influxdb: None,
            quarantine: Quarantine::default(),
            line_protocol: LineProtocol::default(),
            functions: Vec::new(),
            shadows: Shadows::default(),
            watchdog: Watchdog::default(),
            query: Query::default(),
            flight: None,
            postgres: None,
            reload: Reload::default(),
            lambda: Lambda::default(),
            aws: Aws::default(),
            alarms: Alarms::default(),
            alarm_meanings: Vec::new(),
            channels: Vec::new(),
            notify: Vec::new(),
            maintenance: Vec::new(),
            inhibit: Vec::new(),
        }
    }
}

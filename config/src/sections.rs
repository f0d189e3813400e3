//! The sections as the rest of Weir uses them: checked, with units in types.
//!
//! Every field states its unit and range; the defaults are the ones of
//! `default.toml`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::alarm_sections::{AlarmMeaning, Alarms, Channel, Inhibit, Maintenance, Notify};
use crate::query::{Query, SqlDoor};
use crate::{
    FunctionKind, InfluxDb, Lambda, LineProtocol, Precision, Quarantine, Retention, TopicPattern,
};

/// Everything that a configuration file can say.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub http: Http,
    /// Who may do what; `None`: everybody on this machine may do everything.
    pub auth: Option<Auth>,
    /// The certificate of the listeners that speak TLS.
    pub tls: Option<Tls>,
    /// The embedded broker; `None` when it is off, which is the default once a
    /// `[[source]]` is given.
    pub broker: Option<Broker>,
    pub sources: Vec<Source>,
    /// At least one.
    pub routes: Vec<Route>,
    pub journal: JournalSection,
    pub limits: Limits,
    pub embedded_store: EmbeddedStore,
    /// The first that matches a reading decides.
    pub retention: Vec<Retention>,
    pub influxdb: Option<InfluxDb>,
    pub quarantine: Quarantine,
    pub line_protocol: LineProtocol,
    pub functions: Vec<Function>,
    pub shadows: Shadows,
    pub watchdog: Watchdog,
    pub query: Query,
    /// Flight SQL; `None` when it is off, which is the default.
    pub flight: Option<SqlDoor>,
    /// The Postgres wire protocol; `None` when it is off, which is the default.
    pub postgres: Option<SqlDoor>,
    pub reload: Reload,
    pub lambda: Lambda,
    pub alarms: Alarms,
    /// What alarms mean; the first that selects one counts.
    pub alarm_meanings: Vec<AlarmMeaning>,
    pub channels: Vec<Channel>,
    pub notify: Vec<Notify>,
    pub maintenance: Vec<Maintenance>,
    pub inhibit: Vec<Inhibit>,
}

/// `[http]`
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// Beyond loopback only with `[auth]` and TLS. Port 0 picks one.
    pub listen: SocketAddr,
    /// The listener speaks TLS. Never without [`Config::tls`].
    pub tls: bool,
}

/// `[auth]`
#[derive(Clone, Debug, PartialEq)]
pub struct Auth {
    /// The access file: identities, hashes of their secrets, rules.
    pub file: PathBuf,
}

/// `[tls]`: PEM files.
#[derive(Clone, Debug, PartialEq)]
pub struct Tls {
    /// The server's certificate, and those between it and an authority.
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
    /// Authorities whose client certificates authenticate by common name.
    pub client_ca_file: Option<PathBuf>,
}

/// `[broker]`: the embedded MQTT broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Broker {
    /// Beyond loopback as [`Http::listen`].
    pub listen: SocketAddr,
    /// MQTT over WebSocket; off unless given. As [`Http::listen`].
    pub websocket_listen: Option<SocketAddr>,
    /// The listeners speak TLS. Never without [`Config::tls`].
    pub tls: bool,
    /// Connections at once. 1 to 1,000,000.
    pub max_connections: usize,
    /// Largest MQTT packet in bytes. 1 KiB to 128 MiB, at most
    /// [`JournalSection::max_pending`].
    pub max_packet: u64,
    /// Publishes of one connection that wait for their commit. 1 to 65,535.
    pub max_inflight: u16,
}

/// `[[source]]`: an external MQTT broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Unique; `client_id` of the first connection and the name in metrics.
    pub client_id: String,
    /// A name, an IPv4 address or an IPv6 address without brackets.
    pub host: String,
    /// 1 to 65,535.
    pub port: u16,
    /// Given when the URL begins with `mqtts://`.
    pub tls: Option<SourceTls>,
    pub username: Option<String>,
    /// Its first line is the password. Only with a `username`.
    pub password_file: Option<PathBuf>,
    /// 1 to 64; more than one joins `share_group`.
    pub connections: u16,
    /// One topic level without wildcards.
    pub share_group: String,
    /// Unacknowledged publishes that Weir is ready to hold per connection.
    /// 1 to 65,535.
    pub max_inflight: u16,
    /// Largest MQTT packet in bytes; larger ones are refused by the protocol.
    /// 1 KiB to 128 MiB, at most [`JournalSection::max_pending`].
    pub max_packet: u64,
    /// 1 to 65,535 s.
    pub keep_alive: Duration,
    /// "Connected but silent": how long without a message before `/readyz` says
    /// so. Up to 30 days; zero turns the watchdog off.
    pub silent_after: Duration,
    /// Alerts and shadows are published to this broker too.
    pub publish: bool,
}

/// The files of a `[[source]]` with `mqtts://`.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceTls {
    /// PEM; the system's roots when absent.
    pub ca_file: Option<PathBuf>,
    /// PEM: a client certificate, together with its key.
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

/// `[[route]]`: which topics carry telemetry, and how it is encoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub topic: TopicPattern,
    pub codec: RouteCodec,
    /// Of the times in lines; others carry their own.
    pub precision: Precision,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteCodec {
    Json,
    /// InfluxDB's line protocol, as `[line_protocol]` reads it.
    LineProtocol,
}

/// `[journal]`
#[derive(Clone, Debug, PartialEq)]
pub struct JournalSection {
    /// Bytes of all segments together; when it is reached, acknowledging stops.
    /// 1 MiB to 1 TiB.
    pub max_size: u64,
    /// Bytes of one segment file. 64 KiB to 4 GiB, at most half of `max_size`.
    pub segment_size: u64,
    /// Bytes that may wait in memory for their commit. 64 KiB to 4 GiB.
    pub max_pending: u64,
}

/// `[limits]`: what a message may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Bytes of one payload; a larger one is quarantined. 1 B to 128 MiB.
    pub max_payload: u64,
    /// 1 to 1,000,000.
    pub max_readings_per_message: usize,
    /// 1 to 100,000.
    pub max_series_per_device: usize,
    /// Devices in all. 1 to 10,000,000.
    pub max_devices: usize,
    /// Readings before this instant (nanoseconds since the epoch) are
    /// quarantined: seconds or microseconds taken for milliseconds.
    pub min_time_ns: i64,
    /// How far ahead of the received time a reading may lie. 1 s to 36,500 days.
    pub max_ahead: Duration,
}

/// `[store.embedded]`
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddedStore {
    /// Readings older than this are not kept. 1 s to 36,500 days.
    pub retention: Duration,
    /// The roll-ups by hour are kept this long. 1 s to 36,500 days.
    pub retention_1h: Duration,
    /// Roll-ups by minute are written, and kept this long; without it they are
    /// made of the readings when asked for. 1 s to 36,500 days.
    pub retention_1m: Option<Duration>,
    /// Rows reach Parquet and the journal lets go of them this often (10 ms to
    /// 1 day), ...
    pub flush_interval: Duration,
    /// ... or as soon as so many readings wait in memory: 1 to 100,000,000.
    pub flush_readings: usize,
}

/// `[[function]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Unique: `[a-z0-9_-]`, 1 to 64. `payload` is taken: it names the limits
    /// that come with a reading.
    pub name: String,
    /// Globs: `*` is any text, `?` any one character. Absent: everything.
    pub device: Option<String>,
    pub sensor: Option<String>,
    pub location: Option<String>,
    pub kind: FunctionKind,
    /// Raise only after the condition held for so long, in event time. 0 to 30 days.
    pub on_delay: Duration,
    /// Clear only after it has been over for so long, in event time. 0 to 30 days.
    pub off_delay: Duration,
}

/// `[shadows]`
#[derive(Clone, Debug, PartialEq)]
pub struct Shadows {
    /// Topic prefix; no wildcard.
    pub prefix: String,
    /// Weir updates a device's shadow at most once per interval. 10 ms to 1 h.
    pub interval: Duration,
    /// Bytes of desired and reported together. 256 B to 1 MiB.
    pub max_document: usize,
    /// Levels of nesting. 1 to 64.
    pub max_depth: usize,
    /// Requests in flight for one thing. 1 to 1,000.
    pub max_inflight: usize,
}

/// `[watchdog]`
#[derive(Clone, Debug, PartialEq)]
pub struct Watchdog {
    /// How long a consumer of the journal may stand still with something to do
    /// before `/readyz` says so. Up to 1 day; zero turns it off.
    pub stalled_after: Duration,
    /// What `/readyz` complains of is an alarm of the device `$weir` too.
    pub alerts: bool,
    /// Raised when it has been so for this long, and cleared when it has been
    /// over for as long. 1 s to 1 day.
    pub alert_after: Duration,
    /// Globs over the components of `/readyz` whose alarms are critical; those
    /// of others are warnings.
    pub critical: Vec<String>,
}

/// `[reload]`
#[derive(Clone, Debug, PartialEq)]
pub struct Reload {
    /// The configuration file is read again when it changes. SIGHUP does it
    /// either way.
    pub watch: bool,
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

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
            alarms: Alarms::default(),
            alarm_meanings: Vec::new(),
            channels: Vec::new(),
            notify: Vec::new(),
            maintenance: Vec::new(),
            inhibit: Vec::new(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls: false,
        }
    }
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 1883)),
            websocket_listen: None,
            tls: false,
            max_connections: 10_000,
            max_packet: 2 * MIB,
            max_inflight: 2_000,
        }
    }
}

impl Default for Source {
    fn default() -> Self {
        Self {
            client_id: "weir".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: 1883,
            tls: None,
            username: None,
            password_file: None,
            connections: 1,
            share_group: "weir".to_owned(),
            max_inflight: 10_000,
            max_packet: 2 * MIB,
            keep_alive: Duration::from_secs(30),
            silent_after: Duration::from_secs(300),
            publish: true,
        }
    }
}

impl Default for Route {
    fn default() -> Self {
        let topic = TopicPattern::parse("devices/{device}/telemetry")
            .expect("the default pattern is well formed");
        Self {
            topic,
            codec: RouteCodec::Json,
            precision: Precision::default(),
        }
    }
}

impl Default for JournalSection {
    fn default() -> Self {
        Self {
            max_size: 8 * GIB,
            segment_size: 64 * MIB,
            max_pending: 32 * MIB,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_payload: MIB,
            max_readings_per_message: 10_000,
            max_series_per_device: 1_000,
            max_devices: 1_000_000,
            // 2001-09-09T01:46:40Z: the first ten-digit number of seconds. Seconds
            // and early milliseconds that are taken for milliseconds lie before it.
            min_time_ns: 1_000_000_000_000_000_000,
            max_ahead: Duration::from_secs(24 * 3600),
        }
    }
}

impl Default for EmbeddedStore {
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(90 * 24 * 3600),
            retention_1h: Duration::from_secs(1_825 * 24 * 3600),
            retention_1m: None,
            flush_interval: Duration::from_secs(60),
            flush_readings: 1_000_000,
        }
    }
}

impl Default for Shadows {
    fn default() -> Self {
        Self {
            prefix: "$aws/things".to_owned(),
            interval: Duration::from_secs(1),
            max_document: 8 * 1024,
            max_depth: 6,
            max_inflight: 10,
        }
    }
}

impl Default for Watchdog {
    fn default() -> Self {
        Self {
            stalled_after: Duration::from_secs(30),
            alerts: true,
            alert_after: Duration::from_secs(10),
            critical: ["journal", "store", "alarms", "quarantine", "shadows"]
                .map(str::to_owned)
                .to_vec(),
        }
    }
}

impl Default for Reload {
    fn default() -> Self {
        Self { watch: true }
    }
}

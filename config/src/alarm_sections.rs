//! The sections about alarms as the rest of Weir uses them: what an alarm
//! means, who is told of it, over which channel, and when nobody is.

use std::path::PathBuf;
use std::time::Duration;

use weir_model::Severity;

/// `[alarms]`
#[derive(Clone, Debug, PartialEq)]
pub struct Alarms {
    /// How long transitions, cleared alarms and the audit are kept. 1 h to 36,500 days.
    pub history: Duration,
    /// People who work on alarms at a time; the KPIs are per operator. 1 to 10,000.
    pub operators: u32,
    /// Where links in notifications lead; `http.listen` when absent.
    pub link: Option<String>,
    /// Ahead of UTC, for `hours` and `days`; minutes, -14 h to 14 h.
    pub utc_offset_minutes: i32,
    /// A critical alarm holds back the warnings of the same device and sensor.
    pub critical_hides_warning: bool,
}

/// Which alarms: globs, all of which must match. Absent: everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlarmSelector {
    pub function: Option<String>,
    pub device: Option<String>,
    pub sensor: Option<String>,
    pub location: Option<String>,
    /// This severity or a worse one.
    pub severity: Option<Severity>,
}

/// `[[alarm]]`: what alarms of a kind mean. The first that selects an alarm counts.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmMeaning {
    pub select: AlarmSelector,
    pub priority: Option<Priority>,
    /// It stays after its condition is over, until somebody acknowledges it.
    pub latch: bool,
    /// What to do about it; up to 1,000 bytes.
    pub action: Option<String>,
    /// Nobody is told: the device is not in service.
    pub out_of_service: bool,
}

/// How soon somebody has to act, after IEC 62682. Ordered: `Low < Urgent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    Low,
    Medium,
    High,
    Urgent,
}

impl Priority {
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Urgent];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }
}

/// `[[channel]]`: one way to tell somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// Unique: `[a-z0-9_-]`, 1 to 64; not `mqtt`, which is always there.
    pub name: String,
    pub kind: ChannelKind,
    /// Of one delivery. 100 ms to 5 min.
    pub timeout: Duration,
    /// It may be at a loopback, private or link-local address.
    pub allow_private: bool,
    /// PEM: the only authorities that TLS trusts; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// Notifications a minute; more wait, and a fifth is kept for what presses.
    /// 0: no limit.
    pub max_per_minute: u32,
    /// More alarms than so many a minute are told as one summary. 0: never.
    pub storm_above: u32,
    /// What could not be delivered for so long goes to the dead letters. 1 min to 365 days.
    pub give_up_after: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ChannelKind {
    /// Standard Webhooks 1.0; signed when there is a secret.
    Webhook {
        url: UrlSource,
        secret_file: Option<PathBuf>,
    },
    /// Prometheus Alertmanager, API v2.
    Alertmanager {
        /// Its base, such as `http://127.0.0.1:9093`.
        url: String,
        /// Open alarms are sent again this often. 1 s to 1 h.
        resend: Duration,
    },
    /// Slack's incoming webhooks, and what is compatible with them.
    Slack {
        url: UrlSource,
    },
    /// Events API v2.
    PagerDuty {
        url: String,
        routing_key_file: PathBuf,
    },
    Email(Email),
    /// Amazon SNS.
    Sns {
        topic_arn: String,
        /// `None`: AWS's own of the ARN's region.
        endpoint: Option<String>,
        /// As `~/.aws/credentials`; `None`: the variables `AWS_ACCESS_KEY_ID`, ….
        credentials_file: Option<PathBuf>,
    },
}

impl ChannelKind {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Alertmanager { .. } => "alertmanager",
            Self::Slack { .. } => "slack",
            Self::PagerDuty { .. } => "pagerduty",
            Self::Email(_) => "email",
            Self::Sns { .. } => "sns",
        }
    }
}

/// A URL, or a file that holds one because it is a secret.
#[derive(Clone, Debug, PartialEq)]
pub enum UrlSource {
    Plain(String),
    File(PathBuf),
}

/// A mail server and who gets mail.
#[derive(Clone, Debug, PartialEq)]
pub struct Email {
    pub host: String,
    pub port: u16,
    pub tls: EmailTls,
    pub from: String,
    /// At least one.
    pub to: Vec<String>,
    pub username: Option<String>,
    /// Only with a `username`.
    pub password_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailTls {
    /// From the first byte.
    Implicit,
    Starttls,
    /// For a relay on this machine or a trusted network.
    None,
}

/// What alarms have in common that are told together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupKey {
    Device,
    Sensor,
    Location,
    Function,
}

/// `[[notify]]`: who is told of which alarms. The first that selects an alarm
/// counts, and those after it as long as `and_next` is set.
#[derive(Clone, Debug, PartialEq)]
pub struct Notify {
    pub select: AlarmSelector,
    /// This priority or a more pressing one.
    pub priority: Option<Priority>,
    /// Minutes of the day, from and to (not included); to may lie before from.
    pub hours: Option<(u16, u16)>,
    /// Bit 0 is Monday; all seven unless given.
    pub days: u8,
    /// Names of channels; may be empty: then nobody is told.
    pub channels: Vec<String>,
    pub group_by: Vec<GroupKey>,
    /// How long alarms gather before they are told together. 0 to 1 h.
    pub group_wait: Duration,
    /// Told again while open and not acknowledged; zero: never. Up to 30 days.
    pub repeat: Duration,
    /// Not acknowledged for so long: the next of `escalate_to` is told. Zero: never.
    pub escalate_after: Duration,
    pub escalate_to: Vec<String>,
    pub and_next: bool,
}

/// `[[maintenance]]`: nobody is told of these alarms meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub struct Maintenance {
    pub select: AlarmSelector,
    /// Milliseconds since the epoch, by Weir's clock.
    pub from_ms: i64,
    pub to_ms: i64,
}

/// `[[inhibit]]`: while an alarm of `by` is open, nobody is told of `hides`.
#[derive(Clone, Debug, PartialEq)]
pub struct Inhibit {
    pub by: AlarmSelector,
    pub hides: AlarmSelector,
    /// Only where both agree in these.
    pub same: Vec<GroupKey>,
}

impl Default for Alarms {
    fn default() -> Self {
        Self {
            history: Duration::from_secs(400 * 24 * 3600),
            operators: 1,
            link: None,
            utc_offset_minutes: 0,
            critical_hides_warning: true,
        }
    }
}

impl AlarmSelector {
    /// Whether an alarm of these names and this severity is meant.
    pub fn selects(
        &self,
        function: &str,
        device: &str,
        sensor: &str,
        location: Option<&str>,
        severity: Severity,
    ) -> bool {
        let fits = |glob: &Option<String>, name: &str| {
            glob.as_deref()
                .is_none_or(|glob| weir_model::glob_matches(glob, name))
        };
        self.severity.is_none_or(|least| severity >= least)
            && fits(&self.function, function)
            && fits(&self.device, device)
            && fits(&self.sensor, sensor)
            && fits(&self.location, location.unwrap_or_default())
    }
}

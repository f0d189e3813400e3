//! `GET /api/v1/alarms`: which alarms fit a filter, in which order, page by page, with
//! the counts of each lifecycle state and severity.
//!
//! The filter is also what `POST /api/v1/alarms/actions` takes, so that an action on
//! "all that I see" reaches exactly those.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use weir_alarms::{AlarmFilter, AlarmRecord, AlarmStateFilter, Lifecycle, Router, Suppression};
use weir_config::Priority;
use weir_model::Severity;
use weir_notify::AlarmStoreError;
use weir_pipeline::json_value;

use super::alarms::blocking;
use crate::api::{Api, Shared};
use crate::extract::Query;
use crate::problem::Problem;

const DEFAULT_LIMIT: usize = 1_000;
/// Alarms that a list over cleared alarms looks at: the newest.
const MAX_LISTED: usize = 100_000;

const LIFECYCLES: [Lifecycle; 8] = [
    Lifecycle::Normal,
    Lifecycle::Unacknowledged,
    Lifecycle::Acknowledged,
    Lifecycle::ReturnedUnacknowledged,
    Lifecycle::Latched,
    Lifecycle::Shelved,
    Lifecycle::Suppressed,
    Lifecycle::OutOfService,
];

/// The parameters of the list, and the `filter` of an action on several alarms.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListParams {
    state: Option<StateParam>,
    severity: Option<SeverityParam>,
    /// Names of lifecycle states, separated by commas.
    lifecycle: Option<String>,
    device: Option<String>,
    function: Option<String>,
    location: Option<String>,
    /// A name, or `*` for anybody.
    #[serde(rename = "assignedTo")]
    assigned_to: Option<String>,
    /// Words that the device, sensor, function, location or reason contain.
    q: Option<String>,
    /// A name of [`Sort`], with `-` in front for the opposite order.
    sort: Option<String>,
    limit: Option<usize>,
    /// Alarms before the page, in the order of `sort`.
    after: Option<usize>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum StateParam {
    /// What ISA-18.2 keeps in the list, with what returned unacknowledged.
    Open,
    /// Not cleared.
    Active,
    Cleared,
    Any,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SeverityParam {
    #[serde(alias = "WARNING")]
    Warning,
    #[serde(alias = "CRITICAL")]
    Critical,
}

impl From<SeverityParam> for Severity {
    fn from(param: SeverityParam) -> Self {
        match param {
            SeverityParam::Warning => Self::Warning,
            SeverityParam::Critical => Self::Critical,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Need,
    Since,
    Device,
    Function,
    Location,
}

/// An alarm with what routing and the configuration say of it.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) record: AlarmRecord,
    pub(crate) priority: Priority,
    suppression: Option<Suppression>,
    /// What the configuration advises to do.
    action: Option<String>,
}

impl Listed {
    /// Shelving is in the record, which is ahead of routing.
    pub(crate) fn new(router: &Router, record: AlarmRecord) -> Self {
        let alert = record.alert();
        let policy = router.policy();
        let (meaning, priority) = (policy.meaning(&alert), policy.priority(&alert));
        let by_design =
            |by: &Suppression| matches!(by, Suppression::Maintenance | Suppression::Inhibited);
        let suppression = match meaning {
            Some(meaning) if meaning.out_of_service => Some(Suppression::OutOfService),
            _ => router.suppression(&record.alarm_id).filter(by_design),
        };
        Self {
            action: meaning.and_then(|meaning| meaning.action.clone()),
            record: record.with_suppression(suppression),
            priority,
            suppression,
        }
    }

    pub(crate) fn is_suppressed(&self) -> bool {
        matches!(
            self.record.lifecycle,
            Lifecycle::Shelved | Lifecycle::Suppressed | Lifecycle::OutOfService
        )
    }

    /// In the list because its condition holds or is latched.
    pub(crate) fn is_open(&self) -> bool {
        self.record.cleared_at.is_none()
    }

    pub(crate) fn needs_acknowledgement(&self) -> bool {
        matches!(
            self.record.lifecycle,
            Lifecycle::Unacknowledged | Lifecycle::Latched | Lifecycle::ReturnedUnacknowledged
        )
    }

    pub(crate) fn is_critical(&self) -> bool {
        self.record.severity == Severity::Critical
    }

    /// Lower needs an operator sooner.
    fn rank(&self) -> u8 {
        let weigh = |holds: bool, weight: u8| if holds { weight } else { 0 };
        weigh(self.is_suppressed(), 8)
            + weigh(!self.needs_acknowledgement(), 4)
            + weigh(!self.is_critical(), 2)
            + weigh(self.priority.as_str() != "urgent", 1)
    }

    /// Who needs an operator first; among equals the newest.
    pub(crate) fn by_need(&self, other: &Self) -> Ordering {
        let rank = self.rank().cmp(&other.rank());
        rank.then_with(|| other.by_age(self))
    }

    fn by_age(&self, other: &Self) -> Ordering {
        let key = |listed: &Self| listed.record.raised_at;
        let same = || self.record.alarm_id.cmp(&other.record.alarm_id);
        key(self).cmp(&key(other)).then_with(same)
    }

    fn matches(&self, filter: &ListParams, words: &[String]) -> bool {
        let record = &self.record;
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        let location = record.location.as_deref().unwrap_or_default();
        let assigned = match (filter.assigned_to.as_deref(), &record.assigned_to) {
            (None, _) => true,
            (Some("*"), assigned) => assigned.is_some(),
            (Some(wanted), assigned) => assigned.as_deref() == Some(wanted),
        };
        if !assigned
            || !is(&filter.device, &record.device_id)
            || !is(&filter.function, &record.function)
            || !is(&filter.location, location)
        {
            return false;
        }
        if words.is_empty() {
            return true;
        }
        let text = format!(
            "{} {} {} {location} {}",
            record.device_id, record.sensor, record.function, record.reason
        );
        let text = text.to_lowercase();
        words.iter().all(|word| text.contains(word.as_str()))
    }

    /// The JSON of the API.
    pub(crate) fn document(&self, api: &Api) -> Value {
        let mut document = json!(self.record);
        document["priority"] = json!(self.priority.as_str());
        if let Some(action) = &self.action {
            document["action"] = json!(action);
        }
        if let Some(suppression) = self.suppression {
            document["heldBack"] = json!(suppression);
        }
        if let Some(now) = latest(api, &self.record) {
            document["now"] = now;
        }
        document
    }
}

/// The latest reading of the alarm's sensor.
fn latest(api: &Api, record: &AlarmRecord) -> Option<Value> {
    let pipeline = api.pipeline.lock();
    let device = pipeline.engine().device_ix(&record.device_id)?;
    let latest = pipeline.engine().latest_of(device, &record.sensor)?;
    Some(json!({"value": json_value(&latest.value), "time": latest.time.millis()}))
}

/// Words of a search, in lower case.
pub(crate) fn words(q: Option<&str>) -> Vec<String> {
    let words = q.unwrap_or_default().split_whitespace();
    words.map(str::to_lowercase).collect()
}

/// `name`, or `-name` for the opposite order; the second member is true for that.
pub(crate) fn split_sort(text: &str) -> (&str, bool) {
    match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (text, false),
    }
}

/// A filter whose names are known to be right.
#[derive(Debug)]
pub(crate) struct Filter {
    params: ListParams,
    lifecycles: Vec<Lifecycle>,
    sort: Sort,
    is_reversed: bool,
}

/// What fits a filter.
pub(crate) struct Matching {
    /// In the order of `sort`.
    pub(crate) alarms: Vec<Listed>,
    /// Of those that fit everything except `lifecycle` and `severity`.
    lifecycles: BTreeMap<&'static str, usize>,
    critical: usize,
    warning: usize,
}

impl Filter {
    pub(crate) fn new(params: ListParams) -> Result<Self, Problem> {
        let names = params.lifecycle.as_deref().unwrap_or_default().split(',');
        let lifecycles = names
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(lifecycle_named);
        let lifecycles = lifecycles.collect::<Result<Vec<_>, _>>()?;
        // The latest first is what the list always was.
        let (name, is_reversed) = split_sort(params.sort.as_deref().unwrap_or("-since"));
        let sort = match name {
            "need" => Sort::Need,
            "since" => Sort::Since,
            "device" => Sort::Device,
            "function" => Sort::Function,
            "location" => Sort::Location,
            other => {
                return Err(Problem::bad_request(format!(
                    "alarms have no order {other:?}; there are need, since, device, function, \
                     location, each also with - in front"
                )));
            }
        };
        Ok(Self {
            params,
            lifecycles,
            sort,
            is_reversed,
        })
    }

    /// What is read from the database: open alarms and those that returned
    /// unacknowledged are indexed, all others are not.
    fn source(&self) -> AlarmStateFilter {
        match self.params.state {
            Some(StateParam::Open) => AlarmStateFilter::Listed,
            Some(StateParam::Active) => AlarmStateFilter::Open,
            Some(StateParam::Cleared) => AlarmStateFilter::Cleared,
            Some(StateParam::Any) | None => {
                let is_indexed = |of: &Lifecycle| *of != Lifecycle::Normal;
                if !self.lifecycles.is_empty() && self.lifecycles.iter().all(is_indexed) {
                    AlarmStateFilter::Listed
                } else {
                    AlarmStateFilter::Any
                }
            }
        }
    }

    /// Every alarm that fits. Blocks on the disk.
    pub(crate) fn matching(&self, api: &Api) -> Result<Matching, AlarmStoreError> {
        let source = self.source();
        let is_indexed = matches!(source, AlarmStateFilter::Open | AlarmStateFilter::Listed);
        let records = api.stores.alarms.alarms(&AlarmFilter {
            state: source,
            severity: None,
            device: self.params.device.clone(),
            limit: if is_indexed { usize::MAX } else { MAX_LISTED },
        })?;
        let alarms: Vec<Listed> = {
            let router = api.notifications.router.lock();
            let records = records.into_iter();
            records.map(|record| Listed::new(&router, record)).collect()
        };
        Ok(self.select(alarms))
    }

    fn select(&self, mut alarms: Vec<Listed>) -> Matching {
        let words = words(self.params.q.as_deref());
        alarms.retain(|alarm| alarm.matches(&self.params, &words));
        let mut lifecycles = BTreeMap::new();
        for alarm in &alarms {
            *lifecycles
                .entry(alarm.record.lifecycle.as_str())
                .or_default() += 1;
        }
        let critical = alarms.iter().filter(|alarm| alarm.is_critical()).count();
        let warning = alarms.len() - critical;
        let severity = self.params.severity.map(Severity::from);
        alarms.retain(|alarm| {
            let record = &alarm.record;
            (self.lifecycles.is_empty() || self.lifecycles.contains(&record.lifecycle))
                && severity.is_none_or(|severity| severity == record.severity)
        });
        alarms.sort_by(|a, b| {
            let order = self.compare(a, b);
            if self.is_reversed {
                order.reverse()
            } else {
                order
            }
        });
        Matching {
            alarms,
            lifecycles,
            critical,
            warning,
        }
    }

    fn compare(&self, a: &Listed, b: &Listed) -> Ordering {
        let (left, right) = (&a.record, &b.record);
        let order = match self.sort {
            Sort::Need => return a.by_need(b),
            Sort::Since => return a.by_age(b),
            Sort::Device => left.device_id.cmp(&right.device_id),
            Sort::Function => left.function.cmp(&right.function),
            Sort::Location => left.location.cmp(&right.location),
        };
        order.then_with(|| a.by_need(b))
    }

    fn page(&self, api: &Api) -> Result<Value, AlarmStoreError> {
        let found = self.matching(api)?;
        let total = found.alarms.len();
        let after = self.params.after.unwrap_or(0).min(total);
        let limit = self.params.limit.unwrap_or(DEFAULT_LIMIT);
        let end = after.saturating_add(limit).min(total);
        let page = found.alarms[after..end].iter();
        let page: Vec<Value> = page.map(|alarm| alarm.document(api)).collect();
        let lifecycles = found.lifecycles.into_iter();
        let lifecycles: Map<String, Value> = lifecycles
            .map(|(name, count)| (name.to_owned(), json!(count)))
            .collect();
        Ok(json!({
            "alarms": page,
            "next": (end < total && end > after).then_some(end),
            "total": total,
            "counts": {
                "lifecycle": lifecycles,
                "severity": {"critical": found.critical, "warning": found.warning},
            },
        }))
    }
}

fn lifecycle_named(name: &str) -> Result<Lifecycle, Problem> {
    let found = LIFECYCLES.into_iter().find(|known| known.as_str() == name);
    found.ok_or_else(|| {
        Problem::bad_request(format!(
            "alarms have no lifecycle {name:?}; there are {}",
            LIFECYCLES.map(Lifecycle::as_str).join(", ")
        ))
    })
}

pub(crate) async fn list(
    State(api): Shared,
    Query(params): Query<ListParams>,
) -> Result<Json<Value>, Problem> {
    let filter = Filter::new(params)?;
    Ok(Json(blocking(move || filter.page(&api)).await?))
}

/// What is open, with what returned unacknowledged. Blocks on the disk.
pub(crate) fn everything_listed(api: &Api) -> Result<Vec<Listed>, AlarmStoreError> {
    let filter = Filter {
        params: ListParams {
            state: Some(StateParam::Open),
            ..ListParams::default()
        },
        lifecycles: Vec::new(),
        sort: Sort::Need,
        is_reversed: false,
    };
    filter.matching(api).map(|matching| matching.alarms)
}

#[cfg(test)]
pub(crate) mod tests {
    use weir_model::AlertState;

    use super::*;

    pub(crate) fn listed(id: &str, severity: Severity, lifecycle: Lifecycle) -> Listed {
        let (device, n) = id.split_once('/').unwrap();
        Listed {
            record: AlarmRecord {
                alarm_id: id.to_owned(),
                device_id: device.to_owned(),
                sensor: "temperature".to_owned(),
                function: "overheat".to_owned(),
                severity,
                state: AlertState::Raised,
                raised_at: n.parse().unwrap(),
                updated_at: 0,
                recorded_at: None,
                text: None,
                cleared_at: None,
                value: 91.0,
                threshold: None,
                unit: None,
                location: Some("Hall-1".to_owned()),
                reason: "It is hot".to_owned(),
                acknowledged: None,
                shelved_until: None,
                lifecycle,
                returned_at: None,
                assigned_to: None,
                comments: Vec::new(),
            },
            priority: Priority::High,
            suppression: None,
            action: None,
        }
    }

    fn fleet() -> Vec<Listed> {
        vec![
            listed("a/1", Severity::Warning, Lifecycle::Unacknowledged),
            listed("b/2", Severity::Critical, Lifecycle::Acknowledged),
            listed("c/3", Severity::Critical, Lifecycle::Unacknowledged),
            listed("d/4", Severity::Critical, Lifecycle::Shelved),
            listed("e/5", Severity::Warning, Lifecycle::Unacknowledged),
        ]
    }

    fn ids(query: ListParams) -> Vec<String> {
        let matching = Filter::new(query).unwrap().select(fleet());
        let ids = matching.alarms.into_iter();
        ids.map(|alarm| alarm.record.alarm_id).collect()
    }

    #[test]
    fn who_needs_an_operator_comes_first() {
        let sorted = |sort: &str| {
            ids(ListParams {
                sort: Some(sort.to_owned()),
                ..ListParams::default()
            })
        };
        assert_eq!(sorted("need"), ["c/3", "e/5", "a/1", "b/2", "d/4"]);
        assert_eq!(sorted("since"), ["a/1", "b/2", "c/3", "d/4", "e/5"]);
        assert_eq!(sorted("-device"), ["e/5", "d/4", "c/3", "b/2", "a/1"]);
        assert_eq!(ids(ListParams::default())[0], "e/5");
    }

    #[test]
    fn counts_are_of_all_that_fit_besides_lifecycle_and_severity() {
        let query = ListParams {
            lifecycle: Some("unacknowledged,shelved".to_owned()),
            severity: Some(SeverityParam::Critical),
            q: Some("HALL hot".to_owned()),
            ..ListParams::default()
        };
        let matching = Filter::new(query).unwrap().select(fleet());
        assert_eq!(matching.alarms.len(), 2);
        assert_eq!(matching.lifecycles["unacknowledged"], 3);
        assert_eq!((matching.critical, matching.warning), (3, 2));
    }

    #[test]
    fn names_that_are_wrong_are_refused() {
        for query in [
            ListParams {
                lifecycle: Some("open".to_owned()),
                ..ListParams::default()
            },
            ListParams {
                sort: Some("age".to_owned()),
                ..ListParams::default()
            },
        ] {
            assert!(Filter::new(query).is_err());
        }
    }
}

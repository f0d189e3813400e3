//! The tables of the alarm database and the changes within one transaction. The
//! layout is drawn in [`crate::alarm_store`].

use redb::{ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use weir_alarms::{LifecycleEvent, LifecycleState, StoredAlert, alert_id};
use weir_model::{Alert, AlertState, Position, Timestamp};

use crate::store_error::AlarmStoreError;
use crate::stored_alarm::{Extra, StoredAlarm};

pub(crate) const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
pub(crate) const ALARMS: TableDefinition<&str, &[u8]> = TableDefinition::new("alarms");
pub(crate) const RECENT: TableDefinition<(i64, &str), ()> = TableDefinition::new("recent");
pub(crate) const OPEN: TableDefinition<&str, &str> = TableDefinition::new("open");
pub(crate) const HISTORY: TableDefinition<u64, &[u8]> = TableDefinition::new("history");
pub(crate) const SEEN: TableDefinition<&str, u64> = TableDefinition::new("seen");
pub(crate) const OUTBOX: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("outbox");
pub(crate) const SHELVED: TableDefinition<&str, &[u8]> = TableDefinition::new("shelved");
pub(crate) const EXTRAS: TableDefinition<&str, &[u8]> = TableDefinition::new("extras");
pub(crate) const TRANSITIONS: TableDefinition<(&str, u64), i64> =
    TableDefinition::new("transitions");
pub(crate) const RETURNED: TableDefinition<&str, ()> = TableDefinition::new("returned");
pub(crate) const AUDIT: TableDefinition<u64, &[u8]> = TableDefinition::new("audit");
pub(crate) const CHANGES: TableDefinition<u64, &[u8]> = TableDefinition::new("changes");

/// The channel in the keys of `outbox`: alerts by MQTT. The queues of all other
/// channels are in [`crate::lanes`].
pub(crate) const MQTT: &str = "mqtt";

/// The end of the shelving of a (device, sensor, unit, function).
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Shelf {
    /// Milliseconds since the epoch.
    pub(crate) until: i64,
    pub(crate) alarm_id: String,
}

/// Moves the stored position forward; false if it is there already.
pub(crate) fn advance(txn: &WriteTransaction, position: Position) -> Result<bool, AlarmStoreError> {
    let mut meta = txn.open_table(META)?;
    if meta
        .get("position")?
        .is_some_and(|stored| position.0 <= stored.value())
    {
        return Ok(false);
    }
    meta.insert("position", position.0)?;
    Ok(true)
}

/// The next number of a sequence, from 1.
pub(crate) fn next(txn: &WriteTransaction, name: &str) -> Result<u64, AlarmStoreError> {
    let mut meta = txn.open_table(META)?;
    let number = meta.get(name)?.map_or(1, |number| number.value());
    meta.insert(name, number + 1)?;
    Ok(number)
}

/// Records one alert; false if it is known. The clear of a latching alarm that
/// nobody has acknowledged is kept until somebody acknowledges it.
pub(crate) fn record_one(
    txn: &WriteTransaction,
    alert: &Alert,
    latches: bool,
) -> Result<bool, AlarmStoreError> {
    if txn.open_table(SEEN)?.get(alert.id.as_str())?.is_some() {
        return Ok(false);
    }
    if alert.state == AlertState::Cleared && latch(txn, alert, latches)? {
        return Ok(true);
    }
    let key = slot_key(alert);
    clear_superseded(txn, &key, alert)?;
    let seq = next(txn, "next_seq")?;
    let bytes = postcard::to_stdvec(&StoredAlert(alert.clone()))?;
    txn.open_table(SEEN)?.insert(alert.id.as_str(), seq)?;
    txn.open_table(HISTORY)?.insert(seq, &*bytes)?;
    txn.open_table(TRANSITIONS)?
        .insert((alert.alarm_id.as_str(), seq), Timestamp::now().millis())?;

    let shelf = shelf(&txn.open_table(SHELVED)?, &key)?;
    let shelved = shelf.is_some_and(|shelf| alert.timestamp < shelf.until);
    let mut alarms = txn.open_table(ALARMS)?;
    let before = alarm(&alarms, &alert.alarm_id)?;
    let after = StoredAlarm::after(before, alert, seq, shelved);
    alarms.insert(alert.alarm_id.as_str(), &*postcard::to_stdvec(&after)?)?;
    index_returned(txn, &after)?;
    txn.open_table(RECENT)?
        .insert((alert.raised_at, alert.alarm_id.as_str()), ())?;
    if after.is_open() {
        txn.open_table(OPEN)?
            .insert(key.as_str(), alert.alarm_id.as_str())?;
    } else {
        txn.open_table(OPEN)?.remove(key.as_str())?;
    }
    if !after.withheld {
        txn.open_table(OUTBOX)?.insert((MQTT, seq), &*bytes)?;
    }
    Ok(true)
}

/// Keeps `returned`: the alarms that are cleared and not acknowledged.
pub(crate) fn index_returned(
    txn: &WriteTransaction,
    alarm: &StoredAlarm,
) -> Result<(), AlarmStoreError> {
    let mut returned = txn.open_table(RETURNED)?;
    let alarm_id = alarm.last.alarm_id.as_str();
    if alarm.is_open() || alarm.acknowledged.is_some() {
        returned.remove(alarm_id)?;
    } else {
        returned.insert(alarm_id, ())?;
    }
    Ok(())
}

/// Keeps the clear of an alarm that stays latched; false if the alarm does not.
fn latch(txn: &WriteTransaction, clear: &Alert, latches: bool) -> Result<bool, AlarmStoreError> {
    let Some(before) = alarm(&txn.open_table(ALARMS)?, &clear.alarm_id)? else {
        return Ok(false);
    };
    let state = LifecycleState {
        acknowledged: before.acknowledged.is_some(),
        ..LifecycleState::RAISED
    };
    if state.after(LifecycleEvent::Returned, latches).cleared {
        return Ok(false);
    }
    let mut extra = extra(txn, &clear.alarm_id)?;
    extra.latched = Some(StoredAlert(clear.clone()));
    put_extra(txn, &clear.alarm_id, &extra)?;
    Ok(true)
}

/// Records the clear of a latched alarm if the event releases it. `held` is the
/// alarm as the caller holds it (and stores it).
pub(crate) fn release_latched(
    txn: &WriteTransaction,
    held: &mut StoredAlarm,
    event: LifecycleEvent,
) -> Result<(), AlarmStoreError> {
    let alarm_id = held.last.alarm_id.clone();
    let mut extra = extra(txn, &alarm_id)?;
    let released = held.lifecycle_state(&extra).after(event, true).cleared;
    let Some(StoredAlert(clear)) = extra.latched.take().filter(|_| released) else {
        return Ok(());
    };
    put_extra(txn, &alarm_id, &extra)?;
    txn.open_table(ALARMS)?
        .insert(alarm_id.as_str(), &*postcard::to_stdvec(held)?)?;
    record_one(txn, &clear, false)?;
    if let Some(after) = alarm(&txn.open_table(ALARMS)?, &alarm_id)? {
        *held = after;
    }
    Ok(())
}

pub(crate) fn extra(txn: &WriteTransaction, alarm_id: &str) -> Result<Extra, AlarmStoreError> {
    read_extra(&txn.open_table(EXTRAS)?, alarm_id)
}

pub(crate) fn read_extra(
    extras: &impl ReadableTable<&'static str, &'static [u8]>,
    alarm_id: &str,
) -> Result<Extra, AlarmStoreError> {
    let bytes = extras.get(alarm_id)?;
    let extra = bytes.map(|bytes| postcard::from_bytes(bytes.value()));
    Ok(extra.transpose()?.unwrap_or_default())
}

pub(crate) fn put_extra(
    txn: &WriteTransaction,
    alarm_id: &str,
    extra: &Extra,
) -> Result<(), AlarmStoreError> {
    let mut extras = txn.open_table(EXTRAS)?;
    extras.insert(alarm_id, &*postcard::to_stdvec(extra)?)?;
    Ok(())
}

/// Keeps at most one alarm open per (device, sensor, function): if another alarm
/// than the alert's is open, the engine has lost its memory of it and will never
/// clear it. It is cleared now.
pub(crate) fn clear_superseded(
    txn: &WriteTransaction,
    key: &str,
    alert: &Alert,
) -> Result<(), AlarmStoreError> {
    let open = txn
        .open_table(OPEN)?
        .get(key)?
        .map(|id| id.value().to_owned());
    let Some(alarm_id) = open.filter(|alarm_id| *alarm_id != alert.alarm_id) else {
        return Ok(());
    };
    let superseded = alarm(&txn.open_table(ALARMS)?, &alarm_id)?;
    txn.open_table(OPEN)?.remove(key)?;
    let Some(mut superseded) = superseded else {
        return Ok(());
    };
    if extra(txn, &alarm_id)?.latched.is_some() {
        return release_latched(txn, &mut superseded, LifecycleEvent::Superseded);
    }
    tracing::warn!(
        alarm_id,
        by = alert.alarm_id,
        "alarm cleared: a newer alarm of the same function is open"
    );
    let reason = format!("{}: superseded by a newer alarm", alert.sensor);
    let clear = forced_clear(superseded.last, alert.timestamp, reason);
    record_one(txn, &clear, false).map(drop)
}

/// The clear of an alarm that no verdict will clear, from its last alert.
pub(crate) fn forced_clear(last: Alert, timestamp: i64, reason: String) -> Alert {
    let decided = Timestamp::from_millis(timestamp).unwrap_or_default();
    let state = AlertState::Cleared;
    Alert {
        id: alert_id(&last.alarm_id, state, last.severity, decided),
        state,
        timestamp,
        reason,
        ..last
    }
}

/// Ends a shelving, and sends the last alert of an open alarm that was withheld.
/// `held` is the alarm if the caller holds it (and stores it). Returns whether an
/// alert went to the outbox.
pub(crate) fn unshelve(
    txn: &WriteTransaction,
    key: &str,
    held: Option<&mut StoredAlarm>,
) -> Result<bool, AlarmStoreError> {
    txn.open_table(SHELVED)?.remove(key)?;
    let open = txn
        .open_table(OPEN)?
        .get(key)?
        .map(|id| id.value().to_owned());
    let Some(alarm_id) = open else {
        return Ok(false);
    };
    let mut alarms = txn.open_table(ALARMS)?;
    let mut looked_up = None;
    let alarm = match held {
        Some(held) if held.last.alarm_id == alarm_id => held,
        _ => match alarm(&alarms, &alarm_id)? {
            Some(alarm) => looked_up.insert(alarm),
            None => return Ok(false),
        },
    };
    if !alarm.withheld {
        return Ok(false);
    }
    (alarm.withheld, alarm.notified) = (false, true);
    let bytes = postcard::to_stdvec(&StoredAlert(alarm.last.clone()))?;
    txn.open_table(OUTBOX)?.insert((MQTT, alarm.seq), &*bytes)?;
    alarms.insert(alarm_id.as_str(), &*postcard::to_stdvec(alarm)?)?;
    Ok(true)
}

/// Deletes the oldest transitions and cleared alarms beyond `keep`.
pub(crate) fn prune(txn: &WriteTransaction, keep: u64) -> Result<(), AlarmStoreError> {
    let mut history = txn.open_table(HISTORY)?;
    let mut seen = txn.open_table(SEEN)?;
    let mut transitions = txn.open_table(TRANSITIONS)?;
    while history.len()? > keep {
        let Some((seq, bytes)) = history.pop_first()? else {
            break;
        };
        let StoredAlert(alert) = postcard::from_bytes(bytes.value())?;
        seen.remove(alert.id.as_str())?;
        transitions.remove((alert.alarm_id.as_str(), seq.value()))?;
    }
    let mut alarms = txn.open_table(ALARMS)?;
    let excess = alarms.len()?.saturating_sub(keep);
    if excess == 0 {
        return Ok(());
    }
    let mut recent = txn.open_table(RECENT)?;
    let mut expired = Vec::new();
    // Open alarms stay whatever their age: look further than the excess.
    for entry in recent
        .iter()?
        .take(usize::try_from(excess).unwrap_or(usize::MAX) + 1_000)
    {
        let (raised_at, alarm_id) = entry.map(|(key, _)| {
            let (raised_at, alarm_id) = key.value();
            (raised_at, alarm_id.to_owned())
        })?;
        let is_open = alarm(&alarms, &alarm_id)?.is_some_and(|alarm| alarm.is_open());
        if !is_open {
            expired.push((raised_at, alarm_id));
        }
        if expired.len() as u64 == excess {
            break;
        }
    }
    let (mut extras, mut returned) = (txn.open_table(EXTRAS)?, txn.open_table(RETURNED)?);
    for (raised_at, alarm_id) in expired {
        recent.remove((raised_at, alarm_id.as_str()))?;
        alarms.remove(alarm_id.as_str())?;
        extras.remove(alarm_id.as_str())?;
        returned.remove(alarm_id.as_str())?;
    }
    Ok(())
}

/// Entries that one call of [`expire`] visits per table.
const EXPIRE_BATCH: usize = 10_000;

/// Deletes transitions and cleared alarms before `before` (milliseconds) with
/// their comments; returns how many.
pub(crate) fn expire(txn: &WriteTransaction, before: i64) -> Result<u64, AlarmStoreError> {
    let mut deleted = 0;
    let (mut history, mut seen) = (txn.open_table(HISTORY)?, txn.open_table(SEEN)?);
    let mut transitions = txn.open_table(TRANSITIONS)?;
    for _ in 0..EXPIRE_BATCH {
        let first = history.first()?.map(|(seq, bytes)| {
            postcard::from_bytes::<StoredAlert>(bytes.value()).map(|entry| (seq.value(), entry.0))
        });
        match first.transpose()? {
            Some((seq, alert)) if alert.timestamp < before => {
                history.remove(seq)?;
                seen.remove(alert.id.as_str())?;
                transitions.remove((alert.alarm_id.as_str(), seq))?;
                deleted += 1;
            }
            _ => break,
        }
    }
    let (mut alarms, mut recent) = (txn.open_table(ALARMS)?, txn.open_table(RECENT)?);
    let mut expired = Vec::new();
    for entry in recent.range(..(before, ""))?.take(EXPIRE_BATCH) {
        let (key, _) = entry?;
        let (raised_at, alarm_id) = key.value();
        let alarm = alarm(&alarms, alarm_id)?;
        if alarm.is_none_or(|alarm| !alarm.is_open() && alarm.last.timestamp < before) {
            expired.push((raised_at, alarm_id.to_owned()));
        }
    }
    let (mut extras, mut returned) = (txn.open_table(EXTRAS)?, txn.open_table(RETURNED)?);
    for (raised_at, alarm_id) in expired {
        recent.remove((raised_at, alarm_id.as_str()))?;
        alarms.remove(alarm_id.as_str())?;
        extras.remove(alarm_id.as_str())?;
        returned.remove(alarm_id.as_str())?;
        deleted += 1;
    }
    Ok(deleted)
}

pub(crate) fn alarm(
    alarms: &impl ReadableTable<&'static str, &'static [u8]>,
    alarm_id: &str,
) -> Result<Option<StoredAlarm>, AlarmStoreError> {
    let bytes = alarms.get(alarm_id)?;
    Ok(bytes
        .map(|bytes| postcard::from_bytes(bytes.value()))
        .transpose()?)
}

pub(crate) fn shelf(
    shelved: &impl ReadableTable<&'static str, &'static [u8]>,
    key: &str,
) -> Result<Option<Shelf>, AlarmStoreError> {
    let bytes = shelved.get(key)?;
    Ok(bytes
        .map(|bytes| postcard::from_bytes(bytes.value()))
        .transpose()?)
}

pub(crate) fn known(
    alarm: Option<StoredAlarm>,
    alarm_id: &str,
) -> Result<StoredAlarm, AlarmStoreError> {
    alarm.ok_or_else(|| AlarmStoreError::NotFound {
        alarm_id: alarm_id.to_owned(),
    })
}

/// The key of a slot. No name contains a NUL: control characters are refused.
pub(crate) fn slot_key(alert: &Alert) -> String {
    let unit = alert.unit.as_deref().unwrap_or_default();
    format!(
        "{}\0{}\0{unit}\0{}",
        alert.device_id, alert.sensor, alert.function
    )
}

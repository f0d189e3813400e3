// Keeps the summary of alarms of `GET /api/v1/overview` current between two answers: an
// alert or an action of the stream is applied at once. What cannot be known here (the
// state of an alarm that is not among the most urgent) comes with the next answer. And
// checks the equation of conservation: received = stored + quarantined + deduplicated +
// expired + in flight.
import { byUrgency, isCritical, isOpen, isSuppressed, needsAcknowledgement } from './alarm_terms.js';

/** @typedef {import('../../../types/api').Alarm} Alarm */
/** @typedef {import('../../../types/api').Alert} Alert */
/** @typedef {import('../../../types/api').AlarmSummary} AlarmSummary */
/** @typedef {import('../../../types/api').Flow} Flow */

const WORST = 20;
const NOTHING = { critical: 0, warning: 0, unacknowledged: 0, held: 0 };

/** What an alarm adds to the counts. @param {Alarm} [alarm] */
function share(alarm) {
  if (!alarm || !isOpen(alarm)) return NOTHING;
  if (isSuppressed(alarm)) return { ...NOTHING, held: 1 };
  return {
    critical: isCritical(alarm) ? 1 : 0, warning: isCritical(alarm) ? 0 : 1,
    unacknowledged: needsAcknowledgement(alarm) ? 1 : 0, held: 0,
  };
}

/**
 * @param {AlarmSummary} summary @param {Alarm} record
 * @param {Alarm|null|undefined} before  Null: it was not open. Undefined: not known.
 * @returns {AlarmSummary}
 */
function replaced(summary, record, before) {
  const worst = summary.worst.filter(alarm => alarm.alarmId !== record.alarmId);
  if (isOpen(record) && !isSuppressed(record)) worst.push(record);
  const next = { ...summary, worst: worst.sort(byUrgency).slice(0, WORST) };
  if (before === undefined) return next;
  const old = share(before), now = share(record);
  for (const key of Object.keys(NOTHING)) next[key] = Math.max(0, summary[key] - old[key] + now[key]);
  return next;
}

/** Somebody acted on an alarm. @param {AlarmSummary} summary @param {Alarm} record */
export const withRecord = (summary, record) =>
  replaced(summary, record, summary.worst.find(alarm => alarm.alarmId === record.alarmId));

/** An alarm changed. @param {AlarmSummary} summary @param {Alert} alert */
export function withAlert(summary, alert) {
  const known = summary.worst.find(alarm => alarm.alarmId === alert.alarmId);
  const { alarmId, deviceId, sensor, function: name, severity, state, value, threshold, unit, location, reason } = alert;
  const asks = state === 'raised' || state === 'escalated';
  /** @type {Alarm} */
  const record = {
    ...known, alarmId, deviceId, sensor, function: name, severity, state, value, threshold, unit, location, reason,
    raisedAt: alert.raisedAt, updatedAt: alert.timestamp, recordedAt: known?.recordedAt ?? alert.recordedAt,
    lifecycle: state === 'cleared' ? 'normal' : asks ? 'unacknowledged' : known?.lifecycle ?? 'unacknowledged',
  };
  return replaced(summary, record, known ?? (state === 'raised' ? null : undefined));
}

/** Where received readings are, in the order of the equation. @param {Flow} flow @returns {[name: string, count: number][]} */
export const terms = ({ readings }) => [
  ['stored', readings.stored], ['quarantined', readings.quarantined], ['deduplicated', readings.deduplicated],
  ['expired', readings.expired], ['in flight', readings.in_flight],
];

/** Zero, or readings were lost or invented. @param {Flow} flow */
export const unaccounted = flow => terms(flow).reduce((rest, [, count]) => rest - count, flow.readings.received);

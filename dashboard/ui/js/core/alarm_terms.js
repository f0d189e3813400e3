// The vocabulary of alarms (ISA-18.2): states, severities, and which alarm needs an
// operator first.

/** @typedef {import('../../../types/api').Alarm} Alarm */
/** @typedef {import('../../../types/api').Lifecycle} Lifecycle */

/** @type {Lifecycle[]} */
export const SUPPRESSED = ['shelved', 'suppressed', 'out-of-service'];
/** @type {Lifecycle[]} */
export const UNACKNOWLEDGED = ['unacknowledged', 'latched'];
/** Open: the condition holds, or is latched. @type {Lifecycle[]} */
export const OPEN = ['unacknowledged', 'acknowledged', 'latched', ...SUPPRESSED];

/** @type {Record<Lifecycle, string>} */
export const LIFECYCLE = {
  unacknowledged: 'unacknowledged',
  acknowledged: 'acknowledged',
  'returned-unacknowledged': 'returned, unacknowledged',
  latched: 'latched',
  shelved: 'shelved',
  suppressed: 'suppressed',
  'out-of-service': 'out of service',
  normal: 'cleared',
};
export const TRANSITION = {
  raised: 'raised', escalated: 'escalated', deescalated: 'de-escalated', cleared: 'cleared',
};

/** JSON has `CRITICAL`, SQL has `critical`. @param {{severity: string}} of */
export const severityOf = of => of.severity.toLowerCase() === 'critical' ? 'critical' : 'warning';
/** @param {{severity: string}} of */
export const isCritical = of => severityOf(of) === 'critical';
/** @param {{lifecycle: Lifecycle}} alarm */
export const isSuppressed = alarm => SUPPRESSED.includes(alarm.lifecycle);
/** @param {{lifecycle: Lifecycle}} alarm */
export const isOpen = alarm => OPEN.includes(alarm.lifecycle);
/** @param {{lifecycle: Lifecycle}} alarm */
export const needsAcknowledgement = alarm =>
  UNACKNOWLEDGED.includes(alarm.lifecycle) || alarm.lifecycle === 'returned-unacknowledged';

/** @param {Alarm} alarm */
const rank = alarm => (isSuppressed(alarm) ? 8 : 0) + (needsAcknowledgement(alarm) ? 0 : 4)
  + (isCritical(alarm) ? 0 : 2) + (alarm.priority === 'urgent' ? 0 : 1);
/** The most urgent first; among equals the newest. @param {Alarm} a @param {Alarm} b */
export const byUrgency = (a, b) => rank(a) - rank(b) || b.raisedAt - a.raisedAt;

/** Actions of the audit. */
export const ACTION = {
  acknowledge: 'acknowledged', unacknowledge: 'removed the acknowledgement', shelve: 'shelved', unshelve: 'unshelved',
  'out-of-service': 'took out of service', 'in-service': 'returned to service', comment: 'commented', assign: 'assigned',
};

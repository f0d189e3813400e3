// What operators do to alarms. An action takes effect at once and is undone afterwards,
// instead of a question before it.
import { signal, kept, keep } from './dom.js';
import { post, segment } from './api.js';
import { may, signedInName } from './session.js';
import { countChange, recordAction, refreshSoon } from './live.js';
import { plural } from './numbers.js';
import { notify, notifyError } from '../parts/feedback.js';

/** @typedef {import('../../../types/api').Alarm} Alarm */
/** @typedef {import('../../../types/api').ActionResult} ActionResult */
/** Some alarms, or all that fit a filter (as the parameters of `GET /api/v1/alarms`).
 * @typedef {{alarms?: Alarm[], filter?: Record<string, string>, count?: number}} Target */

const UNDO = { ack: 'unack', shelve: 'unshelve', 'out-of-service': 'in-service' };
const DONE = {
  ack: 'acknowledged', unack: 'acknowledgement removed', shelve: 'shelved', unshelve: 'no longer shelved',
  'out-of-service': 'out of service', 'in-service': 'in service', comment: 'commented', assign: 'assigned',
};

/** Without `[auth]` nobody proves a name; this browser remembers the one that was entered. */
export const operatorName = () => signedInName() ?? kept('name') ?? 'web';
/** @param {string} name */
export const rememberName = name => keep('name', name || null);

/** @param {Target} target */
export const targetName = target => !target.alarms ? plural(target.count, 'alarm')
  : target.alarms.length === 1 ? `${target.alarms[0].deviceId} ${target.alarms[0].sensor}`
  : plural(target.alarms.length, 'alarm');

/**
 * @param {Target} target @param {string} action
 * @param {{note?: string, duration?: string, to?: string}} [details]
 */
export async function act(target, action, details = {}) {
  const alarms = target.alarms;
  if (alarms && !alarms.length) return;
  const body = { by: operatorName(), ...details };
  try {
    if (alarms?.length === 1) {
      recordAction(await post(`/api/v1/alarms/${segment(alarms[0].alarmId)}/${action}`, body));
      report(target, action, [alarms[0].alarmId]);
    } else {
      const which = alarms ? { ids: alarms.map(alarm => alarm.alarmId) } : { filter: target.filter };
      /** @type {ActionResult} */
      const result = await post('/api/v1/alarms/actions', { action, ...which, ...body });
      const failed = new Set(result.failed.map(({ id }) => id));
      const ids = which.ids ? which.ids.filter(id => !failed.has(id)) : result.ids;
      afterMany();
      if (result.done) report({ filter: {}, count: result.done }, action, ids);
      if (failed.size) notify({ text: `${plural(failed.size, 'alarm')}: ${result.failed[0].detail}`, bad: true });
    }
  } catch (error) { notifyError(error); }
}

/** @param {Target} target @param {string} action @param {string[]} [ids]  Without them it cannot be undone. */
function report(target, action, ids) {
  const undo = UNDO[action] && ids?.length ? () => revert(UNDO[action], ids) : undefined;
  notify({ text: `${targetName(target)}: ${DONE[action]}`, undo });
}

/** @param {string} action @param {string[]} ids */
async function revert(action, ids) {
  try {
    if (ids.length === 1) {
      recordAction(await post(`/api/v1/alarms/${segment(ids[0])}/${action}`, { by: operatorName() }));
    } else {
      await post('/api/v1/alarms/actions', { action, ids, by: operatorName() });
      afterMany();
    }
  } catch (error) { notifyError(error); }
}

function afterMany() {
  countChange();
  refreshSoon(0);
}

/** The dialog that is open. */
export const asked = signal(/** @type {{kind: 'shelve'|'comment'|'assign', target: Target}|null} */ (null));

/** @param {'shelve'|'comment'|'assign'} kind @param {Target} target */
export function ask(kind, target) {
  if (may('operate') && (!target.alarms || target.alarms.length)) asked.set({ kind, target });
}

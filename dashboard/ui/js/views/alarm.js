// One alarm: what is wrong, the moment it was raised, why, and what happened since.
import { html, useSignal } from '../core/dom.js';
import { go, href } from '../core/router.js';
import { get, path, segment } from '../core/api.js';
import { useAsk } from '../core/ask.js';
import { alarmChanges } from '../core/live.js';
import { may } from '../core/session.js';
import { act, ask } from '../core/actions.js';
import { useKeys } from '../core/keys.js';
import { needsAcknowledgement, OPEN } from '../core/alarm_terms.js';
import { whole } from '../core/numbers.js';
import { Answer } from '../parts/layout.js';
import { AlarmHead } from './alarm/head.js';
import { Moment } from './alarm/moment.js';
import { Nearby, Timeline, Why } from './alarm/story.js';

const REFRESH_MS = 15_000, NEIGHBOURS = 100;

/** @param {{route: import('../core/router.js').Route}} props */
export default function AlarmPage({ route: { id } }) {
  const changes = useSignal(alarmChanges);
  const answer = useAsk(signal => get(`/api/v1/alarms/${segment(id)}`, signal), [id, changes], { every: REFRESH_MS });
  const neighbours = useNeighbours(id, changes);
  useAlarmKeys(answer.data, neighbours);
  return html`<${Answer} of=${answer} rows=${8}>${alarm => html`<div class="page alarm">
    <nav class="crumbs" aria-label="Breadcrumbs"><a href=${href('alarms')}>Alarms</a><span aria-hidden="true">/</span>
      <span class="cut">${alarm.deviceId} ${alarm.sensor}</span><${Steps} ...${neighbours} /></nav>
    <${AlarmHead} alarm=${alarm} />
    <div class="alarm-grid"><div class="alarm-main"><${Moment} alarm=${alarm} /><${Why} alarm=${alarm} /></div>
      <div class="alarm-side"><${Timeline} alarm=${alarm} /><${Nearby} alarm=${alarm} /></div></div></div>`}</${Answer}>`;
}

/** The open alarms before and after this one, the most urgent first. */
function useNeighbours(id, changes) {
  const { data } = useAsk(signal => get(path('/api/v1/alarms', { lifecycle: OPEN.join(','), sort: 'need', limit: NEIGHBOURS }),
    signal), [changes]);
  const list = data?.alarms ?? [], at = list.findIndex(alarm => alarm.alarmId === id);
  const open = i => () => { if (list[i]) go(href('alarms', list[i].alarmId)); };
  return { at, total: data?.total ?? 0, next: open(at + 1), previous: open(at - 1), isLast: at >= list.length - 1 };
}

const Steps = ({ at, total, next, previous, isLast }) => at >= 0 && html`<span class="crumb-steps">
  <button type="button" class="btn small" disabled=${at < 1} title="Previous alarm" onClick=${previous}>
    <span aria-hidden="true">‹ <kbd>k</kbd></span><span class="sr">Previous alarm</span></button>
  <span class="dim small num">${at + 1} of ${whole(total)}</span>
  <button type="button" class="btn small" disabled=${isLast} title="Next alarm" onClick=${next}><span aria-hidden="true">
    <kbd>j</kbd> ›</span><span class="sr">Next alarm</span></button></span>`;

function useAlarmKeys(alarm, { next, previous }) {
  const target = { alarms: [alarm] };
  /** @type {import('../core/keys.js').Bindings} */
  const operate = alarm && may('operate') ? {
    a: [() => act(target, needsAcknowledgement(alarm) ? 'ack' : 'unack'), 'acknowledge, or remove it'],
    s: [() => ask('shelve', target), 'shelve'],
    c: [() => ask('comment', target), 'comment'],
    i: [() => ask('assign', target), 'assign'],
  } : {};
  useKeys('alarm', { j: [next, 'next alarm'], k: [previous, 'previous alarm'], u: [() => go(href('alarms')), 'back to the list'],
    ...operate });
}

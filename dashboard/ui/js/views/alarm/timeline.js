// The history of one alarm: what Weir decided and what people did, in order of time.
import { html } from '../../core/dom.js';
import { TRANSITION } from '../../core/alarm_terms.js';
import { Panel } from '../../parts/layout.js';
import { Shape } from '../../parts/shape.js';
import { When } from '../../parts/times.js';
import { copy } from '../../parts/feedback.js';

/** Actions of the audit. */
export const ACTION = {
  acknowledge: 'acknowledged', unacknowledge: 'removed the acknowledgement', shelve: 'shelved', unshelve: 'unshelved',
  'out-of-service': 'took out of service', 'in-service': 'returned to service', comment: 'commented', assign: 'assigned',
};

/** @param {import('../../../../types/api').AlarmDetail} alarm */
const events = ({ transitions = [], audit = [] }) => [
  ...transitions.map(t => ({ at: t.recordedAt ?? t.timestamp, by: null, what: TRANSITION[t.state],
    severity: t.state === 'cleared' ? undefined : t.severity, text: t.reason, until: null, to: null })),
  ...audit.map(e => ({ at: e.at, by: e.by, what: ACTION[e.action] ?? e.action, severity: undefined, text: e.note, until: e.until,
    to: e.to })),
].sort((a, b) => a.at - b.at);

/** @param {{alarm: import('../../../../types/api').AlarmDetail}} props */
export function Timeline({ alarm }) {
  return html`<${Panel} title="Timeline" id="timeline"><ol class="story">
    ${events(alarm).map(event => html`<${Event} event=${event} />`)}</ol>
    <p class="small dim mono cut"><button type="button" class="link" title="Copy the id of the alarm"
      onClick=${() => copy(alarm.alarmId, 'The id is copied')}>${alarm.alarmId}</button></p></${Panel}>`;
}

function Event({ event: { at, by, what, severity, text, until, to } }) {
  return html`<li class=${by ? 'person' : 'weir'}>
    <${Shape} severity=${severity} lifecycle=${severity ? undefined : 'normal'} size=${14} label="" />
    <div><p>${by && html`<b>${by}</b> `}<span>${what}${to && html` to <b>${to}</b>`}</span>
      ${until && html` until <${When} at=${until} />`} <span class="dim num"><${When} at=${at} /></span></p>
      ${text && html`<p class=${by ? 'said' : 'dim small'}>${text}</p>`}</div></li>`;
}

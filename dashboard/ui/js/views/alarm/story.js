// The story of one alarm: why functions concluded what they did, what happened since (Weir
// and people, in order of time), and related alarms: of the same device, or of the same
// location within five minutes.
import { html, useState } from '../../core/dom.js';
import { href } from '../../core/router.js';
import { get, literal, path, segment, sql } from '../../core/api.js';
import { useAsk } from '../../core/ask.js';
import { ACTION, TRANSITION } from '../../core/alarm_terms.js';
import { parse, rfc3339 } from '../../core/spans.js';
import { Loading, Panel } from '../../parts/layout.js';
import { Choice } from '../../parts/choice.js';
import { Shape } from '../../parts/shape.js';
import { Trace } from '../../parts/trace.js';
import { When } from '../../parts/times.js';
import { copy } from '../../parts/feedback.js';

const WITHIN_MS = 300_000, SHOWN = 12, TRANSITIONS = 6;

/** @param {{alarm: import('../../../../types/api').AlarmDetail}} props */
export function Why({ alarm }) {
  const [chosen, choose] = useState(null);
  const transitions = alarm.transitions ?? [];
  const decisive = transitions.find(({ state }) => state === 'escalated')?.timestamp ?? alarm.raisedAt;
  const at = chosen ?? String(decisive);
  const { data, error } = useAsk(signal => get(path(`/api/v1/devices/${segment(alarm.deviceId)}/explain`, { sensor: alarm.sensor,
    at }), signal), [alarm.alarmId, at]);
  const options = transitions.slice(0, TRANSITIONS).map(({ timestamp, state }) => [String(timestamp), TRANSITION[state]]);
  return html`<${Panel} title="Why" id="why" aside=${options.length > 1 && html`<${Choice} label="At which transition" value=${at}
    onChoose=${choose} options=${options} />`}>
    ${data ? html`<${Trace} data=${data} culprit=${alarm.function} />` : error ? html`<p class="dim">${error.message}</p>`
      : html`<${Loading} rows=${4} />`}</${Panel}>`;
}

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

/** @param {import('../../../../types/api').Alarm} alarm */
function statement({ alarmId, deviceId, location, raisedAt }) {
  const place = location ? ` OR (location = ${literal(location)} AND raised_at BETWEEN '${rfc3339(raisedAt - WITHIN_MS)}' AND '${rfc3339(raisedAt + WITHIN_MS)}')` : '';
  return `SELECT alarm_id, severity, state, device, sensor, function, raised_at FROM alarms WHERE alarm_id <> ${literal(alarmId)}
    AND (device = ${literal(deviceId)}${place}) ORDER BY raised_at DESC LIMIT ${SHOWN}`;
}

/** @param {{alarm: import('../../../../types/api').AlarmDetail}} props */
export function Nearby({ alarm }) {
  const { data, error } = useAsk(signal => sql(statement(alarm), signal), [alarm.alarmId]);
  return html`<${Panel} title="Related" id="related" flush>${error && !data ? html`<p class="dim pad">${error.message}</p>` : !data
    ? html`<${Loading} />`
    : !data.rows.length ? html`<p class="dim pad">No other alarm of this device${alarm.location ? `, or of ${alarm.location} within five minutes` : ''}.</p>`
    : html`<ul class="near">${data.rows.map(row => html`<li key=${row.alarm_id}>
        <${Shape} severity=${row.severity} lifecycle=${row.state === 'cleared' ? 'normal' : 'acknowledged'} size=${14} />
        <a href=${href('alarms', row.alarm_id)} title=${row.function}><b>${row.device}</b> ${row.sensor}</a><span class="dim cut">
          ${row.function}</span>
        <span class="dim num"><${When} at=${parse(row.raised_at)} /></span></li>`)}</ul>`}</${Panel}>`;
}

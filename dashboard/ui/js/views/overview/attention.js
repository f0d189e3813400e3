// The open alarms that need attention, the most urgent first. A flood cannot be read line
// by line: from 30 alarms on they are grouped by the function that raised them.
import { html, cx, Fragment, useSignal } from '../../core/dom.js';
import { href } from '../../core/router.js';
import { get } from '../../core/api.js';
import { useAsk } from '../../core/ask.js';
import { overview } from '../../core/live.js';
import { session, may } from '../../core/session.js';
import { act } from '../../core/actions.js';
import { isCritical, needsAcknowledgement, severityOf, UNACKNOWLEDGED } from '../../core/alarm_terms.js';
import { plural, whole } from '../../core/numbers.js';
import { Code, Empty, Loading, Panel } from '../../parts/layout.js';
import { Shape } from '../../parts/shape.js';
import { Age } from '../../parts/times.js';
import { AlarmLine } from '../../parts/alarm_line.js';

const SHOWN = 7, FLOOD = 30;

export function Attention() {
  const now = useSignal(overview);
  useSignal(session);
  const open = now && now.alarms.critical + now.alarms.warning;
  return html`<${Panel} title="Needs attention" id="attention" flush aside=${now && open > 0 &&
    html`<${Aside} summary=${now.alarms} open=${open} />`}>
    ${!now ? html`<${Loading} rows=${5} />`
      : !open ? html`<${Quiet} devices=${now.devices.total} />`
      : open >= FLOOD && now.alarms.byFunction ? html`<${Flood} groups=${now.alarms.byFunction} open=${open} />`
      : html`<ul class="wrong-list">${now.alarms.worst.slice(0, SHOWN).map(alarm => html`<${AlarmLine}
        key=${alarm.alarmId} alarm=${alarm} />`)}</ul>`}
  </${Panel}>`;
}

const UNACKNOWLEDGED_FILTER = { lifecycle: UNACKNOWLEDGED.join(',') };

function Aside({ summary, open }) {
  const { unacknowledged, worst } = summary;
  const asking = worst.filter(needsAcknowledgement);
  const target = asking.length === unacknowledged ? { alarms: asking } : { filter: UNACKNOWLEDGED_FILTER, count: unacknowledged };
  return html`<${Fragment}>
    ${unacknowledged > 1 && may('operate') && html`<button type="button" class="btn small" onClick=${() => act(target, 'ack')}>
      Acknowledge all ${whole(unacknowledged)}</button>`}
    <a class="more-link" href=${href('alarms')}>All ${whole(open)}</a></${Fragment}>`;
}

function Flood({ groups, open }) {
  return html`<ul class="wrong-list">
    <li class="flood-said"><b>Alarm flood.</b> ${plural(open, 'alarm')} are open, grouped by function.</li>
    ${groups.slice(0, SHOWN).map(group => html`<${Group} key=${group.function + group.severity} group=${group} />`)}</ul>`;
}

/** @param {{group: import('../../../../types/api').AlarmGroup}} props */
function Group({ group }) {
  const { function: name, unacknowledged, example } = group, severity = severityOf(group);
  const filter = { ...UNACKNOWLEDGED_FILTER, function: name, severity };
  return html`<li class=${cx('wrong-line', severity, unacknowledged > 0 && 'asks')}>
    <${Shape} severity=${severity} lifecycle=${unacknowledged ? 'unacknowledged' : 'acknowledged'} size=${18} />
    <a class="wrong-what" href=${href('alarms', null, { function: name, severity })}><b>${name}</b>
      <span>${plural(group.open, 'alarm')} in ${plural(group.locations, 'location')}</span>
      <span class="wrong-why">${example.deviceId}: ${example.reason}</span></a>
    <div class="wrong-value"><span class="num">${whole(unacknowledged)}</span><div class="dim small">unackn.</div></div>
    <span class="wrong-since num"><${Age} at=${group.newest} /></span>
    <div class="wrong-act">${unacknowledged > 0 && may('operate') && html`<button type="button" class="btn"
      onClick=${() => act({ filter, count: unacknowledged }, 'ack')}
        aria-label=${`Ack: acknowledge all ${isCritical(group) ? 'critical alarms' : 'warnings'} of ${name}`}>Ack</button>`}</div>
  </li>`;
}

/** No alarm, or no device yet: then how to send the first reading. */
function Quiet({ devices }) {
  if (devices) {
    return html`<${Empty} title="No open alarms"><p>Earlier alarms are in <a
      href=${href('alarms', null, { tab: 'history' })}>the history</a>.</p></${Empty}>`;
  }
  return html`<${Newcomer} />`;
}

const MQTT_PORT = '1883';

/** The lines run as they stand: the port is named unless it is the usual one. */
function Newcomer() {
  const { data } = useAsk(signal => get('/api/v1/system', signal), []);
  const port = data?.addresses.mqtt?.split(':').pop(), option = port === MQTT_PORT ? '' : ` -p ${port}`;
  return html`<${Empty} title="No readings yet">
    <p>Send the first reading, or start a simulated fleet with <code>weir up --demo</code>.</p>
    ${port && html`<${Code} text=${`mosquitto_pub -h ${location.hostname}${option} -q 1 -t devices/pump-1/telemetry \\\n  -m '{"temperature": 93.5, "door": true}'`} />`}
    <${Code} text=${`curl -s '${location.origin}/api/v1/ingest/devices/pump-1/telemetry?wait=processed' \\\n  -d '{"deviceId":"pump-1","data":[{"sensorId":"temperature","value":93.5,"criticalThreshold":90}]}'`} /></${Empty}>`;
}

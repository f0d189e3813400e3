// One open alarm as a line: what, how far beyond its limit, since when, and one button.
import { html, cx } from '../core/dom.js';
import { href } from '../core/router.js';
import { may } from '../core/session.js';
import { act } from '../core/actions.js';
import { LIFECYCLE, needsAcknowledgement, severityOf } from '../core/alarm_terms.js';
import { measure } from '../core/numbers.js';
import { Shape } from './shape.js';
import { Age } from './times.js';
import { Deviation } from './spark.js';

/** @param {{alarm: import('../../../types/api').Alarm}} props */
export function AlarmLine({ alarm }) {
  const severity = severityOf(alarm), asks = needsAcknowledgement(alarm), name = `${alarm.deviceId} ${alarm.sensor}`;
  const limit = alarm.threshold == null ? '' : `limit ${measure(alarm.threshold, alarm.unit)}`;
  return html`<li class=${cx('wrong-line', severity, asks && 'asks')}>
    <${Shape} severity=${alarm.severity} lifecycle=${alarm.lifecycle} size=${18} />
    <a class="wrong-what" href=${href('alarms', alarm.alarmId)}><b>${alarm.deviceId}</b> <span>${alarm.sensor}</span>
      <span class="wrong-why" title=${alarm.reason}>${alarm.reason}</span></a>
    <div class="wrong-value"><span class="num" title=${limit}>${measure(alarm.now?.value ?? alarm.value, alarm.unit)}</span>
      <${Deviation} value=${alarm.now?.value ?? alarm.value} limit=${alarm.threshold} severity=${severity} label=${limit} /></div>
    <span class="wrong-since num"><${Age} at=${alarm.raisedAt} /></span>
    <div class="wrong-act">${!asks
      ? html`<span class="dim small cut" title=${alarm.acknowledged?.note}>
        ${alarm.assignedTo ?? alarm.acknowledged?.by ?? LIFECYCLE[alarm.lifecycle]}</span>`
      : may('operate') && html`<button type="button" class="btn" onClick=${() => act({ alarms: [alarm] }, 'ack')}
          aria-label=${`Ack: acknowledge ${name}`}>Ack</button>`}</div>
  </li>`;
}

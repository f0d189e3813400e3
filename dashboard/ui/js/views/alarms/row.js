// One row of the list of alarms.
import { html, cx, Fragment } from '../../core/dom.js';
import { go, href } from '../../core/router.js';
import { may } from '../../core/session.js';
import { isCritical, isSuppressed, LIFECYCLE, needsAcknowledgement } from '../../core/alarm_terms.js';
import { full, shortTime, when } from '../../core/time.js';
import { isInstant } from '../../core/spans.js';
import { measure } from '../../core/numbers.js';
import { Shape } from '../../parts/shape.js';
import { Age } from '../../parts/times.js';

const DAY_MS = 864e5;

/** @param {{alarm: import('../../../../types/api').Alarm, index: number, selection: any}} props */
export function AlarmRow({ alarm, index, selection }) {
  const chosen = selection.isChosen(alarm), name = `${alarm.deviceId} ${alarm.sensor}`;
  const asks = needsAcknowledgement(alarm) && !isSuppressed(alarm);
  const click = event => {
    selection.move(index);
    if (event.target.closest('a, button, input') || getSelection().toString()) return;
    if (event.shiftKey || event.ctrlKey || event.metaKey) selection.flip(alarm); else go(href('alarms', alarm.alarmId));
  };
  return html`<tr class=${cx(index === selection.at && 'at', chosen && 'chosen', asks && 'asks', isCritical(alarm) && 'critical')}
    aria-rowindex=${index + 2} onClick=${click}>
    <td class="c-box">${may('operate') && html`<input type="checkbox" aria-label=${`Choose ${name}`} checked=${chosen}
      onChange=${() => selection.flip(alarm)} />`}</td>
    <td class="c-shape"><${Shape} severity=${alarm.severity} lifecycle=${alarm.lifecycle} /></td>
    <td class="c-device"><a href=${href('alarms', alarm.alarmId)} title=${name}><b>${alarm.deviceId}</b> <span>
      ${alarm.sensor}</span></a></td>
    <td class="c-why cut" title=${alarm.reason}>${alarm.reason}</td>
    <td class="num c-value" title=${alarm.now ? `when it was raised: ${measure(alarm.value, alarm.unit)}` : null}>
      ${measure(alarm.now?.value ?? alarm.value, alarm.unit)}</td>
    <td class="num c-limit dim">${measure(alarm.threshold)}</td>
    <td class="num c-since"><${Age} at=${alarm.raisedAt} /></td>
    <td class="c-state"><${State} alarm=${alarm} /></td>
    <td class="c-function"><a class="quiet" href=${href('functions', null, { name: alarm.function })}>${alarm.function}</a></td>
    <td class="c-location dim">${alarm.location ?? ''}</td></tr>`;
}

function State({ alarm }) {
  const { lifecycle, shelvedUntil, acknowledged, assignedTo, comments } = alarm;
  const until = shelvedUntil - Date.now() < DAY_MS ? shortTime : when;
  return html`<${Fragment}>${lifecycle === 'shelved' && isInstant(shelvedUntil)
      ? html`shelved <span class="dim" title=${full(shelvedUntil)}>until ${until(shelvedUntil)}</span>`
      : lifecycle === 'acknowledged' && acknowledged ? html`<span class="dim">ack. by</span> ${acknowledged.by}`
      : LIFECYCLE[lifecycle]}
    ${assignedTo && html` <span class="tag" title=${`assigned to ${assignedTo}`}>${assignedTo}</span>`}
    ${comments?.length > 0 && html` <span class="dim" title=${comments.at(-1).text}><span aria-hidden="true">✎</span>
      ${comments.length}<span class="sr"> comments</span></span>`}</${Fragment}>`;
}

// The head of an alarm: the sentence, the facts, and what can be done.
import { html, cx } from '../../core/dom.js';
import { href } from '../../core/router.js';
import { may } from '../../core/session.js';
import { act, ask } from '../../core/actions.js';
import { isSuppressed, LIFECYCLE, needsAcknowledgement, severityOf } from '../../core/alarm_terms.js';
import { parse, span } from '../../core/spans.js';
import { measure } from '../../core/numbers.js';
import { Shape } from '../../parts/shape.js';
import { Age, When } from '../../parts/times.js';

/** @param {{alarm: import('../../../../types/api').AlarmDetail}} props */
export function AlarmHead({ alarm }) {
  const severity = severityOf(alarm), over = alarm.state === 'cleared', asks = needsAcknowledgement(alarm) && !isSuppressed(alarm);
  return html`<header class=${cx('alarm-head', severity, asks && 'asks', over && 'over')}>
    <${Shape} severity=${alarm.severity} lifecycle=${alarm.lifecycle} size=${30} />
    <div class="alarm-what"><h1><a href=${href('devices', alarm.deviceId, { sensor: alarm.sensor })}>
      ${alarm.deviceId}</a> ${alarm.sensor}</h1>
      <p class="alarm-why">${alarm.reason}</p><${Details} alarm=${alarm} severity=${severity} over=${over} />
      ${alarm.action && html`<p class="alarm-do"><b>Advice</b> ${alarm.action}</p>`}</div>
    ${may('operate') && html`<${Buttons} alarm=${alarm} asks=${asks} over=${over} />`}</header>`;
}

function Details({ alarm, severity, over }) {
  const { now, priority, location, assignedTo, raisedAt, clearedAt } = alarm;
  return html`<p class="alarm-facts dim"><b class=${severity}>${severity}</b><span>${LIFECYCLE[alarm.lifecycle]}</span>
    ${now && !over && html`<span>now <b class="num now">
      ${measure(now.value, alarm.unit)}</b>, <${Age} at=${parse(now.time)} suffix=" ago" /></span>`}
    <span>since <${When} at=${raisedAt} />, ${over ? `for ${span(clearedAt - raisedAt)}` : html`<${Age} at=${raisedAt} />`}</span>
    ${priority && html`<span>priority ${priority}</span>`}
    <span>function <a href=${href('functions', null, { name: alarm.function })}>${alarm.function}</a></span>
    ${location && html`<span>${location}</span>`}
    ${assignedTo && html`<span>assigned to <b>${assignedTo}</b></span>`}</p>`;
}

function Buttons({ alarm, asks, over }) {
  const target = { alarms: [alarm] };
  const button = (text, key, onClick, className = '') => html`<button type="button" class=${cx('btn', className)}
    onClick=${onClick}>${text}${key && html` <kbd>${key}</kbd>`}</button>`;
  return html`<div class="alarm-buttons">
    ${asks ? button('Acknowledge', 'a', () => act(target, 'ack'), 'primary')
      : alarm.lifecycle === 'acknowledged' && button('Remove acknowledgement', 'a', () => act(target, 'unack'))}
    ${alarm.lifecycle === 'out-of-service' ? button('Return to service', null, () => act(target, 'in-service'))
      : alarm.lifecycle === 'shelved' ? button('Unshelve', null, () => act(target, 'unshelve'))
      : !over && button('Shelve', 's', () => ask('shelve', target))}
    ${button('Comment', 'c', () => ask('comment', target))}${button('Assign', 'i', () => ask('assign', target))}</div>`;
}

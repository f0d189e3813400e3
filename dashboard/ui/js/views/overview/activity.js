// Recent activity: the last transitions of alarms.
import { html, useSignal } from '../../core/dom.js';
import { href } from '../../core/router.js';
import { overview } from '../../core/live.js';
import { TRANSITION } from '../../core/alarm_terms.js';
import { Loading, Panel } from '../../parts/layout.js';
import { Shape } from '../../parts/shape.js';
import { When } from '../../parts/times.js';

const SHOWN = 12;

export function Activity() {
  const recent = useSignal(overview)?.recent;
  return html`<${Panel} title="Recent activity" id="recent" className="recent" flush aside=${html`<a class="more-link"
    href=${href('alarms', null, { tab: 'history' })}>History</a>`}>
    ${!recent ? html`<${Loading} />` : !recent.length ? html`<p class="dim pad">No alarm has been raised yet.</p>`
      : html`<ul class="recent-list">
        ${recent.slice(0, SHOWN).map(alert => html`<${Row}
        key=${alert.id ?? alert.alarmId + alert.state} alert=${alert} />`)}</ul>`}
  </${Panel}>`;
}

/** @param {{alert: import('../../../../types/api').Alert}} props */
function Row({ alert }) {
  const cleared = alert.state === 'cleared';
  return html`<li><span class="num dim"><${When} at=${alert.recordedAt ?? alert.timestamp} /></span>
    <span class="nowrap"><${Shape} severity=${cleared ? undefined : alert.severity} lifecycle=${cleared ? 'normal' : undefined} size=${14} label="" /> ${TRANSITION[alert.state]}</span>
    <span class="cut"><a href=${href('alarms', alert.alarmId)}>${alert.deviceId}</a> <span class="dim">${alert.sensor}</span></span>
    <span class="cut dim" title=${alert.reason}>${alert.reason}</span></li>`;
}

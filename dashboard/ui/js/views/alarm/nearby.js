// Related alarms: of the same device, or of the same location within five minutes.
import { html } from '../../core/dom.js';
import { href } from '../../core/router.js';
import { literal, sql } from '../../core/api.js';
import { useAsk } from '../../core/ask.js';
import { parse, rfc3339 } from '../../core/spans.js';
import { Loading, Panel } from '../../parts/layout.js';
import { Shape } from '../../parts/shape.js';
import { When } from '../../parts/times.js';

const WITHIN_MS = 300_000, SHOWN = 12;

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

// Every alarm of one device, open and cleared.
import { html } from '../../core/dom.js';
import { href } from '../../core/router.js';
import { literal, sql } from '../../core/api.js';
import { useAsk } from '../../core/ask.js';
import { parse, span } from '../../core/spans.js';
import { Answer, Empty, Panel } from '../../parts/layout.js';
import { Shape } from '../../parts/shape.js';
import { When } from '../../parts/times.js';

const SHOWN = 200;
const statement = id => `SELECT alarm_id, severity, state, sensor, function, reason, raised_at, cleared_at, acknowledged_by
  FROM alarms WHERE device = ${literal(id)} ORDER BY raised_at DESC LIMIT ${SHOWN}`;

/** @param {{id: string, device: import('../../../../types/api').DeviceDetail}} props */
export function DeviceAlarms({ id, device }) {
  const answer = useAsk(signal => sql(statement(id), signal), [id, device.openAlarms]);
  return html`<${Panel} title="Alarms of this device" id="past" flush><${Answer} of=${answer}>${({ rows }) => !rows.length
    ? html`<${Empty} title="No alarm has been raised" />`
    : html`<div class="scroll" tabindex="0" role="region" aria-label="Table of alarms"><table class="plain">
        <thead><tr><th scope="col">Raised</th><th scope="col"><span class="sr">Severity</span></th><th scope="col">Sensor</th>
          <th scope="col">Function</th><th scope="col">Reason</th><th scope="col" class="num">Duration</th>
          <th scope="col">Acknowledged by</th></tr></thead>
        <tbody>${rows.map(row => html`<${Row} key=${row.alarm_id} row=${row} />`)}</tbody></table></div>`}</${Answer}></${Panel}>`;
}

function Row({ row }) {
  const lifecycle = row.state === 'cleared' ? 'normal' : row.acknowledged_by ? 'acknowledged' : 'unacknowledged';
  return html`<tr><td class="num nowrap"><a href=${href('alarms', row.alarm_id)}><${When} at=${parse(row.raised_at)} /></a></td>
    <td><${Shape} severity=${row.severity} lifecycle=${lifecycle} size=${14} /></td><td>${row.sensor}</td><td class="dim">
      ${row.function}</td><td class="cut" title=${row.reason}>${row.reason}</td>
    <td class="num nowrap">${row.cleared_at ? span(parse(row.cleared_at) - parse(row.raised_at)) : html`<b>open</b>`}</td>
      <td class="dim">${row.acknowledged_by ?? ''}</td></tr>`;
}

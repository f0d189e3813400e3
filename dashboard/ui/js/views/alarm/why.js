// Why: what the functions concluded at each transition of the alarm.
import { html, useState } from '../../core/dom.js';
import { get, path, segment } from '../../core/api.js';
import { useAsk } from '../../core/ask.js';
import { TRANSITION } from '../../core/alarm_terms.js';
import { Loading, Panel } from '../../parts/layout.js';
import { Choice } from '../../parts/controls.js';
import { Trace } from '../../parts/trace.js';

const SHOWN = 6;

/** @param {{alarm: import('../../../../types/api').AlarmDetail}} props */
export function Why({ alarm }) {
  const [chosen, choose] = useState(null);
  const transitions = alarm.transitions ?? [];
  const decisive = transitions.find(({ state }) => state === 'escalated')?.timestamp ?? alarm.raisedAt;
  const at = chosen ?? String(decisive);
  const { data, error } = useAsk(signal => get(path(`/api/v1/devices/${segment(alarm.deviceId)}/explain`, { sensor: alarm.sensor,
    at }), signal), [alarm.alarmId, at]);
  const options = transitions.slice(0, SHOWN).map(({ timestamp, state }) => [String(timestamp), TRANSITION[state]]);
  return html`<${Panel} title="Why" id="why" aside=${options.length > 1 && html`<${Choice} label="At which transition" value=${at}
    onChoose=${choose} options=${options} />`}>
    ${data ? html`<${Trace} data=${data} culprit=${alarm.function} />` : error ? html`<p class="dim">${error.message}</p>`
      : html`<${Loading} rows=${4} />`}</${Panel}>`;
}

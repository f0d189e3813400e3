// Weir itself: health, what waits, what is full, and the configuration in force.
import { html, cx, useEffect, useRef, useSignal, useState } from '../core/dom.js';
import { href } from '../core/router.js';
import { get, path } from '../core/api.js';
import { useAsk } from '../core/ask.js';
import { alarmChanges } from '../core/live.js';
import { OPEN } from '../core/alarm_terms.js';
import { span } from '../core/spans.js';
import { Answer, Panel } from '../parts/layout.js';
import { Tabs } from '../parts/controls.js';
import { setQuery } from '../core/router.js';
import { Shape } from '../parts/shape.js';
import { AlarmLine } from '../parts/alarm_line.js';
import { Configuration } from './system/configuration.js';
import { Components } from './system/components.js';

/** @typedef {import('../../../types/api').System} System */

const REFRESH_MS = 3_000, KEPT = 60, WATCHDOG = '$weir';

/** Counters whose rates are shown. @type {Record<string, (system: System) => number>} */
const COUNTERS = {
  committed: system => system.journal.committedMessages, commits: system => system.journal.commits,
    broker: system => system.broker?.receivedMessages ?? 0,
};

/** The last rates of some counters. @param {System|null} system @returns {Record<string, number[]>} */
function useRates(system) {
  const before = useRef(null), [rates, setRates] = useState({ committed: [], commits: [], broker: [] });
  useEffect(() => {
    if (!system) return;
    const at = performance.now(), last = before.current;
    before.current = { at, system };
    if (!last) return;
    const perSecond = of => Math.max(0, of(system) - of(last.system)) / ((at - last.at) / 1000);
    setRates(old => {
      const next = { ...old };
      for (const [name, of] of Object.entries(COUNTERS)) next[name] = [...old[name], perSecond(of)].slice(-KEPT);
      return next;
    });
  }, [system]);
  return rates;
}

/** @param {{route: import('../core/router.js').Route}} props */
export default function SystemPage({ route: { query } }) {
  const answer = useAsk(signal => get('/api/v1/system', signal), [], { every: REFRESH_MS });
  const rates = useRates(answer.data), tab = query.get('tab') ?? 'components';
  return html`<${Answer} of=${answer} rows=${8}>${(/** @type {System} */ system) => html`<div class="page system">
    <header class="page-head"><h1>System</h1><span class="dim">Weir ${system.version},
      up for ${span(system.uptimeSeconds * 1000)}</span>
      <${Tabs} label="System" current=${tab} onChoose=${key => setQuery({ tab: key === 'components' ? null : key })}
        tabs=${[['components', 'Components'], ['configuration', 'Configuration']]} /></header>
    <${Health} ready=${system.ready} />
    ${tab === 'configuration' ? html`<${Configuration} reloads=${system.reloads} />` : html`<${Components} system=${system}
      rates=${rates} />`}</div>`}</${Answer}>`;
}

/** @param {{ready: import('../../../types/api').Readiness}} props */
function Health({ ready }) {
  const changes = useSignal(alarmChanges);
  const alarms = useAsk(signal => get(path('/api/v1/alarms', { device: WATCHDOG, lifecycle: OPEN.join(','), limit: 20 }), signal),
    [changes]);
  const reasons = Object.entries(ready.reasons), degraded = Object.entries(ready.degraded), open = alarms.data?.alarms ?? [];
  const complaint = ([component, why], severity) => html`<li key=${component}><${Shape} severity=${severity} /><b>
    ${component}</b> ${why}</li>`;
  return html`<${Panel} title="Health" id="health" className=${cx('health', reasons.length > 0 && 'bad')}>
    ${!reasons.length && !degraded.length ? html`<p class="calm-line"><b>All components are healthy.</b> <span
      class="dim">Watchdogs raise alarms of the device <a href=${href('devices', WATCHDOG)}><code>
      ${WATCHDOG}</code></a>.</span></p>`
      : html`<ul class="complaints">
        ${reasons.map(reason => complaint(reason, 'critical'))}${degraded.map(reason => complaint(reason, 'warning'))}</ul>`}
    ${open.length > 0 && html`<ul class="wrong-list">
      ${open.map(alarm => html`<${AlarmLine} key=${alarm.alarmId} alarm=${alarm} />`)}</ul>`}</${Panel}>`;
}

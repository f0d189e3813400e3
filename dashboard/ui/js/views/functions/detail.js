// The settings of one function that are in force, and the series that it watches.
import { html, Fragment } from '../../core/dom.js';
import { href, setQuery } from '../../core/router.js';
import { get, literal, segment } from '../../core/api.js';
import { useAsk } from '../../core/ask.js';
import { KIND } from '../../core/series.js';
import { plural } from '../../core/numbers.js';
import { Answer, Panel } from '../../parts/layout.js';

const alerts = name => `SELECT time, severity, state, device, sensor, value, threshold, reason
FROM alerts
WHERE function = ${literal(name)}
ORDER BY time DESC
LIMIT 200`;
const settingText = value => value === null ? '–' : typeof value === 'object' ? JSON.stringify(value) : String(value);

/** @param {{name: string}} props */
export function FunctionDetail({ name }) {
  const answer = useAsk(signal => get(`/api/v1/functions/${segment(name)}`, signal), [name]);
  const aside = html`<${Fragment}><a class="more-link" href=${href('alarms', null, { function: name })}>Open alarms</a>
    <a class="more-link" href=${href('explore', null, { sql: alerts(name) })}>Alerts in SQL</a>
    <button type="button" class="btn icon ghost" aria-label="Close"
      onClick=${() => setQuery({ name: null })}>✕</button></${Fragment}>`;
  return html`<${Panel} title=${name} id="function" aside=${aside}><${Answer} of=${answer}>
    ${detail => html`<${Content} detail=${detail} />`}</${Answer}></${Panel}>`;
}

/** @param {{detail: import('../../../../types/api').FunctionDetail}} props */
function Content({ detail: { kind, settings, series, seriesTotal } }) {
  return html`<div class="function-detail"><div><h3>Settings in force <span class="dim">${KIND[kind] ?? kind}</span></h3>
      <dl class="settings-list">${Object.entries(settings).map(([key, value]) => html`<${Fragment} key=${key}><dt class="mono">
        ${key}</dt><dd class="mono">${settingText(value)}</dd></${Fragment}>`)}</dl></div>
    <div><h3>Watches ${plural(seriesTotal, 'series', 'series')}</h3>
      <ul class="series-list">${series.map(({ device, sensor }) => html`<li key=${device + '/' + sensor}>
        <a href=${href('devices', device, { sensor })}>${device} <span class="dim">${sensor}</span></a></li>`)}
        ${seriesTotal > series.length && html`<li
          class="dim">and ${plural(seriesTotal - series.length, 'other')}</li>`}</ul></div></div>`;
}

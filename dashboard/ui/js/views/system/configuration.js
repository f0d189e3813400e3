// The configuration in force with the origin of each key, and the problems of a file that
// was refused.
import { html, useMemo, useState } from '../../core/dom.js';
import { get } from '../../core/api.js';
import { useAsk } from '../../core/ask.js';
import { parse } from '../../core/spans.js';
import { plural, whole } from '../../core/numbers.js';
import { Answer, Panel } from '../../parts/layout.js';
import { Search } from '../../parts/controls.js';
import { Choice } from '../../parts/choice.js';
import { Shape } from '../../parts/shape.js';
import { When } from '../../parts/times.js';
import { Rows } from '../../parts/table.js';

const ROW = 28;

/** @param {{reloads: import('../../../../types/api').System['reloads']}} props */
export function Configuration({ reloads }) {
  const answer = useAsk(signal => get('/api/v1/config', signal), [reloads.inForceSince]);
  const { applied, unchanged, needsRestart, invalid, failed } = reloads;
  const counts = `${plural(applied, 'reload')} applied, ${whole(unchanged)} without a change, `
    + `${whole(needsRestart)} that need a restart, ${whole(invalid + failed)} refused.`;
  return html`<${Panel} title="Reloads" id="reloads">
      <p>In force since <${When} at=${parse(reloads.inForceSince)} />. ${counts}</p>
      ${reloads.refused && html`<${Refused} refused=${reloads.refused} />`}</${Panel}>
    <${Answer} of=${answer} rows=${8}>${config => html`<${Keys} config=${config} />`}</${Answer}>`;
}

const Refused = ({ refused: { at, problems } }) => html`<div><p><${Shape} severity="warning"
  label="" /> <b>The file of <${When} at=${parse(at)} /> was refused.</b> The configuration before it stays in force.</p>
  <ul class="lines">${problems.map(({ line, key, message }) => html`<li>
    ${line != null && html`<span class="dim num">line ${line} </span>`}${key && html`<code>
    ${key}</code> `}${message}</li>`)}</ul></div>`;

/** @param {any} value */
const textOf = value => typeof value === 'object' ? JSON.stringify(value) : String(value);

/** @param {{config: import('../../../../types/api').Configuration}} props */
function Keys({ config: { file, keys } }) {
  const [text, setText] = useState(''), [which, setWhich] = useState('set');
  const shown = useMemo(() => keys.filter(({ key, value, origin }) =>
    (which === 'all' || origin !== 'default') && `${key} ${value}`.toLowerCase().includes(text.toLowerCase())), [keys, text, which]);
  const set = keys.filter(({ origin }) => origin !== 'default').length;
  const choice = (key, name, count) => [key, html`${name} <span class="count">${whole(count)}</span>`];
  return html`<div class="filters">
    <${Choice} label="Which keys" value=${which} onChoose=${setWhich} options=${[choice('set', 'Set', set), choice('all', 'All', keys.length)]} />
    <${Search} label="Search keys" placeholder="key or value" value=${text} onInput=${setText} /><span class="dim small">
        ${file ?? 'no file: defaults'}</span></div>
    <${Rows} className="config-rows panel fill" label="Configuration in force" count=${shown.length} height=${ROW} head=${html`<tr>
      <th scope="col">Key</th><th scope="col">Value</th><th scope="col">Origin</th></tr>`}
      render=${i => html`<tr key=${shown[i].key}><td class="mono cut" title=${shown[i].key}>${shown[i].key}</td><td class="mono cut"
        title=${textOf(shown[i].value)}>${textOf(shown[i].value)}</td><td class="dim">${shown[i].origin}</td></tr>`} />`;
}

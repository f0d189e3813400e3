// Why: the way of one reading through its functions, as a trace. For each function its
// settings, its memory before and after, and its conclusion.
import { html, cx } from '../core/dom.js';
import { KIND } from '../core/series.js';
import { measure, plural } from '../core/numbers.js';
import { duration, parse, span } from '../core/spans.js';
import { Shape } from './shape.js';
import { When } from './times.js';

/** @typedef {import('../../../types/api').Explanation} Explanation */
/** @typedef {import('../../../types/api').ExplainedFunction} ExplainedFunction */
/** @typedef {import('../../../types/api').Fact} Fact */

const STAGES = [
  ['check', 'Checks', 'before detectors learn from the reading'],
  ['detect', 'Detectors', 'on readings that passed the checks'],
  ['batch', 'Modules', 'on the readings of a message together'],
  ['device', 'Device', 'on the device as a whole'],
];

/** @param {{data: Explanation, culprit?: string}} props  `culprit`: the function that raised the alarm. */
export function Trace({ data, culprit }) {
  const { reading, warmup, functions } = data, readings = plural(warmup.readings, 'reading');
  return html`<div class="trace">
    ${reading && html`<div class="trace-root"><span class="trace-dot" aria-hidden="true"></span><div><b class="num">
      ${measure(reading.value, reading.unit)}</b>
      <span class="dim"> at <${When} at=${parse(reading.time)} />,
        quality ${reading.quality}${reading.flags ? ` (${reading.flags})` : ''}</span></div></div>`}
    ${STAGES.map(([stage, name, when]) => {
      const list = functions.filter(f => f.stage === stage);
      return list.length > 0 && html`<section key=${stage}><h3>${name} <span class="dim">${when}</span></h3>
        ${list.map(f => html`<${Step} key=${f.function} f=${f} culprit=${f.function === culprit} />`)}</section>`;
    })}
    ${!functions.length && html`<p class="dim">No function selects this sensor.</p>`}
    <details class="trace-note"><summary>${data.basis === 'live' ? 'Live memory' : `Recomputed from ${readings}`}: method</summary>
      <p class="dim small">${warmup.note}. Window ${span(duration(warmup.window))}, ${readings}${warmup.truncated ? ' (truncated)' : ''}.</p></details></div>`;
}

/** @param {{f: ExplainedFunction, culprit: boolean}} props */
function Step({ f, culprit }) {
  const { concluded } = f, level = concluded?.level;
  const numbers = concluded && (typeof concluded.numbers === 'object' ? concluded.numbers : { of: concluded.numbers });
  return html`<details class=${cx('step', level, culprit && 'culprit')} open=${culprit || level != null}>
    <summary>${level ? html`<${Shape} severity=${level} />` : html`<span class=${cx('trace-dot', !f.ran && 'not')}
      aria-hidden="true"></span>`}
      <b>${f.function}</b><span class="dim">${KIND[f.kind] ?? f.kind}</span><span class="step-said">
        ${concluded?.sentence ?? f.note ?? ''}</span>
      ${concluded?.score != null && html`<span class="num step-score" title="score">${concluded.score.toFixed(2)}</span>`}
      ${f.exact && html`<span class="tag"
        title="The recomputed memory equals the memory of the running Weir bit for bit">exact</span>`}</summary>
    <div class="facts"><${Facts} title="Settings" of=${f.settings} /><${Facts} title="Memory before" of=${f.remembered} />
      <${Facts} title="Memory after" of=${f.remembers} before=${f.remembered} /><${Facts} title="Numbers" of=${numbers} />
      ${f.note && concluded && html`<p class="dim small">${f.note}</p>`}</div></details>`;
}

/** @param {Fact|any} value */
function factText(value) {
  if (value == null) return '–';
  if (typeof value === 'object') return 'value' in value ? measure(value.value, value.unit) : JSON.stringify(value);
  return typeof value === 'number' ? measure(value) : String(value);
}

/** @param {{title: string, of?: Record<string, Fact>|null, before?: Record<string, Fact>|null}} props  What differs from `before` is marked. */
function Facts({ title, of, before }) {
  if (!of || !Object.keys(of).length) return null;
  return html`<div><h4>${title}</h4><dl>${Object.entries(of).map(([key, value]) => html`<div key=${key}
    class=${cx(before && factText(before[key]) !== factText(value) && 'changed')}><dt>${key.replaceAll('_', ' ')}</dt>
      <dd class="num">${factText(value)}</dd></div>`)}</dl></div>`;
}

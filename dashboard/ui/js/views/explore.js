// SQL over everything that is stored: an editor, the rows, a chart, and ways out.
import { html, Fragment, useEffect, useMemo, useRef, useState, kept, keep } from '../core/dom.js';
import { setQuery } from '../core/router.js';
import { request, sql } from '../core/api.js';
import { useAsk } from '../core/ask.js';
import { useKeys } from '../core/keys.js';
import { bytes, plural } from '../core/numbers.js';
import { span } from '../core/spans.js';
import { lazy, Loading, Panel } from '../parts/layout.js';
import { Menu } from '../parts/controls.js';
import { Choice } from '../parts/choice.js';
import { copy, notifyError, saveAs } from '../parts/feedback.js';
import { Editor } from './explore/editor.js';
import { Schema } from './explore/schema.js';
import { Result } from './explore/result.js';
import { charted } from './explore/charted.js';
import { curl, grafanaPanel, python } from './explore/elsewhere.js';

const FIRST = `SELECT date_bin(INTERVAL '10 seconds', time) AS time, device,
       min(value) AS min, avg(value) AS mean, max(value) AS max
FROM readings
WHERE sensor = 'temperature'
  AND time >= now() - INTERVAL '15 minutes'
GROUP BY 1, 2
ORDER BY 1`;
const REMEMBERED = 30;

const FORMATS = [
  ['CSV', 'text/csv', 'csv'], ['Parquet', 'application/vnd.apache.parquet', 'parquet'],
  ['JSON lines', 'application/jsonl', 'jsonl'], ['Arrow stream', 'application/vnd.apache.arrow.stream', 'arrows'],
];
const Chart = lazy(() => import('../parts/chart.js').then(m => m.Chart), 'chart.css');

function remembered() {
  try { return /** @type {string[]} */ (JSON.parse(kept('queries') ?? '[]')); } catch { return []; }
}

/** Runs the query of the URL; queries that ran are remembered. */
function useQuery(query) {
  const asked = query.get('sql') ?? FIRST, [round, setRound] = useState(0), [past, setPast] = useState(remembered);
  const answer = useAsk(async signal => {
    const result = await sql(asked, signal);
    setPast(old => {
      const next = [asked, ...old.filter(text => text !== asked)].slice(0, REMEMBERED);
      keep('queries', JSON.stringify(next));
      return next;
    });
    return result;
  }, [asked, round]);
  const run = text => { setQuery({ sql: text }); setRound(n => n + 1); };
  return { asked, answer, past, run };
}

/** @param {{route: import('../core/router.js').Route}} props */
export default function Explore({ route: { query } }) {
  const { asked, answer, past, run } = useQuery(query), { data, error } = answer;
  const [text, setText] = useState(asked), area = useRef();
  useEffect(() => setText(asked), [asked]);
  useKeys('explore', { '/': [() => area.current.focus(), 'go to the editor'], r: [() => run(text), 'run again'] });
  const insert = word => {
    const field = area.current, at = field.selectionStart;
    setText(text.slice(0, at) + word + text.slice(field.selectionEnd));
    requestAnimationFrame(() => { field.focus(); field.selectionStart = field.selectionEnd = at + word.length; });
  };
  return html`<div class="page explore"><h1 class="sr">Explore</h1>
    <aside class="panel schema" aria-label="Tables"><${Schema} past=${past} onInsert=${insert} onQuery=${run} /></aside>
    <div class="explore-main">
      <section class="panel" aria-label="Query"><${Editor} text=${text} onInput=${setText} onRun=${() => run(text)} area=${area} />
        <${Tools} asked=${asked} answer=${answer} onRun=${() => run(text)} />
        ${error && html`<p class="query-error" role="alert">${error.message}</p>`}</section>
      ${error ? null : !data ? html`<${Loading} rows=${6} />`
        : html`<${Shown} data=${data} view=${query.get('view')} />`}</div></div>`;
}

function Tools({ asked, answer: { data, error, busy }, onRun }) {
  const save = async (accept, ending) => {
    try {
      const response = await request('/api/v1/query', { method: 'POST', body: { sql: asked }, accept });
      saveAs(`weir.${ending}`, await response.blob());
    } catch (failure) { notifyError(failure); }
  };
  const item = (name, onClick) => html`<button type="button" class="item" onClick=${onClick}>${name}</button>`;
  const cost = data && `${plural(data.rows.length, 'row')} in ${span(Math.max(1, data.ms))}, ${bytes(data.bytes)}`;
  return html`<div class="editor-foot"><button type="button" class="btn primary" onClick=${onRun}>Run <kbd>Ctrl ↵</kbd></button>
    <span class="dim small num" role="status">${busy ? 'running …' : error ? '' : cost}</span><span class="grow"></span>
    <${Menu} label="Save">${FORMATS.map(([name, accept, ending]) => item(name, () => save(accept, ending)))}</${Menu}>
    <${Menu} label="Copy as">
      ${item('Link', () => copy(location.href, 'The link is copied'))}
      ${item('curl', () => copy(curl(asked)))}
      ${item('Python', () => copy(python(asked)))}
      ${item('Grafana panel', () => copy(grafanaPanel(asked)))}</${Menu}></div>`;
}

/** The rows, and a chart when they have a time and a number. */
function Shown({ data, view }) {
  const chart = useMemo(() => charted(data), [data]);
  const shown = !chart ? 'table' : view ?? 'both';
  return html`<${Fragment}>
    ${chart && html`<div><${Choice} label="Show" value=${shown}
      onChoose=${value => setQuery({ view: value === 'both' ? null : value }, { replace: true })}
      options=${[['both', 'Both'], ['chart', 'Chart'], ['table', 'Table']]} /></div>`}
    ${shown !== 'table' && html`<${Panel} id="chart" title="Chart" aside=${html`<span class="dim small">${chart.note}</span>`}>
      <${Chart} label="The result" lines=${chart.lines} from=${chart.from} to=${chart.to} step=${chart.step}
      height=${280} /></${Panel}>`}
    ${shown !== 'chart' && html`<${Result} data=${data} />`}</${Fragment}>`;
}

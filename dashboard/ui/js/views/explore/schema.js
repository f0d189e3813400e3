// The tables with their columns, examples, and the queries that ran lately.
import { html, Fragment } from '../../core/dom.js';
import { sql } from '../../core/api.js';
import { useAsk } from '../../core/ask.js';
import { Answer } from '../../parts/layout.js';

const COLUMNS = "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position";
const EXAMPLES = [
  ['Hottest now', "SELECT device, sensor, value, unit, time\nFROM latest\nWHERE sensor = 'temperature'\nORDER BY value DESC\nLIMIT 20"],
  ['Alarms by function', "SELECT function, severity, count(*) AS alarms\nFROM alerts\nWHERE state = 'raised' AND time >= now() - INTERVAL '24 hours'\nGROUP BY 1, 2\nORDER BY 3 DESC"],
  ['Silent devices', 'SELECT device, location, last_seen, now() - last_seen AS silent_for\nFROM devices\nORDER BY last_seen\nLIMIT 20'],
  ['Rejected', 'SELECT reason, count(*) AS n, max(received) AS newest\nFROM quarantine\nGROUP BY 1\nORDER BY 2 DESC'],
];
const SHOWN = 9;

/** The type of a column in one word. @param {string} type */
function kind(type) {
  if (type.startsWith('Timestamp')) return 'time';
  if (type.startsWith('Utf8')) return 'text';
  return /Int/.test(type) ? 'integer' : /Float/.test(type) ? 'number' : type.toLowerCase();
}

async function tables(signal) {
  const { rows } = await sql(COLUMNS, signal);
  /** @type {Map<string, {name: string, type: string}[]>} */
  const found = new Map();
  for (const row of rows) {
    if (!found.has(row.table_name)) found.set(row.table_name, []);
    found.get(row.table_name).push({ name: row.column_name, type: kind(row.data_type) });
  }
  return found;
}

/** @param {{past: string[], onInsert: (name: string) => void, onQuery: (text: string) => void}} props */
export function Schema({ past, onInsert, onQuery }) {
  const answer = useAsk(tables, []);
  const query = (name, text, className = '') => html`<li><button type="button" class=${'quiet ' + className} title=${text}
    onClick=${() => onQuery(text)}>${name}</button></li>`;
  return html`<${Fragment}><h2>Tables</h2>
    <${Answer} of=${answer} rows=${6}>${found => [...found].map(([name, columns]) => html`<details
      key=${name} open=${name === 'readings'}><summary><b>${name}</b></summary>
      <ul>${columns.map(column => html`<li><button type="button" class="quiet" title="Insert into the query"
        onClick=${() => onInsert(column.name)}><code>${column.name}</code><span class="dim small">
        ${column.type}</span></button></li>`)}</ul></details>`)}</${Answer}>
    <h2>Examples</h2><ul>${EXAMPLES.map(([name, text]) => query(name, text))}</ul>
    ${past.length > 1 && html`<${Fragment}><h2>Earlier queries</h2><ul class="past">
      ${past.slice(1, SHOWN).map(text => query(text.replace(/\s+/g, ' '), text, 'cut'))}</ul></${Fragment}>`}</${Fragment}>`;
}

// The rows of a result, sortable by any column.
import { html, cx, useEffect, useMemo, useState } from '../../core/dom.js';
import { href } from '../../core/router.js';
import { Empty, Panel } from '../../parts/layout.js';
import { Rows } from '../../parts/table.js';
import { isTime } from './charted.js';

const ROW = 28, LOOKED_AT = 50, LONG = 40, DIGITS = 9;
/** Columns whose values are names of a view. */
const VIEW = { device: 'devices', alarm_id: 'alarms' };

function compare(a, b) {
  if (a == null || b == null) return a == null ? (b == null ? 0 : 1) : -1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** @param {{data: {rows: Record<string, any>[], columns: string[]}}} props */
export function Result({ data: { rows, columns } }) {
  const [sort, setSort] = useState(null);
  const numeric = useMemo(() => new Set(columns.filter(column => {
    const values = rows.slice(0, LOOKED_AT).map(row => row[column]).filter(value => value != null);
    return values.length > 0 && values.every(value => typeof value === 'number');
  })), [rows]);
  const sorted = useMemo(() => sort ? [...rows].sort((a, b) => compare(a[sort.column], b[sort.column]) * sort.by) : rows,
    [rows, sort]);
  useEffect(() => setSort(null), [columns.join()]);
  if (!rows.length) return html`<${Panel}><${Empty} title="No rows" /></${Panel}>`;
  const next = column => sort?.column !== column ? { column, by: 1 } : sort.by > 0 ? { column, by: -1 } : null;
  const order = column => sort?.column !== column ? null : sort.by > 0 ? 'ascending' : 'descending';
  const arrow = { ascending: ' ↑', descending: ' ↓' };
  return html`<${Rows} className="result panel" label="Rows of the result" count=${rows.length} height=${ROW}
    head=${html`<tr><th class="num dim" scope="col">#</th>
      ${columns.map(column => html`<th scope="col" class=${cx(numeric.has(column) && 'num')} aria-sort=${order(column)}>
      <button type="button" class="sorter" onClick=${() => setSort(next(column))}>${column}<span aria-hidden="true">
        ${arrow[order(column)] ?? ''}</span></button></th>`)}</tr>`}
    render=${i => html`<tr key=${i}><td class="num dim">${i + 1}</td>
      ${columns.map(column => html`<td class=${cx(numeric.has(column) && 'num', 'cut')} title=${title(sorted[i][column])}>
      <${Cell} column=${column} value=${sorted[i][column]} /></td>`)}</tr>`} />`;
}

const title = value => typeof value === 'string' && value.length > LONG ? value : null;

function Cell({ column, value }) {
  if (value == null) return html`<span class="dim">null</span>`;
  if (typeof value === 'number') return Number.isInteger(value) ? value : Number(value.toPrecision(DIGITS));
  if (typeof value === 'object') return JSON.stringify(value);
  if (Object.hasOwn(VIEW, column)) return html`<a href=${href(VIEW[column], value)}>${value}</a>`;
  return isTime(value) ? value.replace(/\.?0+Z$/, 'Z') : String(value);
}

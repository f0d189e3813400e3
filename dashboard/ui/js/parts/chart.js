// Time series on uPlot. Points are bins with minimum, maximum and mean; the band from
// minimum to maximum keeps a spike visible at every zoom.
import { html, cx, useEffect, useLayoutEffect, useRef, useSignal, useState } from '../core/dom.js';
import { clockTime, day, shortTime, when, zone } from '../core/time.js';
import { measure } from '../core/numbers.js';
import { color, onTheme } from './paint.js';
import { columnsOf, summary, withHoles, yRange } from '../core/series.js';
import { paintBands, paintLimits, paintMarks } from './chart_marks.js';
import { stylesheet } from './layout.js';
import uPlot from '../../vendor/uplot.mjs';

/** @typedef {import('../core/series.js').Line} Line */
/**
 * Instants and `step` are milliseconds. Charts with the same `sync` share their cursor.
 * @typedef {{label: string, lines: Line[], from: number, to: number, step: number, height?: number, compact?: boolean,
 *   limits?: import('./chart_marks.js').LimitLine[], bands?: import('./chart_marks.js').Band[], marks?: import('./chart_marks.js').Mark[],
 *   onZoom?: (from: number, to: number) => void, onReset?: () => void, sync?: string, foot?: any, tools?: any}} ChartProps
 */

const FONT = '11px system-ui, sans-serif';
const SERIES = 6, DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3], [4, 4], [1, 4]];
const TABLE_ROWS = 500, LEAST_DRAG_PX = 6;

/** @type {Set<any>} */
const plots = new Set();
onTheme(() => { for (const plot of plots) plot.redraw(false); });

/** @param {ChartProps} props */
export function Chart(props) {
  const box = useRef(), legend = useRef(), plot = useRef(null), current = useRef(props);
  const utc = useSignal(zone), [table, setTable] = useState(false);
  current.current = props;
  const { lines, label, height = 260, compact = false, bands = [] } = props;
  // Another number of lines needs another plot; other points do not.
  const form = lines.map(line => line.label + (line.min ? '+' : '')).join('|') + utc + compact;

  useLayoutEffect(() => {
    const element = box.current;
    const u = plot.current = new uPlot(options(current, element, legend), columns(props), element);
    plots.add(u);
    let width = element.clientWidth;
    const observer = new ResizeObserver(() => {
      if (!element.clientWidth || element.clientWidth === width) return;
      width = element.clientWidth;
      u.setSize({ width, height });
    });
    observer.observe(element);
    writeLegend(u, props, legend.current);
    return () => { observer.disconnect(); plots.delete(u); u.destroy(); plot.current = null; };
  }, [form, height]);

  useEffect(() => {
    const u = plot.current;
    u.batch(() => { u.setData(columns(props), false); u.setScale('x', { min: props.from / 1000, max: props.to / 1000 }); });
    writeLegend(u, props, legend.current);
  }, [lines, props.from, props.to, props.limits, props.bands, props.marks]);

  const text = summary(label, lines, bands.length);
  return html`<figure class=${cx('chart', compact && 'compact')}>
    <div class="chart-legend" ref=${legend} aria-hidden="true"></div>
    ${compact ? html`<div class="chart-plot" ref=${box} style=${{ height: height + 'px' }} role="img" aria-label=${text}></div>`
      : html`<div class="chart-plot" ref=${box} style=${{ height: height + 'px' }} tabindex="0" role="application"
        aria-roledescription="chart"
          aria-label=${text} onKeyDown=${event => onKey(event, plot.current, props)}></div>
        <figcaption class="chart-foot"><span class="dim small grow">${props.foot}</span>${props.tools}
          <button type="button" class="link small" aria-expanded=${table} onClick=${() => { stylesheet('tables.css');
            setTable(!table); }}>${table ? 'Hide the table' : 'Show as a table'}</button></figcaption>
        ${table && html`<${Points} lines=${lines} />`}`}
  </figure>`;
}

/** The points as a table. */
const Points = ({ lines }) => html`<div class="rows" tabindex="0" role="region" aria-label="Points of the chart"><table>
  <thead><tr><th scope="col">time</th><th scope="col">series</th><th scope="col" class="num">min</th><th scope="col"
    class="num">mean</th><th scope="col" class="num">max</th></tr></thead>
  <tbody>${lines.flatMap(line => line.x.slice(-TABLE_ROWS).map((x, i, shown) => {
    const k = line.x.length - shown.length + i;
    return html`<tr><td>${when(x * 1000)}</td><td>${line.label}</td><td class="num">${measure(line.min?.[k])}</td>
      <td class="num">${measure(line.mean[k], line.unit)}</td><td class="num">${measure(line.max?.[k])}</td></tr>`;
  }))}</tbody></table></div>`;

/** @param {KeyboardEvent} event @param {any} u @param {ChartProps} props */
function onKey(event, u, { from, to, onZoom }) {
  const xs = u.data[0];
  if (!xs.length) return;
  const by = event.shiftKey ? 10 : 1, last = xs.length - 1, at = u.cursor.idx ?? last;
  const next = { ArrowLeft: at - by, ArrowRight: at + by, Home: 0, End: last }[event.key];
  if (next !== undefined) {
    event.preventDefault();
    u.setCursor({ left: u.valToPos(xs[Math.min(last, Math.max(0, next))], 'x'), top: 10 });
  } else if ((event.key === '+' || event.key === '=') && onZoom) {
    event.preventDefault();
    const middle = u.cursor.idx == null ? (from + to) / 2 : xs[at] * 1000, quarter = (to - from) / 4;
    onZoom(middle - quarter, middle + quarter);
  }
}

/** One x for all lines, then the columns of each line. @param {ChartProps} props */
function columns({ lines, step, from, to }) {
  const tables = lines.map(line => withHoles(line.x, columnsOf(line), step / 1000));
  if (!tables.length) return [[from / 1000, to / 1000]];
  // 2: values that are missing in one line do not cut the others.
  return tables.length === 1 ? tables[0] : uPlot.join(tables, tables.map(table => table.map(() => 2)));
}

function seriesOptions({ lines, compact }) {
  const series = [{}], bands = [];
  lines.forEach((line, i) => {
    const stroke = () => color(`--series-${(i % SERIES) + 1}`);
    if (line.min) {
      const wash = () => color(lines.length > 1 ? `--wash-${(i % SERIES) + 1}` : '--band');
      const edge = { stroke: wash, width: 1, points: { show: false } };
      bands.push({ series: [series.length, series.length + 1], fill: wash });
      series.push({ ...edge, label: 'max' }, { ...edge, label: 'min' });
    }
    const points = { show: (u, s, first, last) => !compact && last - first < 60, size: 4, fill: stroke };
    series.push({ label: line.label, stroke, width: compact ? 1.25 : 1.5, dash: DASHES[i % DASHES.length], points });
  });
  return { series, bands };
}

function axes(compact) {
  const stroke = () => color('--text-3'), grid = { stroke: () => color('--grid'), width: 1 };
  return [
    { stroke, grid, ticks: { ...grid, size: 4 }, font: FONT, size: compact ? 22 : 34, space: compact ? 56 : 74, values: axisTimes },
    { stroke, grid, ticks: { show: false }, font: FONT, size: compact ? 40 : 52, space: compact ? 26 : 34,
      values: (u, splits) => splits.map(value => measure(value)) },
  ];
}

/** With the date where a day begins. */
function axisTimes(u, splits, axis, space, step) {
  let before = null;
  return splits.map(seconds => {
    const ms = seconds * 1000, today = day(ms);
    if (step >= 86400) return today.slice(5);
    const text = step >= 60 ? shortTime(ms) : clockTime(ms), begins = before !== null && before !== today;
    before = today;
    return begins ? `${text}\n${today.slice(5)}` : text;
  });
}

function options(current, element, legend) {
  const { height = 260, compact, sync } = current.current;
  const isEdge = series => series.label === 'max' || series.label === 'min';
  return {
    width: element.clientWidth || 600, height, legend: { show: false }, padding: compact ? [6, 10, 0, 0] : [10, 18, 0, 0],
    tzDate: seconds => zone.get() === 'utc' ? uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') : new Date(seconds * 1000),
    cursor: {
      sync: sync ? { key: sync, setSeries: false } : undefined, y: false,
      points: { size: 7, fill: (u, i) => isEdge(u.series[i]) ? 'transparent' : color('--text'), stroke: () => 'transparent' },
      drag: { x: true, y: false, setScale: false, uni: 12 },
      bind: { dblclick: () => () => { current.current.onReset?.(); return null; } },
    },
    scales: {
      x: { time: true, range: () => [current.current.from / 1000, current.current.to / 1000] },
      y: { range: (u, low, high) => yRange(current.current.limits ?? [], low, high) },
    },
    axes: axes(compact),
    ...seriesOptions(current.current),
    hooks: {
      drawClear: [u => paintBands(u, current.current.bands ?? [])],
      draw: [u => { paintLimits(u, current.current.limits ?? [], !compact);
        paintMarks(u, current.current.marks ?? [], !compact); }],
      setCursor: [u => writeLegend(u, current.current, legend.current)],
      setSelect: [u => zoomToSelection(u, current.current)],
    },
  };
}

function zoomToSelection(u, { onZoom }) {
  const { left, width } = u.select;
  if (width < LEAST_DRAG_PX) return;
  u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  onZoom?.(u.posToVal(left, 'x') * 1000, u.posToVal(left + width, 'x') * 1000);
}

const newest = column => {
  let i = column.length - 1;
  while (i >= 0 && column[i] == null) i--;
  return i;
};
const element = (tag, className, text = '') => Object.assign(document.createElement(tag), { className, textContent: text });

/**
 * The values at the cursor, or the newest. Written without a component: it changes with every move.
 * @param {any} u @param {ChartProps} props @param {HTMLElement} legend
 */
function writeLegend(u, { lines, compact }, legend) {
  if (!legend || compact) return;
  const at = u.cursor.idx, entries = [];
  let column = 1;
  lines.forEach((line, i) => {
    const [max, min, mean] = line.min ? [u.data[column], u.data[column + 1], u.data[column + 2]] : [null, null, u.data[column]];
    column += line.min ? 3 : 1;
    const k = at ?? newest(mean), spread = min && at != null && min[k] != null && min[k] !== max[k];
    const key = element('span', `key s${(i % SERIES) + 1}`);
    key.append(element('b', '', line.label), element('span', 'value',
      measure(mean[k], line.unit) + (spread ? ` (${measure(min[k])} … ${measure(max[k])})` : '')));
    entries.push(key);
  });
  const x = at == null ? null : u.data[0][at];
  if (x != null) entries.push(element('span', 'stamp', when(x * 1000)));
  legend.replaceChildren(...entries);
}

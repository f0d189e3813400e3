// Which lines a result has, pure: a time, a number, and texts that name the lines. A
// result with min, max and a mean is a line with its band.
import { plural } from '../../core/numbers.js';
import { parse } from '../../core/spans.js';

/** @typedef {import('../../core/series.js').Line} Line */

const MOST_LINES = 12, MOST_NUMBERS = 6;
const VALUES = ['mean', 'avg', 'value'];
/** Texts that describe a row rather than name its line. */
const DESCRIBING = ['flags', 'quality', 'unit', 'text', 'reason', 'id', 'alarm_id'];

/** @param {any} value */
export const isTime = value => typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value);

function roles(rows, columns) {
  const time = columns.find(column => isTime(rows[0][column]));
  const some = (column, type) => rows.some(row => typeof row[column] === type);
  const isNumber = column => rows.every(row => row[column] == null || typeof row[column] === 'number');
  const numbers = columns.filter(column => some(column, 'number') && isNumber(column));
  const names = columns.filter(column => column !== time && !DESCRIBING.includes(column) && some(column, 'string') && !numbers.includes(column));
  const value = VALUES.find(name => numbers.includes(name));
  const band = value != null && numbers.includes('min') && numbers.includes('max');
  return { time, names, band, values: band ? [value] : numbers.slice(0, MOST_NUMBERS) };
}

/** @param {Line} line */
function inOrder(line) {
  if (line.x.every((x, i) => !i || x >= line.x[i - 1])) return line;
  const order = line.x.map((_, i) => i).sort((a, b) => line.x[a] - line.x[b]);
  const sorted = column => column && order.map(i => column[i]);
  return { ...line, x: sorted(line.x), mean: sorted(line.mean), min: sorted(line.min), max: sorted(line.max) };
}

/** @param {{rows: Record<string, any>[], columns: string[]}} result */
export function charted({ rows, columns }) {
  if (rows.length < 2) return null;
  const { time, names, band, values } = roles(rows, columns);
  if (!time || !values.length) return null;
  /** @type {Map<string, Line>} */
  const lines = new Map(), left = new Set();
  for (const row of rows) {
    const group = names.map(name => row[name]).filter(name => name != null).join(' ');
    for (const column of values) {
      if (row[column] == null) continue;
      const label = values.length > 1 ? [group, column].filter(Boolean).join(' ') : group || column;
      if (!lines.has(label) && lines.size >= MOST_LINES) { left.add(label); continue; }
      if (!lines.has(label)) lines.set(label, { label, x: [], mean: [], ...(band && { min: [], max: [] }) });
      const line = lines.get(label);
      line.x.push(parse(row[time]) / 1000);
      line.mean.push(row[column]);
      line.min?.push(row.min);
      line.max?.push(row.max);
    }
  }
  const list = [...lines.values()].map(inOrder);
  const from = Math.min(...list.map(line => line.x[0])) * 1000, to = Math.max(...list.map(line => line.x.at(-1))) * 1000;
  if (!(to > from)) return null;
  return { lines: list, from, to, step: stepOf(list), note: plural(list.length,
    'line') + (left.size ? `; ${left.size} more are not shown` : '') };
}

/** The distance of points that most do not exceed, in milliseconds. @param {Line[]} lines */
function stepOf(lines) {
  const distances = lines.flatMap(({ x }) => x.slice(1, 40).map((at, i) => at - x[i]));
  distances.sort((a, b) => a - b);
  return Math.max(1, distances[Math.floor(distances.length * .9)] ?? 1) * 1500;
}

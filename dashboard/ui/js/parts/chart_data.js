// What a chart draws, pure: columns for uPlot with holes where data is missing, the range
// of the y axis, and a sentence for those who do not see the picture.
import { measure, plural } from '../core/numbers.js';

/** @typedef {import('../core/series.js').Line} Line */

/** A bin is missing when the next comes so many steps later. */
const HOLE = 2.6;

/** The usual distance of points: a device that sends every minute has no hole after ten seconds. @param {number[]} xs */
function pace(xs) {
  const distances = xs.slice(1, 400).map((x, i) => x - xs[i]).sort((a, b) => a - b);
  return distances[Math.floor(distances.length / 2)] ?? 0;
}

/**
 * Nulls where bins are missing, so that a hole in the series stays a hole.
 * @param {number[]} xs @param {(number|null)[][]} columns @param {number} step  In seconds.
 */
export function withHoles(xs, columns, step) {
  const x = [], ys = columns.map(() => []), hole = Math.max(step, pace(xs)) * HOLE;
  xs.forEach((at, i) => {
    if (i && at - xs[i - 1] > hole) {
      x.push(xs[i - 1] + step);
      for (const y of ys) y.push(null);
    }
    x.push(at);
    columns.forEach((column, c) => ys[c].push(column[i]));
  });
  return [x, ...ys];
}

/** The columns of a line, in the order in which they are drawn. @param {Line} line */
export const columnsOf = line => line.min ? [line.max, line.min, line.mean] : [line.mean];

/** Limits belong to the picture if the values come near them. @param {{value: number}[]} limits */
export function yRange(limits, low, high) {
  if (low == null || high == null) {
    const values = limits.map(limit => limit.value);
    [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
  }
  const size = high - low || Math.abs(high) * .1 || 1, near = [low - size * 1.5, high + size * 1.5];
  for (const { value } of limits) {
    if (value > near[0] && value < near[1]) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  const pad = (high - low || Math.abs(high) * .1 || 1) * .08;
  return [low - pad, high + pad];
}

const lowest = column => column.reduce((a, b) => b != null && b < a ? b : a, Infinity);
const highest = column => column.reduce((a, b) => b != null && b > a ? b : a, -Infinity);

/** @param {string} label @param {Line[]} lines @param {number} alarms */
export function summary(label, lines, alarms) {
  const parts = lines.map(line => {
    const low = lowest(line.min ?? line.mean), high = highest(line.max ?? line.mean);
    const name = lines.length > 1 ? line.label + ': ' : '';
    return low > high ? `${name}no values` : `${name}lowest ${measure(low, line.unit)}, highest ${measure(high, line.unit)}`;
  });
  return `${label}. ${parts.join('; ')}${alarms ? `; ${plural(alarms, 'alarm')}` : ''}`;
}

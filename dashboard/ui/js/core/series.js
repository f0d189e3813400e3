// Series of a device for charts: the server picks the step from its roll-ups, so that a
// line has fewer points than a chart has pixels. And what a chart draws of them, pure:
// columns for uPlot with holes where data is missing, the range of the y axis, and a
// sentence for those who do not see the picture.
import { get, path, segment } from './api.js';
import { duration, rfc3339 } from './spans.js';
import { measure, plural } from './numbers.js';

/** @typedef {import('../../../types/api').Columns} Columns */
/** @typedef {import('../../../types/api').Limit} Limit */
/** A line of a chart: x in seconds, at the middle of each bin.
 * @typedef {{label: string, unit?: string|null, x: number[], mean: (number|null)[], min?: (number|null)[], max?: (number|null)[]}} Line */

/**
 * @param {string} device
 * @param {{from: number, to: number, points: number, sensors?: string[]}} wanted  No sensors: all.
 * @param {AbortSignal} [signal]
 */
export async function series(device, { from, to, points, sensors }, signal) {
  /** @type {import('../../../types/api').Series} */
  const answer = await get(path(`/api/v1/devices/${segment(device)}/readings`, {
    from: rfc3339(from), to: rfc3339(to), points, sensor: sensors?.join(','),
  }), signal);
  const step = duration(answer.step) || 1000;
  /** @type {Map<string, Line>} */
  const lines = new Map(Object.entries(answer.sensors).map(([sensor, columns]) => [sensor, line(sensor, columns, step)]));
  return { lines, step, from, to };
}

/** @param {string} label @param {Columns} columns @param {number} step @returns {Line} */
const line = (label, { unit, t, min, max, mean }, step) => ({
  label, unit, x: t.map(ms => (ms + step / 2) / 1000), min, max, mean,
});

/** Limits as lines of a chart. @param {Limit[]} limits */
export const limitLines = limits => limits.map(({ function: name, severity, side, value }) => ({
  value, severity: severity ?? 'check',
  label: `${severity ?? 'valid'} ${(side === 'high') === (severity != null) ? 'above' : 'below'} ${value} · ${name}`,
}));

/** @param {string} device @param {string} sensor @param {AbortSignal} [signal] @returns {Promise<Limit[]>} */
export const limits = (device, sensor, signal) => get(path(`/api/v1/devices/${segment(device)}/limits`, { sensor }), signal);

/** What a kind of function watches for. */
export const KIND = {
  threshold: 'limits', range: 'range', rate_of_change: 'rate of change', stuck: 'stuck value', flatline: 'flat line', gap: 'gap',
    unit: 'unit',
  allowed: 'allowed values', clock: 'clock', duplicate: 'duplicates', ewma: 'recent mean', mad: 'median', seasonal: 'season',
    cusum: 'slow drift',
  adaptive: 'learned pattern', wasm: 'WebAssembly', absence: 'silence', derived: 'derived', multivariate: 'several sensors',
};

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

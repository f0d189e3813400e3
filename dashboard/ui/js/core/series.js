// Series of a device for charts: the server picks the step from its roll-ups, so that a
// line has fewer points than a chart has pixels.
import { get, path, segment } from './api.js';
import { duration, rfc3339 } from './spans.js';

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

// How numbers are written. Thin spaces group digits; a minus is a minus sign.

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const trimmed = text => text.includes('.') ? text.replace(/\.?0+$/, '') : text;
const usable = n => n != null && Number.isFinite(n);

/** 620 425 @param {number} n */
export const whole = n => usable(n) ? grouped.format(n).replaceAll(',', '\u202f') : '–';

/** 60.8, 209, 12.4 k, 1.2 M: for rates. @param {number} n */
export function short(n) {
  if (!usable(n)) return '–';
  const a = Math.abs(n);
  for (const [size, suffix] of /** @type {[number, string][]} */ ([[1e9, 'G'], [1e6, 'M'], [1e3, 'k']])) {
    if (a >= size && a >= 1e4) return `${(n / size).toFixed(a >= size * 100 ? 0 : 1)} ${suffix}`;
  }
  if (a >= 100) return whole(n);
  return trimmed(n.toFixed(a >= 10 ? 1 : 2));
}

/** 80 KiB @param {number} n */
export function bytes(n) {
  if (!usable(n)) return '–';
  for (const [size, unit] of /** @type {[number, string][]} */ ([[2 ** 30, 'GiB'], [2 ** 20, 'MiB'], [2 ** 10, 'KiB']])) {
    if (n >= size) return `${(n / size).toFixed(n / size < 10 ? 1 : 0)} ${unit}`;
  }
  return `${n} B`;
}

/** 127 µs, from nanoseconds. @param {number} n */
export function nanos(n) {
  if (!usable(n)) return '–';
  if (n < 1e3) return `${n.toFixed(0)} ns`;
  return n < 1e6 ? `${trimmed((n / 1e3).toFixed(1))} µs` : `${trimmed((n / 1e6).toFixed(1))} ms`;
}

/** @param {number} share  Of 1. */
export function percent(share) {
  if (!usable(share)) return '–';
  const n = share * 100;
  return `${n !== 0 && Math.abs(n) < .1 ? n.toPrecision(1) : trimmed(n.toFixed(n < 10 ? 1 : 0))} %`;
}

/** 0.17, 6.2e-3: dollars. @param {number} n */
export const usd = n => !usable(n) ? '–' : n === 0 ? '0' : n < .01 ? n.toExponential(1) : n.toFixed(2);

/** UCUM codes that people write differently. */
const UNIT = { Cel: '°C', '[degF]': '°F', Far: '°F', '%RH': '% RH' };

/** A measured value with as many digits as matter, and its unit. @param {any} value @param {string} [unit] */
export function measure(value, unit) {
  if (value == null) return '–';
  if (typeof value !== 'number') return String(value);
  const a = Math.abs(value);
  let text;
  if (Number.isInteger(value) && a < 1e7) text = String(value);
  else if (a >= 1e7 || (a > 0 && a < 1e-3)) text = String(Number(value.toPrecision(4)));
  else text = trimmed(value.toFixed(a >= 1000 ? 1 : a >= 10 ? 2 : 3));
  text = text.replace('-', '−');
  return unit ? `${text}\u202f${UNIT[unit] ?? unit}` : text;
}

/** 3 alarms, 1 alarm @param {number} n */
export const plural = (n, one, many = one + 's') => `${whole(n)} ${n === 1 ? one : many}`;

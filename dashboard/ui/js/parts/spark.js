// Two small pictures: a line of the last values, and how far a value is beyond a limit.
import { html, cx } from '../core/dom.js';
import { short } from '../core/numbers.js';

/** @param {{values: number[], label: string, unit?: string, width?: number, height?: number}} props */
export function Spark({ values, label, unit = '', width = 160, height = 34 }) {
  if (values.length < 2) return html`<svg class="spark" viewBox=${`0 0 ${width} ${height}`} aria-hidden="true"></svg>`;
  const top = Math.max(...values, 1e-9);
  const x = i => (width - 2) * i / (values.length - 1) + 1, y = value => height - 2 - (height - 4) * value / top;
  const line = values.map((value, i) => `${i ? 'L' : 'M'}${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join('');
  return html`<svg class="spark" viewBox=${`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img"
    aria-label=${`${label}: now ${short(values.at(-1))}${unit}, at most ${short(top)}${unit}`}>
    <path class="area" d=${`${line}L${width - 1} ${height - 2}L1 ${height - 2}Z`} /><path class="line" d=${line} /></svg>`;
}

/** The mark in the middle is the limit; the bar leads from it to the value. @param {{value: any, limit?: number, severity: string, label: string}} props */
export function Deviation({ value, limit, severity, label }) {
  if (!Number.isFinite(value) || !Number.isFinite(limit)) return null;
  const by = value - limit, scale = Math.max(Math.abs(by), Math.abs(limit) * .2, 1e-9);
  const size = Math.max(2, 48 * Math.abs(by) / scale);
  return html`<svg class=${cx('gauge', severity)} viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label=${label}>
    <path class="ground" d="M0 6H100" /><rect class="over" x=${by < 0 ? 50 - size : 50} y="3.5" width=${size} height="5" />
    <path class="limit" d="M50 1v10" /></svg>`;
}

// What is painted on a chart besides its lines: bands of alarms below them, limits and
// marks above.
import { severityOf } from '../core/alarm_terms.js';
import { color } from './paint.js';

/** @typedef {{value: number, severity: string, label: string}} LimitLine */
/** An alarm from raised to cleared; `to` is null while it is open.
 * @typedef {{from: number, to: number|null, severity: string, suppressed?: boolean}} Band */
/** @typedef {{at: number, label: string}} Mark */

const FONT = 'system-ui, sans-serif';

/** Paints inside the plot and restores the context. */
function inside(u, paint) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = `${11 * devicePixelRatio}px ${FONT}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  paint(ctx, bbox, devicePixelRatio);
  ctx.restore();
}

/** @param {Band[]} bands */
export const paintBands = (u, bands) => inside(u, (ctx, bbox, ratio) => {
  for (const { from, to, severity, suppressed } of bands) {
    const left = u.valToPos(from / 1000, 'x', true), end = to == null ? bbox.left + bbox.width : u.valToPos(to / 1000, 'x', true);
    const width = Math.max(2 * ratio, end - left), critical = severityOf({ severity }) === 'critical';
    const name = suppressed ? '--held' : critical ? '--critical' : '--warning';
    ctx.globalAlpha = .5;
    ctx.fillStyle = color(name + '-ground');
    ctx.fillRect(left, bbox.top, width, bbox.height);
    ctx.globalAlpha = 1;
    ctx.fillStyle = color(suppressed ? name : name + '-fill');
    ctx.fillRect(left, bbox.top, width, (critical ? 4 : 3) * ratio);
    // The edge distinguishes severities without colour: solid for critical, dotted for a warning.
    ctx.strokeStyle = color(name);
    ctx.lineWidth = ratio;
    ctx.setLineDash(critical ? [] : [2 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
  }
});

/** @param {LimitLine[]} limits @param {boolean} named */
export const paintLimits = (u, limits, named) => inside(u, (ctx, bbox, ratio) => {
  for (const { value, severity, label } of limits) {
    const y = Math.round(u.valToPos(value, 'y', true)) + .5;
    if (y < bbox.top - 1 || y > bbox.top + bbox.height + 1) continue;
    const tone = color(severity === 'critical' ? '--critical' : severity === 'warning' ? '--warning' : '--text-3');
    ctx.strokeStyle = tone;
    ctx.lineWidth = 1.25 * ratio;
    ctx.setLineDash(severity === 'critical' ? [10 * ratio, 3 * ratio] : [3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    if (named) paintName(ctx, bbox, ratio, label, y, tone);
  }
});

/** The name of a limit stands above its line, or below where there is no room. */
function paintName(ctx, bbox, ratio, label, y, tone) {
  const width = ctx.measureText(label).width + 8 * ratio, above = y - 15 * ratio > bbox.top;
  ctx.globalAlpha = .85;
  ctx.fillStyle = color('--surface');
  ctx.fillRect(bbox.left + 6 * ratio, above ? y - 15 * ratio : y + 2 * ratio, width, 13 * ratio);
  ctx.globalAlpha = 1;
  ctx.fillStyle = tone;
  ctx.fillText(label, bbox.left + 10 * ratio, above ? y - 8.5 * ratio : y + 8.5 * ratio);
}

/** @param {Mark[]} marks @param {boolean} named */
export const paintMarks = (u, marks, named) => inside(u, (ctx, bbox, ratio) => {
  marks.forEach(({ at, label }, i) => {
    const x = Math.round(u.valToPos(at / 1000, 'x', true)) + .5;
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    ctx.strokeStyle = ctx.fillStyle = color('--text');
    ctx.lineWidth = 1.25 * ratio;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    if (!named) return;
    const width = ctx.measureText(label).width + 10 * ratio, left = x + width > bbox.left + bbox.width ? x - width : x;
    const foot = bbox.top + bbox.height - i * 17 * ratio;
    ctx.fillRect(left, foot - 17 * ratio, width, 15 * ratio);
    ctx.fillStyle = color('--surface');
    ctx.fillText(label, left + 5 * ratio, foot - 9 * ratio);
  });
});

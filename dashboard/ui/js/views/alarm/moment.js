// The moment: the series from before the alarm was raised until it cleared, with limits,
// the band of the alarm, and marks.
import { html, Fragment, useMemo, useState } from '../../core/dom.js';
import { href } from '../../core/router.js';
import { useAsk } from '../../core/ask.js';
import { limitLines, limits, series } from '../../core/series.js';
import { isSuppressed, severityOf } from '../../core/alarm_terms.js';
import { clockTime } from '../../core/time.js';
import { rfc3339, span } from '../../core/spans.js';
import { measure } from '../../core/numbers.js';
import { Panel } from '../../parts/layout.js';
import { Chart } from '../../parts/chart.js';

const POINTS = 500, LIVE_MS = 5_000, LEAD_MS = [120_000, 3_600_000];

/** From one and a half times its length before the alarm, until the same after it. @param {import('../../../../types/api').Alarm} alarm */
function around({ raisedAt, clearedAt }) {
  const end = clearedAt ?? Date.now(), lead = Math.min(Math.max(LEAD_MS[0], (end - raisedAt) * 1.5), LEAD_MS[1]);
  return { from: raisedAt - lead, to: Math.min(Math.max(Date.now(), end), end + lead) };
}

/** An alarm about silence has no series of its own: another sensor of the device shows the hole. */
async function load(alarm, wanted, signal) {
  const own = await series(alarm.deviceId, { ...wanted, points: POINTS, sensors: [alarm.sensor] }, signal);
  const line = own.lines.get(alarm.sensor);
  if (line?.x.length) return { ...own, line, substitute: false };
  const all = await series(alarm.deviceId, { ...wanted, points: POINTS }, signal);
  return { ...all, line: [...all.lines.values()].find(({ x }) => x.length), substitute: true };
}

/** @param {{alarm: import('../../../../types/api').AlarmDetail}} props */
export function Moment({ alarm }) {
  const [zoom, setZoom] = useState(null);
  const live = !zoom && !alarm.clearedAt;
  const { data, error } = useAsk(signal => load(alarm, zoom ?? around(alarm), signal), [alarm.alarmId, alarm.updatedAt, zoom],
    { every: live ? LIVE_MS : 0 });
  const known = useAsk(signal => limits(alarm.deviceId, alarm.sensor, signal).catch(() => []), [alarm.alarmId]);
  const lines = useMemo(() => limitsOf(alarm, known.data), [known.data, alarm.threshold]);
  const bands = useMemo(() => [{ from: alarm.raisedAt, to: alarm.clearedAt ?? alarm.returnedAt ?? null, severity: alarm.severity,
    suppressed: isSuppressed(alarm) }], [alarm]);
  const marks = useMemo(() => [
    { at: alarm.raisedAt, label: `raised ${clockTime(alarm.raisedAt)}` },
    ...(alarm.acknowledged ? [{ at: alarm.acknowledged.at, label: `acknowledged by ${alarm.acknowledged.by}` }] : []),
  ], [alarm]);
  const shown = { sensor: alarm.sensor, from: data && rfc3339(data.from), to: data && rfc3339(data.to) };
  const aside = html`<${Fragment}>${zoom && html`<button type="button" class="btn small"
    onClick=${() => setZoom(null)}>Whole alarm</button>`}
    <a class="more-link" href=${href('devices', alarm.deviceId, shown)}>All sensors of ${alarm.deviceId}</a></${Fragment}>`;
  return html`<${Panel} title="Value over time" id="moment" aside=${aside}>
    ${!data ? (error ? html`<p class="dim">${error.message}</p>` : html`<div class="chart-hold"></div>`)
      : !data.line ? html`<p class="dim pad">No numbers are stored for this time.</p>`
      : html`<${Chart} label=${`${alarm.deviceId} ${data.line.label} around the alarm`} lines=${[data.line]} from=${data.from}
        to=${data.to} step=${data.step}
          height=${300} limits=${data.substitute ? [] : lines} bands=${bands} marks=${marks}
          onZoom=${(from, to) => setZoom({ from, to })} onReset=${() => setZoom(null)}
          foot=${`${data.substitute ? `${alarm.sensor} has no numbers: this is ${data.line.label}. ` : ''}Bins of ${span(data.step)}; band from minimum to maximum.`} />`}</${Panel}>`;
}

/** Those of the functions; else the one that the alarm names. */
function limitsOf(alarm, known) {
  if (known?.length) return limitLines(known);
  return alarm.threshold == null ? [] : [{ value: alarm.threshold, severity: severityOf(alarm),
    label: `limit ${measure(alarm.threshold, alarm.unit)} · ${alarm.function}` }];
}

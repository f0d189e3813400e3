// The series of a device: one large chart of the chosen sensors, and all sensors as small
// charts that share its cursor.
import { html, Fragment, useEffect, useMemo, useState } from '../../core/dom.js';
import { href, setQuery } from '../../core/router.js';
import { literal, path, request, segment, sql } from '../../core/api.js';
import { useAsk } from '../../core/ask.js';
import { watchReadings } from '../../core/live.js';
import { useKeys } from '../../core/keys.js';
import { limitLines, limits, series } from '../../core/series.js';
import { parse, range, rfc3339, span } from '../../core/spans.js';
import { plural } from '../../core/numbers.js';
import { Empty, Panel } from '../../parts/layout.js';
import { Age } from '../../parts/times.js';
import { Chart } from '../../parts/chart.js';
import { TimeRange } from '../../parts/time_range.js';
import { notifyError, saveAs } from '../../parts/feedback.js';
import { SmallChart } from './small_chart.js';

const DEFAULT_RANGE = 'now-1h', POINTS = 900, SMALL_POINTS = 260;
const MOVE_MS = [3_000, 60_000], BANDS = 500, NAMED = 3;

/** The range of the URL; a live one moves with the time that a bin takes. @param {URLSearchParams} query */
function useMovingRange(query) {
  const key = `${query.get('from')} ${query.get('to')}`;
  const [now, setNow] = useState(Date.now());
  const current = range(query, DEFAULT_RANGE, now), every = Math.min(MOVE_MS[1],
    Math.max(MOVE_MS[0], (current.to - current.from) / POINTS));
  useEffect(() => {
    setNow(Date.now());
    if (!current.live) return;
    const timer = setInterval(() => { if (!document.hidden) setNow(Date.now()); }, every);
    return () => clearInterval(timer);
  }, [key, current.live]);
  return { ...current, now, key: `${key} ${current.live ? now : ''}` };
}

const alarmsBetween = (id, from, to) => `SELECT alarm_id, severity, sensor, function, raised_at, cleared_at
  FROM alarms WHERE device = ${literal(id)}
  AND raised_at < '${rfc3339(to)}' AND (cleared_at IS NULL OR cleared_at > '${rfc3339(from)}') ORDER BY raised_at LIMIT ${BANDS}`;

const explored = (id, sensors, { from, to }) => `SELECT date_bin(INTERVAL '10 seconds', time) AS time, sensor,
       min(value) AS min, avg(value) AS mean, max(value) AS max
FROM readings
WHERE device = ${literal(id)} AND sensor IN (${sensors.map(literal).join(', ')})
  AND time >= '${rfc3339(from)}' AND time < '${rfc3339(to)}'
GROUP BY 1, 2 ORDER BY 1`;

/** @param {{id: string, device: import('../../../../types/api').DeviceDetail, query: URLSearchParams}} props */
export function DeviceSeries({ id, device, query }) {
  const names = Object.keys(device.latest).sort(), sensors = useMemo(() => names, [names.join('\n')]);
  const chosen = (query.get('sensor') ?? '').split(',').filter(sensor => sensors.includes(sensor));
  const first = sensors.find(sensor => device.alarms.some(alarm => alarm.sensor === sensor)) ?? sensors[0];
  const shown = chosen.length ? chosen : first ? [first] : [];
  const when = useMovingRange(query), sync = 'device-' + id;
  const large = useAsk(signal => shown.length ? series(id, { ...when, points: POINTS, sensors: shown }, signal) : null,
    [id, when.key, shown.join()]);
  const small = useAsk(signal => series(id, { ...when, points: SMALL_POINTS }, signal), [id, when.key]);
  const past = useAsk(signal => sql(alarmsBetween(id, when.from, when.to), signal), [id, query.get('from'), query.get('to'),
    Math.floor(when.now / 15_000), device.openAlarms]);
  const known = useAsk(signal => shown.length === 1 ? limits(id, shown[0], signal).catch(() => []) : [], [id, shown.join()]);
  const bands = useMemo(() => bandsBySensor(past.data?.rows ?? []), [past.data]);
  const live = useLive(id);
  const zoom = (from, to) => setQuery({ from: rfc3339(from), to: rfc3339(to) });
  const pick = (sensor, add) => setQuery({ sensor: toggled(shown, sensor, add).join(',') });
  const turn = by => pick(sensors[(sensors.indexOf(shown[0]) + by + sensors.length) % sensors.length], false);
  useKeys('device', { n: [() => turn(1), 'next sensor'], p: [() => turn(-1), 'previous sensor'] });
  if (!sensors.length) return html`<${Panel}><${Empty} title="No readings yet" /></${Panel}>`;
  return html`<${Fragment}>
    <${Panel} title=${shown.join(', ')} id="large" className="big"
      aside=${html`<${TimeRange} query=${query} fallback=${DEFAULT_RANGE} />`}>
      <${Large} id=${id} shown=${shown} answer=${large} device=${device} limits=${known.data ?? []} bands=${bands} sync=${sync}
        onZoom=${zoom}
        tools=${html`<a class="small" href=${href('explore', null, { sql: explored(id, shown, when) })}>Explore in SQL</a>
          <button type="button" class="link small" onClick=${() => exportCsv(id, shown, when)}>CSV</button>`} /></${Panel}>
    <div class="multiples">${sensors.map(sensor => html`<${SmallChart} key=${sensor} device=${id} sensor=${sensor}
      latest=${live.get(sensor) ?? device.latest[sensor]} unit=${device.latest[sensor].unit}
      answer=${small.data} bands=${bands.get(sensor)} on=${shown.includes(sensor)} sync=${sync}
        onPick=${event => pick(sensor, event.shiftKey || event.ctrlKey || event.metaKey)} onZoom=${zoom} />`)}</div>
    <p class="dim small">Choose a sensor to enlarge it;
      with Shift to compare several. Drag in a chart to zoom all of them.</p></${Fragment}>`;
}

/** @param {string[]} shown @param {string} sensor @param {boolean} add */
function toggled(shown, sensor, add) {
  if (!add) return [sensor];
  return shown.includes(sensor) ? shown.filter(name => name !== sensor) : [...shown, sensor];
}

/** @returns {Map<string, (import('../../parts/chart_marks.js').Band & {id: string, function: string})[]>} */
function bandsBySensor(rows) {
  const bands = new Map();
  for (const row of rows) {
    if (!bands.has(row.sensor)) bands.set(row.sensor, []);
    bands.get(row.sensor).push({ from: parse(row.raised_at), to: row.cleared_at ? parse(row.cleared_at) : null,
      severity: row.severity, id: row.alarm_id, function: row.function });
  }
  return bands;
}

/** The latest reading of each sensor as it arrives; drawn at most four times a second. */
function useLive(id) {
  const [latest, setLatest] = useState(() => new Map());
  useEffect(() => {
    let arrived = new Map(), timer;
    setLatest(new Map());
    const show = () => {
      timer = 0;
      const news = arrived;
      arrived = new Map();
      setLatest(old => new Map([...old, ...news]));
    };
    const stop = watchReadings([id], reading => { arrived.set(reading.sensor, reading); timer ||= setTimeout(show, 250); });
    return () => { stop(); clearTimeout(timer); };
  }, [id]);
  return latest;
}

function Large({ id, shown, answer: { data, error }, device, limits: known, bands, sync, onZoom, tools }) {
  const lines = useMemo(() => data ? shown.map(sensor => data.lines.get(sensor)).filter(line => line?.x.length) : [], [data]);
  const mine = useMemo(() => shown.flatMap(sensor => bands.get(sensor) ?? []), [bands, shown.join()]);
  const drawn = useMemo(() => limitLines(known), [known]);
  if (!data) return error ? html`<p class="dim">${error.message}</p>` : html`<div class="chart-hold"></div>`;
  if (!lines.length) return html`<${Empty} title="No readings in this time">
    <p>The last reading was received <${Age} at=${parse(device.lastSeen)} suffix=" ago" />.</p></${Empty}>`;
  const foot = html`Bins of ${span(data.step)}; band from minimum to maximum.${mine.length > 0 &&
    html` ${plural(mine.length, 'alarm')}: ${mine.slice(-NAMED).map(band => html`<a href=${href('alarms', band.id)}>
    ${band.function}</a> `)}`}`;
  return html`<${Chart} label=${`${id} ${shown.join(', ')}`} lines=${lines} from=${data.from} to=${data.to} step=${data.step}
    height=${320} limits=${drawn} bands=${mine}
    onZoom=${onZoom} onReset=${() => setQuery({ from: null, to: null })} sync=${sync} foot=${foot} tools=${tools} />`;
}

/** @param {string} id @param {string[]} sensors @param {{from: number, to: number}} range */
async function exportCsv(id, sensors, { from, to }) {
  try {
    for (const sensor of sensors) {
      const url = path(`/api/v1/devices/${segment(id)}/readings`, { sensor, from: rfc3339(from), to: rfc3339(to), format: 'csv' });
      saveAs(`${id}-${sensor}.csv`, await (await request(url, { accept: 'text/csv' })).blob());
    }
  } catch (error) { notifyError(error); }
}

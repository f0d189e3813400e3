// How well the alarms serve: the figures of EEMUA 191 and ISA-18.2 with their bounds.
import { html, cx, Fragment, useMemo, useSignal } from '../../core/dom.js';
import { href } from '../../core/router.js';
import { get, path, sql } from '../../core/api.js';
import { useAsk } from '../../core/ask.js';
import { shortTime, when, zone } from '../../core/time.js';
import { parse, range, rfc3339, span } from '../../core/spans.js';
import { percent, plural, short, whole } from '../../core/numbers.js';
import { Answer, Panel } from '../../parts/layout.js';
import { Age } from '../../parts/times.js';
import { TimeRange } from '../../parts/time_range.js';
import { Tile } from '../../parts/tile.js';

const DEFAULT_RANGE = 'now-24h', PERIOD_MS = 600_000, FLOOD_PER_OPERATOR = 10, LISTED = 8;

/** Acceptable up to the first, too much above the second. */
const BOUNDS = { rate: [6, 12], peak: [10, 20], flood: [1, 5], stale: [0, 5], chattering: [0, 3] };

const BY_FUNCTION = "SELECT function, severity, count(*) AS alarms FROM alerts WHERE state = 'raised' GROUP BY 1, 2 ORDER BY 3 DESC";
const periods = (from, to) => `SELECT date_bin(INTERVAL '10 minutes', time) AS period, count(*) AS n,
    sum(CASE WHEN lower(severity) = 'critical' THEN 1 ELSE 0 END) AS critical FROM alerts
  WHERE state = 'raised' AND time >= '${from}' AND time < '${to}' GROUP BY 1 ORDER BY 1`;

/** @param {{query: URLSearchParams}} props */
export function Figures({ query }) {
  useSignal(zone);
  const { from, to } = useMemo(() => range(query, DEFAULT_RANGE), [query.toString()]);
  const a = rfc3339(from), b = rfc3339(to);
  const figures = useAsk(signal => get(path('/api/v1/alarms/kpi', { from: a, to: b }), signal), [a, b]);
  const bins = useAsk(signal => sql(periods(a, b), signal), [a, b]);
  return html`<${Fragment}><div class="filters"><${TimeRange} query=${query} fallback=${DEFAULT_RANGE} />
      <span class="dim small">Bounds of EEMUA 191 and ISA-18.2. <a
        href=${href('explore', null, { sql: BY_FUNCTION })}>Alarms by function in SQL</a></span></div>
    <${Answer} of=${figures} rows=${6}>${kpi => html`<div class="figures"><${Tiles} kpi=${kpi} />
      <${Panel} title="Alarms in ten minutes" id="periods"><${Periods} rows=${bins.data?.rows ?? []} from=${from}
        to=${to} flood=${FLOOD_PER_OPERATOR * kpi.operators} /></${Panel}>
      <div class="two"><${Panel} title="Most frequent alarms" id="worst" aside=${html`<span class="dim small">
        ${percent(kpi.worstActorsPercent / 100)} of all; ISA-18.2: below 5 %</span>`}>
        <${Actors} actors=${kpi.worstActors} /></${Panel}>
        <${Panel} title="Chattering and stale" id="chattering">
          <${Nuisances} kpi=${kpi} /></${Panel}></div></div>`}</${Answer}></${Fragment}>`;
}

function Tiles({ kpi }) {
  const ack = kpi.timeToAcknowledge, stale = kpi.stale.length;
  const raised = `${whole(kpi.raised)} raised, ${whole(kpi.critical)} critical, ${plural(kpi.operators, 'operator')}`;
  return html`<div class="tiles">
    <${Tile} name="Alarms per hour and operator" value=${short(kpi.perHourAndOperator)} figure=${kpi.perHourAndOperator}
      bounds=${BOUNDS.rate} note=${raised} />
    <${Tile} name="Peak in ten minutes" value=${whole(kpi.peakPerTenMinutes)} figure=${kpi.peakPerTenMinutes} bounds=${BOUNDS.peak}
      note=${plural(kpi.floods.length, 'flood')} />
    <${Tile} name="Time in a flood" value=${percent(kpi.percentInFlood / 100)} figure=${kpi.percentInFlood} bounds=${BOUNDS.flood}
      note="more than 10 alarms in ten minutes" />
    <${Tile} name="Time to acknowledge" value=${ack ? span(ack.median * 1000) : '–'}
      note=${ack ? `median; 90 % within ${span(ack.p90 * 1000)}` : 'no alarm was acknowledged'} />
    <${Tile} name="Standing" value=${whole(kpi.standing)} figure=${stale} bounds=${BOUNDS.stale}
      note=${stale ? `${whole(stale)} for more than a day` : 'none for more than a day'} />
    <${Tile} name="Chattering" value=${whole(kpi.chattering.length)} figure=${kpi.chattering.length} bounds=${BOUNDS.chattering}
      note="raised three times in a minute" /></div>`;
}

const WIDTH = 1000, HEIGHT = 120, MOST_BARS = 1500;

function Periods({ rows, from, to, flood }) {
  const first = Math.floor(from / PERIOD_MS), count = Math.min(MOST_BARS, Math.ceil(to / PERIOD_MS) - first);
  const bars = Array.from({ length: count }, () => ({ n: 0, critical: 0 }));
  for (const row of rows) {
    const bar = bars[Math.floor(parse(row.period) / PERIOD_MS) - first];
    if (bar) Object.assign(bar, { n: Number(row.n), critical: Number(row.critical) });
  }
  const most = bars.reduce((max, { n }) => Math.max(max, n), 0), top = Math.max(flood * 1.25, most);
  const width = WIDTH / count, height = n => n / top * (HEIGHT - 2);
  const bar = (n, i, className) => html`<rect class=${cx('bar', className)} x=${i * width} y=${HEIGHT - 1 - height(n)}
    width=${Math.max(1, width * .8)} height=${height(n)} />`;
  return html`<div class="periods"><svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img"
    aria-label=${`At most ${most} alarms in ten minutes; a flood begins above ${flood}`}>
      ${bars.map(({ n, critical }, i) => n > 0 && html`<g key=${i}><title>
        ${shortTime((first + i) * PERIOD_MS)}: ${n}, ${critical} critical</title>
        ${bar(n, i, n > flood && 'flood')}${bar(critical, i, 'critical')}</g>`)}
      <path class="limit" d=${`M0 ${HEIGHT - 1 - height(flood)}H${WIDTH}`} /><path class="base"
        d=${`M0 ${HEIGHT - .5}H${WIDTH}`} /></svg>
    <p class="hour-axis dim small num"><span>${when(from)}</span><span>dashed: flood, above ${flood}</span><span>
      ${when(to)}</span></p></div>`;
}

function Actors({ actors }) {
  if (!actors.length) return html`<p class="dim">No alarm was raised.</p>`;
  return html`<ul class="actors">${actors.map(({ device, sensor, function: name, alarms }) => html`<li>
    <a class="cut" href=${href('devices', device, { sensor })}>${device} <span>${sensor}</span></a><span class="dim cut">
      ${name}</span>
    <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width=${100 * alarms / actors[0].alarms}
      height="8" /></svg><b class="num">${whole(alarms)}</b></li>`)}</ul>`;
}

function Nuisances({ kpi: { chattering, stale } }) {
  if (!chattering.length && !stale.length) return html`<p class="dim">None.</p>`;
  return html`<ul class="lines">
    ${chattering.slice(0, LISTED).map(c => html`<li><a href=${href('devices', c.device, { sensor: c.sensor })}>
      ${c.device} ${c.sensor}</a>
      <span class="dim"> ${c.function}: ${c.mostPerMinute} in a minute. Increase <code>deadband</code> or <code>off_delay</code>.</span></li>`)}
    ${stale.slice(0, LISTED).map(s => html`<li><a href=${href('alarms', s.alarmId)}>${s.device} ${s.sensor}</a>
      <span class="dim"> open for <${Age} at=${s.raisedAt} /></span></li>`)}</ul>`;
}

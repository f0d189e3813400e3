// Every transition of every alarm, in a range of time.
import { html, Fragment, useMemo } from '../../core/dom.js';
import { href, setQuery } from '../../core/router.js';
import { literal, sql } from '../../core/api.js';
import { useAsk } from '../../core/ask.js';
import { TRANSITION } from '../../core/alarm_terms.js';
import { parse, range, rfc3339 } from '../../core/spans.js';
import { measure, plural } from '../../core/numbers.js';
import { Answer, Empty, Panel } from '../../parts/layout.js';
import { Search } from '../../parts/controls.js';
import { Choice } from '../../parts/choice.js';
import { Shape } from '../../parts/shape.js';
import { When } from '../../parts/times.js';
import { rowHeight, Rows } from '../../parts/table.js';
import { TimeRange } from '../../parts/time_range.js';

const DEFAULT_RANGE = 'now-24h', MOST = 2000;

/** A word anywhere in the text of a transition. */
const contains = word => `lower(concat(device, ' ', sensor, ' ', function, ' ', reason)) LIKE ${literal(`%${word.replaceAll('\\',
  '\\\\').replaceAll('%', '\\%').replaceAll('_', '\\_')}%`)}`;

/** @param {URLSearchParams} query */
function statement(query) {
  const { from, to } = range(query, DEFAULT_RANGE), severity = query.get('severity');
  const where = [
    `time >= '${rfc3339(from)}'`, `time < '${rfc3339(to)}'`, severity && `lower(severity) = ${literal(severity)}`,
    ...(query.get('q') ?? '').toLowerCase().split(/\s+/).filter(Boolean).map(contains),
  ].filter(Boolean).join(' AND ');
  return `SELECT time, alarm_id, severity, state, device, sensor, function, value, unit, reason
    FROM alerts WHERE ${where} ORDER BY time DESC LIMIT ${MOST}`;
}

/** @param {{query: URLSearchParams}} props */
export function History({ query }) {
  const text = useMemo(() => statement(query), [query.toString()]);
  const answer = useAsk(signal => sql(text, signal), [text]);
  const count = answer.data?.rows.length;
  return html`<${Fragment}><div class="filters"><${TimeRange} query=${query} fallback=${DEFAULT_RANGE} />
      <${Choice} label="Severity" value=${query.get('severity') ?? ''} onChoose=${key => setQuery({ severity: key })}
        options=${[['', 'Any'], ['critical', 'Critical'], ['warning', 'Warning']]} />
      <${Search} label="Search the history" placeholder="device, sensor, function" value=${query.get('q') ?? ''}
        onInput=${q => setQuery({ q }, { replace: true })} />
      <span class="dim small" role="status">
        ${count != null && `${count === MOST ? 'the newest ' : ''}${plural(count, 'transition')}`}</span></div>
    <${Answer} of=${answer} rows=${8}>${({ rows }) => !rows.length ? html`<${Panel}>
      <${Empty} title="No transitions in this time" /></${Panel}>`
      : html`<${Rows} className="history-rows panel fill" label="Transitions" count=${rows.length}
        height=${rowHeight({ narrow: 44 })}
          head=${html`<tr><th scope="col">Time</th><th scope="col">Transition</th><th scope="col">Alarm</th><th scope="col"
            class="num">Value</th><th scope="col">Function</th><th scope="col">Reason</th></tr>`}
          render=${i => html`<${Row} key=${i} row=${rows[i]} />`} />`}</${Answer}></${Fragment}>`;
}

function Row({ row }) {
  const cleared = row.state === 'cleared';
  return html`<tr><td class="num"><${When} at=${parse(row.time)} /></td>
    <td class="nowrap"><${Shape} severity=${cleared ? undefined : row.severity} lifecycle=${cleared ? 'normal' : undefined}
      label="" size=${14} /> ${TRANSITION[row.state] ?? row.state}</td>
    <td class="cut"><a href=${href('alarms', row.alarm_id)} title=${`${row.device} ${row.sensor}`}><b>
      ${row.device}</b> ${row.sensor}</a></td>
    <td class="num">${measure(row.value, row.unit)}</td><td class="cut">${row.function}</td><td class="cut dim" title=${row.reason}>
      ${row.reason}</td></tr>`;
}

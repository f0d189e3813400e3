// The live tap: readings and alerts as they arrive, filtered and paused. The table is
// drawn four times a second, however much arrives.
import { html, cx, useEffect, useMemo, useRef, useSignal, useState } from '../core/dom.js';
import { href, setQuery } from '../core/router.js';
import { alerts, history, link, rateOf, watchReadings } from '../core/live.js';
import { useKeys } from '../core/keys.js';
import { severityOf, TRANSITION } from '../core/alarm_terms.js';
import { clockTime } from '../core/time.js';
import { parse } from '../core/spans.js';
import { measure, short, whole } from '../core/numbers.js';
import { Empty } from '../parts/layout.js';
import { Search } from '../parts/controls.js';
import { Choice } from '../parts/choice.js';
import { Shape } from '../parts/shape.js';

const HEADS = ['Time', 'Device', 'Sensor', 'Value', 'Location', 'Flags, alerts'];
const BUFFERED = 400, SHOWN = 50, DRAW_MS = 250;

/** @param {import('../../../types/api').LiveReading} reading */
const readingRow = ({ time, device, sensor, value, unit, location, flags }) =>
  ({ at: parse(time), device, sensor, value, unit, location, note: flags, alert: null });
/** @param {import('../../../types/api').Alert} alert */
const alertRow = alert => {
  const { timestamp, deviceId, sensor, value, unit, location, reason } = alert;
  return { at: timestamp, device: deviceId, sensor, value, unit, location, note: reason, alert };
};
const textOf = row => `${row.device} ${row.sensor} ${row.location ?? ''} ${row.alert ? row.alert.function : row.note ?? ''}`.toLowerCase();

/** The newest events that match, drawn by a timer. */
function useEvents(words, kind, paused) {
  const buffer = useRef([]), count = useRef(0), drawn = useRef(0);
  const [rows, setRows] = useState([]), [behind, setBehind] = useState(0);
  useEffect(() => {
    const take = row => {
      if (!words.every(word => textOf(row).includes(word))) return;
      buffer.current.unshift({ ...row, n: ++count.current });
      buffer.current.length = Math.min(buffer.current.length, BUFFERED);
    };
    buffer.current = [];
    setRows([]);
    const stops = [
      kind !== 'alerts' && watchReadings(null, reading => take(readingRow(reading))),
      kind !== 'readings' && alerts.add(alert => take(alertRow(alert))),
    ];
    return () => { for (const stop of stops) if (stop) stop(); };
  }, [words, kind]);
  useEffect(() => {
    const draw = () => {
      if (document.hidden || count.current === drawn.current) return;
      if (paused) { setBehind(count.current - drawn.current); return; }
      drawn.current = count.current;
      setBehind(0);
      setRows(buffer.current.slice(0, SHOWN));
    };
    draw();
    const timer = setInterval(draw, DRAW_MS);
    return () => clearInterval(timer);
  }, [paused, words, kind]);
  return { rows, behind };
}

/** @param {{route: import('../core/router.js').Route}} props */
export default function Tap({ route: { query } }) {
  const q = query.get('q') ?? '', kind = query.get('kind') ?? '', [paused, setPaused] = useState(false);
  const words = useMemo(() => q.toLowerCase().split(/\s+/).filter(Boolean), [q]);
  const { rows, behind } = useEvents(words, kind, paused);
  const rate = rateOf(useSignal(history), 'readings'), { missed } = useSignal(link);
  const pause = () => setPaused(!paused);
  useKeys('tap', { ' ': [pause, 'pause or continue'] });
  return html`<div class="page tap"><header class="page-head"><h1>Live tap</h1><span class="dim num">
    ${rate != null && `${short(rate)} readings/s`}${missed > 0 && `, ${whole(missed)} events left out`}</span></header>
    <div class="filters"><${Search} label="Filter" placeholder="device, sensor, location" value=${q}
      onInput=${value => setQuery({ q: value }, { replace: true })} />
      <${Choice} label="Events" value=${kind} onChoose=${value => setQuery({ kind: value })}
        options=${[['', 'All'], ['readings', 'Readings'], ['alerts', 'Alerts']]} />
      <button type="button" class=${cx('btn', paused && 'primary')} aria-pressed=${paused} onClick=${pause}>
        ${paused ? `Continue${behind > 0 ? `, ${whole(behind)} new` : ''}` : 'Pause'} <kbd>Space</kbd></button></div>
    <div class="panel fill rows tap-rows" tabindex="0" role="region" aria-label="Events, the newest first">
      ${!rows.length ? html`<${Empty} title=${q ? 'No event has matched yet' : 'No events yet'} />` : html`<table>
      <thead><tr>${HEADS.map(name => html`<th scope="col" class=${cx(name === 'Value' && 'num')}>${name}</th>`)}</tr></thead>
      <tbody>${rows.map(row => html`<${Row} key=${row.n} row=${row} />`)}</tbody></table>`}</div></div>`;
}

function Row({ row: { at, device, sensor, value, unit, location, note, alert } }) {
  const cleared = alert?.state === 'cleared', millis = String(Math.floor(at % 1000)).padStart(3, '0');
  return html`<tr class=${cx(alert && 'alert', alert && severityOf(alert))}>
    <td class="num dim">${clockTime(at)}.${millis}</td>
    <td class="cut"><a href=${href('devices', device)} title=${device}>${device}</a></td>
    <td class="cut" title=${sensor}>${sensor}</td>
    <td class="num cut">${typeof value === 'boolean' ? String(value) : measure(value, unit)}</td>
    <td class="dim cut">${location ?? ''}</td>
    <td class="cut">${!alert ? html`<span class="dim">${note ?? ''}</span>`
      : html`<a class="quiet" href=${href('alarms', alert.alarmId)}><${Shape} severity=${cleared ? undefined : alert.severity}
          lifecycle=${cleared ? 'normal' : undefined} size=${13} label="" /> ${TRANSITION[alert.state]}: ${note}</a>`}</td></tr>`;
}

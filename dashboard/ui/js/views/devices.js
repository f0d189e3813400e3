// The fleet as a list: the server searches, filters and sorts, for any number of devices.
import { html, cx, Fragment, useEffect, useState } from '../core/dom.js';
import { go, href, setQuery } from '../core/router.js';
import { get, path, request } from '../core/api.js';
import { usePages } from '../core/pages.js';
import { useKeys } from '../core/keys.js';
import { shapeOf, STATE_NAME, STATES } from '../core/fleet.js';
import { csvLine } from '../core/csv.js';
import { parse } from '../core/spans.js';
import { plural, whole } from '../core/numbers.js';
import { Empty, Failed, Loading, Panel } from '../parts/layout.js';
import { Search, Select, Sorter } from '../parts/controls.js';
import { Choice } from '../parts/choice.js';
import { Shape } from '../parts/shape.js';
import { Age } from '../parts/times.js';
import { rowHeight, Rows, Waiting } from '../parts/table.js';
import { notifyError, saveAs } from '../parts/feedback.js';

/** @typedef {import('../../../types/api').Device} Device */

const REFRESH_MS = 5_000, COLUMNS = 8, EXPORT_PAGE = 10_000;

/** @param {URLSearchParams} query */
function filterOf(query) {
  const named = ['q', 'state', 'location'].map(key => [key, query.get(key)]);
  return Object.fromEntries([...named.filter(([, value]) => value), ['sort', query.get('sort') ?? 'state']]);
}

/** @param {{route: import('../core/router.js').Route}} props */
export default function Devices({ route: { query } }) {
  const filter = filterOf(query);
  const load = async (after, limit, signal) => {
    const page = await get(path('/api/v1/devices', { ...filter, limit, after }), signal);
    return { rows: page.devices, ...page };
  };
  const pages = usePages(load, JSON.stringify(filter), { every: REFRESH_MS });
  const [at, setAt] = useState(-1), { total } = pages;
  useEffect(() => setAt(-1), [JSON.stringify(filter)]);
  const move = to => setAt(Math.max(0, Math.min(total - 1, to)));
  const open = i => { const device = pages.row(i); if (device) go(href('devices', device.id)); };
  useKeys('devices', { j: [() => move(at + 1), 'next'], k: [() => move(at - 1), 'previous'], Enter: [() => open(at), 'open'] });
  return html`<div class="page devices"><header class="page-head"><h1>Devices</h1></header>
    <${Filters} query=${query} filter=${filter} answer=${pages.answer} />
    ${pages.error ? html`<${Failed} error=${pages.error} onRetry=${pages.refresh} />`
      : !pages.answer ? html`<${Loading} rows=${10} />`
      : !total ? html`<${Panel}><${Empty} title="No device matches">
        <a class="btn" href=${href('devices')}>Show all devices</a></${Empty}></${Panel}>`
      : html`<${Rows} className="device-rows panel fill" label="Devices" count=${total}
        height=${rowHeight({ narrow: 56 })} active=${at} onRange=${pages.onRange}
          head=${html`<${Head} sort=${filter.sort} />`}
          render=${i => {
            const device = pages.row(i);
            return device ? html`<${Row} key=${device.id} device=${device} index=${i} active=${i === at}
              onOpen=${() => open(i)} />` : html`<${Waiting} key=${i} columns=${COLUMNS} />`;
          }} />`}</div>`;
}

function Filters({ query, filter, answer }) {
  const counts = answer?.counts ?? {}, locations = answer?.locations ?? [], state = query.get('state') ?? '';
  const all = STATES.reduce((sum, key) => sum + (counts[key] ?? 0), 0);
  const shown = STATES.filter(key => counts[key] || key === state);
  const option = (key, name, count) => [key, html`${name} <span class="count">${whole(count)}</span>`];
  return html`<div class="filters">
    <${Search} label="Search devices" placeholder="device or location" value=${query.get('q') ?? ''}
      onInput=${q => setQuery({ q }, { replace: true })} />
    <${Choice} label="State" value=${state} onChoose=${key => setQuery({ state: key })}
      options=${[option('', 'All', answer && all), ...shown.map(key => option(key, STATE_NAME[key], counts[key] ?? 0))]} />
    ${locations.length > 1 && html`<${Select} label="Location" value=${query.get('location') ?? ''}
      onChoose=${location => setQuery({ location })}
      options=${[['', 'Every location'], ...locations.filter(Boolean).map(name => [name, name])]} />`}
    <span class="grow"></span><span class="dim small num" role="status">${answer && plural(answer.total, 'device')}</span>
    <button type="button" class="btn" onClick=${() => exportCsv(filter)}>CSV</button></div>`;
}

/** All that match, page after page. @param {Record<string, string>} filter */
async function exportCsv(filter) {
  const lines = [csvLine(['device', 'location', 'state', 'last_seen', 'sensors', 'readings', 'open_alarms'])];
  try {
    for (let after = 0; after != null;) {
      const page = await (await request(path('/api/v1/devices', { ...filter, limit: EXPORT_PAGE, after }))).json();
      for (const d of page.devices) {
        lines.push(csvLine([d.id, d.location, d.state, d.lastSeen, d.sensors, d.readings, d.openAlarms]));
      }
      after = page.next;
    }
    saveAs('devices.csv', lines.join('\n') + '\n', 'text/csv');
  } catch (error) { notifyError(error); }
}

function Head({ sort }) {
  const onSort = name => setQuery({ sort: name === 'state' ? null : name }, { replace: true });
  const sorter = (name, text, className, title) => html`<${Sorter} name=${name} text=${text} title=${title}
    className=${className} sort=${sort} onSort=${onSort} />`;
  return html`<tr>
    ${sorter('state', '', 'c-shape', 'Worst first')}
    ${sorter('id', 'Device', 'c-device')}
    ${sorter('location', 'Location', 'c-location')}
    <th scope="col" class="c-why">Worst alarm</th>
    ${sorter('seen', 'Last seen', 'num c-since')}
    ${sorter('sensors', 'Sensors', 'num c-n')}
    ${sorter('readings', 'Readings', 'num c-n')}
    ${sorter('alarms', 'Alarms', 'num c-n')}</tr>`;
}

/** @param {{device: Device, index: number, active: boolean, onOpen: () => void}} props */
function Row({ device, index, active, onOpen }) {
  const { id, location, worst, state, silent } = device;
  const click = event => { if (!event.target.closest('a') && !getSelection().toString()) onOpen(); };
  return html`<tr class=${cx(active && 'at')} aria-rowindex=${index + 2} onClick=${click}>
    <td class="c-shape">${worst ? html`<${Shape} severity=${worst.severity} lifecycle=${worst.lifecycle} />`
      : html`<${Shape} ...${shapeOf(state)} />`}</td>
    <td class="c-device"><a href=${href('devices', id)} title=${id}><b>${id}</b></a></td><td class="c-location dim">
      ${location ?? ''}</td>
    <td class="c-why cut" title=${worst?.reason}>${worst && html`<a class="quiet" href=${href('alarms', worst.alarmId)}>
      ${worst.reason}</a>`}${silent && html`<${Fragment}>${worst && ' '}<span class="tag">silent</span></${Fragment}>`}</td>
    <td class="num c-since"><${Age} at=${parse(device.lastSeen)} /></td><td class="num c-n">${whole(device.sensors)}</td>
      <td class="num c-n">${whole(device.readings)}</td>
    <td class="num c-n">${device.openAlarms || html`<span class="dim">–</span>`}</td></tr>`;
}

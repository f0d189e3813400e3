// The list of open alarms: filters, search and order are the server's; the cursor stays on
// its alarm while rows come and go.
import { html, Fragment, useEffect, useRef, useSignal, useState } from '../../core/dom.js';
import { go, href, setQuery } from '../../core/router.js';
import { get, path } from '../../core/api.js';
import { may, session, signedInName } from '../../core/session.js';
import { act, ask } from '../../core/actions.js';
import { alarmChanges } from '../../core/live.js';
import { usePages } from '../../core/pages.js';
import { useKeys } from '../../core/keys.js';
import { OPEN, SUPPRESSED, UNACKNOWLEDGED } from '../../core/alarm_terms.js';
import { whole } from '../../core/numbers.js';
import { Empty, Failed, Loading, Panel } from '../../parts/layout.js';
import { Search, Sorter } from '../../parts/controls.js';
import { Choice } from '../../parts/choice.js';
import { Shape } from '../../parts/shape.js';
import { rowHeight, Rows, Waiting } from '../../parts/table.js';
import { BulkBar } from './bulk_bar.js';
import { AlarmRow } from './row.js';

/** What the list can be reduced to: a name, and the states that belong to it. */
const SHOW = {
  all: ['All open', OPEN],
  asking: ['Unacknowledged', UNACKNOWLEDGED],
  working: ['Acknowledged', ['acknowledged']],
  held: ['Suppressed', SUPPRESSED],
  mine: ['Assigned', OPEN],
  returned: ['Returned', ['returned-unacknowledged']],
};
const REFRESH_MS = 15_000, COLUMNS = 10;

/** The parameters of `GET /api/v1/alarms` for a query of this page. @param {URLSearchParams} query */
function filterOf(query) {
  const show = query.get('show') ?? 'all';
  const filter = {
    lifecycle: (SHOW[show] ?? SHOW.all)[1].join(','),
    assignedTo: show === 'mine' ? signedInName() ?? '*' : null,
    severity: query.get('severity'), function: query.get('function'), location: query.get('location'), q: query.get('q'),
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value));
}

/** @param {{query: URLSearchParams}} props */
export function OpenAlarms({ query }) {
  useSignal(session);
  const changes = useSignal(alarmChanges);
  const filter = filterOf(query), sort = query.get('sort') ?? 'need';
  const load = async (after, limit, signal) => {
    const page = await get(path('/api/v1/alarms', { ...filter, sort, limit, after }), signal);
    return { rows: page.alarms, ...page };
  };
  const pages = usePages(load, JSON.stringify([filter, sort]), { every: REFRESH_MS, changes });
  const selection = useSelection(pages, filter);
  useAlarmKeys(selection, pages);
  const { total } = pages;
  return html`<${Fragment}>
    <${Filters} query=${query} counts=${pages.answer?.counts} />
    ${may('operate') && html`<${BulkBar} target=${selection.target} chosen=${selection.size} onDone=${selection.clear} />`}
    ${pages.error ? html`<${Failed} error=${pages.error} onRetry=${pages.refresh} />`
      : !pages.answer ? html`<${Loading} rows=${8} />`
      : !total ? html`<${Panel}><${Empty} title="No alarm matches">
        <a class="btn" href=${href('alarms')}>Show all open alarms</a></${Empty}></${Panel}>`
      : html`<${Rows} className="alarm-rows panel fill" label="Alarms" count=${total}
        height=${rowHeight({ narrow: 76 })} active=${selection.at}
          onRange=${pages.onRange} head=${html`<${Head} sort=${sort} />`}
          render=${i => {
            const alarm = pages.row(i);
            return alarm ? html`<${AlarmRow} key=${alarm.alarmId} alarm=${alarm} index=${i} selection=${selection} />`
              : html`<${Waiting} key=${i} columns=${COLUMNS} />`;
          }} />`}</${Fragment}>`;
}

function Filters({ query, counts }) {
  const show = query.get('show') ?? 'all', severity = query.get('severity') ?? '', name = query.get('function');
  const sum = states => states.reduce((total, state) => total + (counts.lifecycle[state] ?? 0), 0);
  const count = key => counts && key !== 'mine' ? sum(SHOW[key][1]) : null;
  const label = key => html`${SHOW[key][0]}${count(key) != null && html` <span class="count">${whole(count(key))}</span>`}`;
  return html`<div class="filters">
    <${Choice} label="Which alarms" value=${show} onChoose=${key => setQuery({ show: key === 'all' ? null : key })}
      options=${Object.keys(SHOW).map(key => [key, label(key)])} />
    <${Choice} label="Severity" value=${severity} onChoose=${key => setQuery({ severity: key })} options=${[['', 'Any'],
      ['critical', html`<${Shape} severity="critical"
        label="" size=${13} /> Critical`], ['warning', html`<${Shape} severity="warning" label="" size=${13} /> Warning`]]} />
    ${name && html`<button type="button" class="btn" onClick=${() => setQuery({ function: null })}
      aria-label=${`Function ${name}: remove this filter`}>${name} ✕</button>`}
    <${Search} label="Search alarms" placeholder="device, sensor, function, location" value=${query.get('q') ?? ''}
      onInput=${text => setQuery({ q: text }, { replace: true })} /></div>`;
}

function Head({ sort }) {
  const onSort = name => setQuery({ sort: name === 'need' ? null : name }, { replace: true });
  const sorter = (name, text, className, title) => html`<${Sorter} name=${name} text=${text} title=${title}
    className=${className} sort=${sort} onSort=${onSort} />`;
  return html`<tr><th scope="col" class="c-box"><span class="sr">Choose</span></th>
    ${sorter('need', '', 'c-shape', 'Most urgent first')}
    ${sorter('device', 'Device', 'c-device')}<th scope="col" class="c-why">Reason</th><th scope="col" class="num c-value">Value</th>
      <th scope="col" class="num c-limit">Limit</th>
    ${sorter('since', 'Since', 'num c-since')}<th scope="col" class="c-state">State</th>
      ${sorter('function', 'Function', 'c-function')}${sorter('location', 'Location', 'c-location')}</tr>`;
}

/** The cursor and the chosen alarms. `everything`: all that match, also those not loaded. */
function useSelection(pages, filter) {
  const [at, setAt] = useState(-1), [chosen, setChosen] = useState(() => new Map()), [everything, setEverything] = useState(false);
  const held = useRef(null), key = JSON.stringify(filter);
  const clear = () => { setChosen(new Map()); setEverything(false); };
  useEffect(() => { clear(); held.current = null; setAt(-1); }, [key]);
  const place = held.current == null ? undefined : pages.loaded().find(([, alarm]) => alarm.alarmId === held.current)?.[0];
  useEffect(() => { if (place !== undefined && place !== at) setAt(place); }, [place]);
  const current = pages.row(at);
  const move = to => {
    const next = Math.max(0, Math.min(pages.total - 1, to));
    setAt(next);
    held.current = pages.row(next)?.alarmId ?? null;
  };
  const flip = alarm => setChosen(old => {
    const next = new Map(old);
    if (!next.delete(alarm.alarmId)) next.set(alarm.alarmId, alarm);
    return next;
  });
  return {
    at, current, move, flip, clear,
    chooseAll: () => chosen.size || everything ? clear() : setEverything(true),
    isChosen: alarm => everything || chosen.has(alarm.alarmId),
    size: everything ? pages.total : chosen.size,
    target: everything ? { filter, count: pages.total } : { alarms: chosen.size ? [...chosen.values()] : current ? [current] : [] },
  };
}

function useAlarmKeys(selection, pages) {
  const { at, current, move, flip, target, clear, chooseAll } = selection;
  const open = () => { if (current) go(href('alarms', current.alarmId)); };
  /** @type {import('../../core/keys.js').Bindings} */
  const operate = {
    a: [() => { act(target, 'ack'); clear(); }, 'acknowledge'],
    s: [() => ask('shelve', target), 'shelve'],
    c: [() => ask('comment', target), 'comment'],
    i: [() => ask('assign', target), 'assign'],
    x: [() => { if (current) flip(current); }, 'choose'],
    '*': [chooseAll, 'choose all, or none'],
  };
  useKeys('alarms', {
    j: [() => move(at + 1), 'next'], k: [() => move(at - 1), 'previous'], Enter: [open, 'open'],
    ...(may('operate') && pages.total ? operate : {}),
  });
}

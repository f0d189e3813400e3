// One device: its series, its shadow, its alarms, what of it was rejected, and why.
import { html, Fragment, useSignal } from '../core/dom.js';
import { go, href, setQuery } from '../core/router.js';
import { get, path, segment } from '../core/api.js';
import { useAsk } from '../core/ask.js';
import { alarmChanges } from '../core/live.js';
import { useKeys } from '../core/keys.js';
import { isSuppressed, OPEN } from '../core/alarm_terms.js';
import { parse, span } from '../core/spans.js';
import { plural, whole } from '../core/numbers.js';
import { Answer, lazy } from '../parts/layout.js';
import { Tabs } from '../parts/controls.js';
import { Shape } from '../parts/shape.js';
import { Age } from '../parts/times.js';
import { AlarmLine } from '../parts/alarm_line.js';
import { DeviceSeries } from './device/series.js';

const REFRESH_MS = 5_000, LINES = 3, MOST_ALARMS = 100;
const AHEAD_MS = 5_000, BEHIND_MS = 30_000;

const Rejected = lazy(() => import('./quarantine/messages.js').then(m => m.Messages), 'quarantine.css');
const TABS = {
  shadow: lazy(() => import('./device/shadow.js').then(m => m.DeviceShadow), 'dialog.css'),
  alarms: lazy(() => import('./device/alarms.js').then(m => m.DeviceAlarms)),
  quarantine: ({ id }) => html`<${Rejected} device=${id} />`,
  why: lazy(() => import('./device/why.js').then(m => m.DeviceWhy), 'alarm.css'),
};
const NAMES = ['series', ...Object.keys(TABS)];

/** @param {{route: import('../core/router.js').Route}} props */
export default function DevicePage({ route: { id, query } }) {
  const tab = NAMES.includes(query.get('tab')) ? query.get('tab') : 'series', changes = useSignal(alarmChanges);
  const answer = useAsk(signal => get(`/api/v1/devices/${segment(id)}`, signal), [id], { every: REFRESH_MS });
  const alarms = useAsk(signal => get(path('/api/v1/alarms', { device: id, lifecycle: OPEN.join(','), sort: 'need',
    limit: MOST_ALARMS }), signal), [id, changes]);
  const choose = name => setQuery({ tab: name === 'series' ? null : name });
  const turn = by => choose(NAMES[(NAMES.indexOf(tab) + by + NAMES.length) % NAMES.length]);
  useKeys('device', { u: [() => go(href('devices')), 'back to the list'], '}': [() => turn(1), 'next tab'],
    '{': [() => turn(-1), 'previous tab'] });
  const open = (alarms.data?.alarms ?? []).filter(alarm => !isSuppressed(alarm));
  const Tab = TABS[tab];
  const tabs = [['series', 'Series'], ['shadow', 'Shadow'], ['alarms', 'Alarms', alarms.data?.total || null],
    ['quarantine', 'Quarantine'], ['why', 'Why']];
  return html`<${Answer} of=${answer} rows=${8}>${device => html`<div class="page device">
    <div class="crumb-row">
      <nav class="crumbs" aria-label="Breadcrumbs"><a href=${href('devices')}>Devices</a><span aria-hidden="true">/</span>
        <span class="cut">${id}</span></nav>
      <${Tabs} label="Device" current=${tab} onChoose=${choose} tabs=${tabs} />
    </div>
    <header class="device-head">
      <h1>${open.length > 0 && html`<${Shape} severity=${open[0].severity} lifecycle=${open[0].lifecycle} size=${20} />`}
        <span class="cut">${id}</span></h1>
      <${Details} device=${device} />
    </header>
    ${Tab ? html`<${Tab} key=${tab} id=${id} device=${device} query=${query} />` : html`<${Fragment}>
      ${open.length > 0 && html`<ul class="wrong-list panel">
        ${open.slice(0, LINES).map(alarm => html`<${AlarmLine} key=${alarm.alarmId} alarm=${alarm} />`)}</ul>`}
      <${DeviceSeries} id=${id} device=${device} query=${query} /></${Fragment}>`}</div>`}</${Answer}>`;
}

/** @param {{device: import('../../../types/api').DeviceDetail}} props */
function Details({ device }) {
  const { sequence } = device, clock = clockError(device);
  const fact = (name, value) => html`<div><dt>${name}</dt><dd class="num">${value}</dd></div>`;
  return html`<dl class="inline">
    ${fact('location', device.location ?? '–')}${fact('last seen', html`<${Age} at=${parse(device.lastSeen)} suffix=" ago" />`)}
    ${fact('sensors', whole(device.sensors))}${fact('readings', whole(device.readings))}
    ${sequence && fact('sequence', html`<${Sequence} sequence=${sequence} />`)}${clock && fact('clock', clock)}</dl>`;
}

const Sequence = ({ sequence: { missing, gaps, restarts } }) => html`<${Fragment}>${missing
  ? html`<b class="warn">${plural(missing, 'message')} missing</b> in ${plural(gaps, 'gap')}` : 'no gaps'}${restarts > 0 && `, ${plural(restarts, 'restart')}`}</${Fragment}>`;

/** How far the clock of the device differs from Weir's. @param {import('../../../types/api').Device} device */
function clockError({ lastTime, lastSeen }) {
  const by = parse(lastTime) - parse(lastSeen);
  return by > AHEAD_MS ? `${span(by)} ahead` : by < -BEHIND_MS ? `${span(-by)} behind` : null;
}

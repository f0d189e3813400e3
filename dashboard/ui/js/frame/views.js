// The pages of the dashboard: name, key, and how the code of each is loaded.
import { html, useState, useEffect, useSignal } from '../core/dom.js';
import { href } from '../core/router.js';
import { session } from '../core/session.js';
import { stylesheet, Empty, Failed, Loading } from '../parts/layout.js';

/** @param {() => Promise<any>} load @param {string[]} sheets */
const withStyles = (load, ...sheets) => () => Promise.all([load(), ...sheets.map(stylesheet)]).then(([module]) => module.default);

/**
 * `detail` shows one thing, that of the `id` in the URL.
 * @typedef {{key: string, name: string, letter: string, load: () => Promise<any>, detail?: () => Promise<any>}} ViewOf
 */
/** @type {ViewOf[]} */
export const VIEWS = [
  { key: 'overview', name: 'Overview', letter: 'o', load: withStyles(() => import('../views/overview.js'), 'overview.css') },
  {
    key: 'alarms', name: 'Alarms', letter: 'a', load: withStyles(() => import('../views/alarms.js'), 'tables.css'),
    detail: withStyles(() => import('../views/alarm.js'), 'alarm.css', 'chart.css'),
  },
  {
    key: 'devices', name: 'Devices', letter: 'd', load: withStyles(() => import('../views/devices.js'), 'tables.css'),
    detail: withStyles(() => import('../views/device.js'), 'device.css', 'chart.css', 'tables.css'),
  },
  { key: 'explore', name: 'Explore', letter: 'e', load: withStyles(() => import('../views/explore.js'), 'tables.css',
    'explore.css') },
  { key: 'functions', name: 'Functions', letter: 'f', load: withStyles(() => import('../views/functions.js'), 'tables.css',
    'functions.css', 'tiles.css') },
  { key: 'quarantine', name: 'Quarantine', letter: 'q', load: withStyles(() => import('../views/quarantine.js'),
    'quarantine.css') },
  { key: 'tap', name: 'Live tap', letter: 't', load: withStyles(() => import('../views/tap.js'), 'tables.css') },
  { key: 'system', name: 'System', letter: 's', load: withStyles(() => import('../views/system.js'), 'tables.css', 'system.css') },
];

/** Views whose code is there. @type {Map<() => Promise<any>, any>} */
const loaded = new Map();

/** The view that the URL names. @param {{route: import('../core/router.js').Route}} props */
export function View({ route }) {
  const { epoch } = useSignal(session);
  const [failed, setFailed] = useState(null), [, drawAgain] = useState(0);
  const view = VIEWS.find(({ key }) => key === route.view), load = route.id == null ? view?.load : view?.detail;
  useEffect(() => {
    setFailed(null);
    if (!load || loaded.has(load)) return;
    load().then(body => { loaded.set(load, body); drawAgain(n => n + 1); }, setFailed);
  }, [load]);
  if (!load) return html`<${Empty} title="There is no such page"><p>
    <a href=${href('overview')}>Open the overview</a></p></${Empty}>`;
  if (failed) return html`<${Failed} error=${failed} onRetry=${() => location.reload()} />`;
  const Body = loaded.get(load);
  if (!Body) return html`<${Loading} rows=${8} />`;
  return html`<${Body} key=${`${epoch}:${view.key}:${route.id ?? ''}`} route=${route} />`;
}

// Alarms: the open ones, their history, how well they serve, and their notifications.
import { html, useSignal } from '../core/dom.js';
import { go, href } from '../core/router.js';
import { overview } from '../core/live.js';
import { lazy } from '../parts/layout.js';
import { Tabs } from '../parts/controls.js';
import { OpenAlarms } from './alarms/open.js';

const TABS = [['now', 'Now'], ['history', 'History'], ['figures', 'Figures'], ['notifications', 'Notifications']];

const History = lazy(() => import('./alarms/history.js').then(m => m.History), 'chart.css');
const Figures = lazy(() => import('./alarms/figures.js').then(m => m.Figures), 'chart.css', 'figures.css', 'tiles.css');
const Notifications = lazy(() => import('./alarms/notifications.js').then(m => m.Notifications));

/** @param {{route: import('../core/router.js').Route}} props */
export default function Alarms({ route }) {
  const summary = useSignal(overview)?.alarms;
  const { query } = route, tab = query.get('tab') ?? 'now';
  const open = summary && summary.critical + summary.warning + summary.held;
  const tabs = TABS.map(([key, text]) => [key, text, key === 'now' ? open : null]);
  return html`<div class="page alarms">
    <header class="page-head"><h1>Alarms</h1>
      <${Tabs} label="Alarms" tabs=${tabs} current=${tab}
        onChoose=${key => go(href('alarms', null, { tab: key === 'now' ? null : key }))} /></header>
    ${tab === 'history' ? html`<${History} query=${query} />` : tab === 'figures' ? html`<${Figures} query=${query} />`
      : tab === 'notifications' ? html`<${Notifications} />` : html`<${OpenAlarms} query=${query} />`}</div>`;
}

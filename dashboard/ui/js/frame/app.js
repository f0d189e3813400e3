// The frame around every view: navigation, the sentence, and the tools of the bar.
import { html, cx, Fragment, useEffect, useRef, useSignal, useState, keep } from '../core/dom.js';
import { go, href, route } from '../core/router.js';
import { currentCredential, session, signOut } from '../core/session.js';
import { overview } from '../core/live.js';
import { asked } from '../core/actions.js';
import { switchZone, zone, zoneName } from '../core/time.js';
import { useKeys } from '../core/keys.js';
import { whole } from '../core/numbers.js';
import { isCritical, needsAcknowledgement } from '../core/alarm_terms.js';
import { Icon } from '../parts/shape.js';
import { lazy } from '../parts/layout.js';
import { Toasts } from '../parts/feedback.js';
import { LinkState, Sentence } from './sentence.js';
import { VIEWS, View } from './views.js';

/** These are at the thumb on a phone; the others are behind "More". */
const AT_THUMB = 4;

const prefersDark = matchMedia('(prefers-color-scheme: dark)');
const isDark = () => (document.documentElement.dataset.theme ?? (prefersDark.matches ? 'dark' : 'light')) === 'dark';
function switchTheme() {
  const theme = isDark() ? 'light' : 'dark';
  document.documentElement.dataset.theme = theme;
  keep('theme', theme);
}

const SignIn = lazy(() => import('./sign_in.js').then(m => m.SignIn), 'dialog.css');
const KeyHelp = lazy(() => import('./key_help.js').then(m => m.KeyHelp), 'dialog.css');
const Palette = lazy(() => import('./palette.js').then(m => m.Palette), 'dialog.css');
const AlarmDialog = lazy(() => import('../parts/alarm_dialog.js').then(m => m.AlarmDialog), 'dialog.css');

/** As weir.svg, which tabs of the browser show. */
const MARK = html`<svg width="24" height="24" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="6"
  fill="#34566f" /><path d="M5 12h9v-2h4v2h9M5 17h9c2 0 2 6 4 6h9" fill="none" stroke="#fff" stroke-width="2.5"
  stroke-linecap="round" stroke-linejoin="round" /></svg>`;

export function App() {
  const { required, identity } = useSignal(session);
  if (required) return html`<${Fragment}><main id="main"></main><${SignIn} /><${Toasts} /></${Fragment}>`;
  return html`<${Frame} identity=${identity} />`;
}

function Frame({ identity }) {
  const place = useSignal(route), summary = useSignal(overview)?.alarms, dialog = useSignal(asked);
  const [help, setHelp] = useState(false), [find, setFind] = useState(false);
  useKeys('anywhere', {
    ...Object.fromEntries(VIEWS.map(({ key, name, letter }) => ['g ' + letter, [() => go(href(key)), name]])),
    '?': [() => setHelp(true), 'list of keys'],
    T: [switchTheme, 'light or dark'],
    U: [switchZone, 'local time or UTC'],
  });
  useEffect(() => {
    const onKey = event => {
      if (!(event.ctrlKey || event.metaKey) || event.key !== 'k') return;
      event.preventDefault();
      setFind(true);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  useTitle(place, summary);
  const item = view => html`<${NavItem} key=${view.key} view=${view} current=${place.view} summary=${summary} />`;
  return html`<${Fragment}>
    <nav class="rail" aria-label="Pages">
      <a class="brand" href=${href('overview')}>${MARK}<span>Weir</span></a>
      ${VIEWS.map(item)}
      <p class="rail-foot dim small">${identity?.name && html`${identity.name}, ${identity.role}`}</p>
    </nav>
    <header class="bar"><${Sentence} /><${Tools} onFind=${() => setFind(true)} onHelp=${() => setHelp(true)} /></header>
    <main id="main" tabindex="-1"><${View} route=${place} /></main>
    <nav class="tabbar" aria-label="Pages">${VIEWS.slice(0, AT_THUMB).map(item)}<${More} current=${place.view} /></nav>
    <${Toasts} />
    ${help && html`<${KeyHelp} onClose=${() => setHelp(false)} />`}
    ${find && html`<${Palette} onClose=${() => setFind(false)} />`}
    ${dialog && html`<${AlarmDialog} />`}
  </${Fragment}>`;
}

/** The worst unacknowledged severity, for the badge and the title. */
const worstOf = summary => summary.worst.some(alarm => isCritical(alarm) && needsAcknowledgement(alarm)) ? 'critical' : 'warning';

function useTitle(place, summary) {
  const name = place.id ?? VIEWS.find(({ key }) => key === place.view)?.name ?? 'Weir';
  const open = summary?.unacknowledged ?? 0;
  const mark = open ? `${worstOf(summary) === 'critical' ? '■' : '▲'} ${open} · ` : '';
  useEffect(() => { document.title = `${mark}${name} · Weir`; }, [mark, name]);
}

function NavItem({ view, current, summary }) {
  const { key, name, letter } = view, open = key === 'alarms' ? summary?.unacknowledged : 0;
  return html`<a class=${cx('nav-item', current === key && 'on')} href=${href(key)} aria-current=${current === key ? 'page' : null}
    title=${`${name}  g ${letter}`}><${Icon} name=${key} size=${18} /><span>${name}</span>
    ${open > 0 && html`<b class=${cx('badge', worstOf(summary))}>${open > 999 ? '999+' : whole(open)}
      <span class="sr"> unacknowledged</span></b>`}</a>`;
}

function Tools({ onFind, onHelp }) {
  const utc = useSignal(zone) === 'utc';
  const [dark, setDark] = useState(isDark());
  const { identity } = useSignal(session);
  useEffect(() => {
    const look = () => setDark(isDark());
    const observer = new MutationObserver(look);
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    prefersDark.addEventListener('change', look);
    return () => { observer.disconnect(); prefersDark.removeEventListener('change', look); };
  }, []);
  return html`<div class="bar-tools"><${LinkState} />
    <button type="button" class="btn ghost wide-only" onClick=${onFind} title="Find a device, an alarm or a page">
      <${Icon} name="search" /><span class="find-name">Find</span><kbd>Ctrl K</kbd></button>
    <button type="button" class="btn ghost zone" title="U" onClick=${switchZone}
      aria-label=${`${zoneName()}: times are ${utc ? 'UTC' : 'local'}; switch`}>${zoneName()}</button>
    <button type="button" class="btn ghost icon" title="T" onClick=${switchTheme}
      aria-label=${dark ? 'Use the light theme' : 'Use the dark theme'}><${Icon} name=${dark ? 'sun' : 'moon'} /></button>
    <button type="button" class="btn ghost icon wide-only" title="?" aria-label="Keys" onClick=${onHelp}>
      <${Icon} name="help" /></button>
    ${currentCredential() && html`<button type="button" class="btn ghost icon" aria-label=${`Sign out ${identity?.name ?? ''}`}
      title="Sign out" onClick=${signOut}><${Icon} name="leave" /></button>`}
  </div>`;
}

function More({ current }) {
  const [open, setOpen] = useState(false), root = useRef();
  const others = VIEWS.slice(AT_THUMB);
  useEffect(() => {
    if (!open) return;
    const away = event => { if (!root.current.contains(event.target) || event.target.closest('a')) setOpen(false); };
    addEventListener('click', away);
    return () => removeEventListener('click', away);
  }, [open]);
  const onKey = event => { if (event.key === 'Escape') { setOpen(false); root.current.firstElementChild.focus(); } };
  return html`<div class="more" ref=${root} onKeyDown=${onKey}>
    <button type="button" class=${cx('nav-item', others.some(({ key }) => key === current) && 'on')} aria-expanded=${open}
      onClick=${() => setOpen(!open)}><${Icon} name="more" size=${20} /><span>More</span></button>
    ${open && html`<div class="popover more-menu">${others.map(({ key, name }) => html`<a class="item" key=${key} href=${href(key)}>
      <${Icon} name=${key} />${name}</a>`)}</div>`}</div>`;
}

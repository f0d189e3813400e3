// The control that chooses a time range. The URL holds it; relative ranges stay relative.
import { html, cx, useEffect, useRef, useSignal, useState } from '../core/dom.js';
import { setQuery } from '../core/router.js';
import { when, zone } from '../core/time.js';
import { range, rfc3339, span } from '../core/spans.js';
import { useKeys } from '../core/keys.js';
import { Icon } from './shape.js';
import { copy } from './feedback.js';

const QUICK = [
  ['now-5m', '5 minutes'], ['now-15m', '15 minutes'], ['now-1h', '1 hour'], ['now-3h', '3 hours'],
  ['now-12h', '12 hours'], ['now-24h', '24 hours'], ['now-7d', '7 days'], ['now-30d', '30 days'],
];
/** An end so close to now is now. */
const NOW_MS = 1_500;

/** @param {number} from @param {number} to */
const show = (from, to) => setQuery({ from: rfc3339(from), to: to >= Date.now() - NOW_MS ? null : rfc3339(to) });

/** @param {{query: URLSearchParams, fallback?: string}} props */
export function TimeRange({ query, fallback = 'now-1h' }) {
  useSignal(zone);
  const [open, setOpen] = useState(false), root = useRef();
  const current = range(query, fallback), { from, to, live, fromText } = current, length = to - from;
  const shift = by => { const end = Math.min(Date.now(), to + by * length); show(end - length, end); };
  const zoomOut = () => { const middle = (from + to) / 2; show(middle - length, Math.min(Date.now(), middle + length)); };
  useKeys('time', {
    '[': [() => shift(-.5), 'earlier'], ']': [() => shift(.5), 'later'], '-': [zoomOut, 'zoom out'],
    0: [() => setQuery({ from: null, to: null }), 'default range'],
  });
  useEffect(() => {
    if (!open) return;
    const away = event => { if (!root.current.contains(event.target)) setOpen(false); };
    addEventListener('pointerdown', away);
    return () => removeEventListener('pointerdown', away);
  }, [open]);
  const onKey = event => {
    if (event.key !== 'Escape' || !open) return;
    setOpen(false);
    root.current.querySelector('.range-name').focus();
  };
  const quick = QUICK.find(([value]) => live && value === fromText);
  const name = quick ? `Last ${quick[1]}` : live ? `Last ${span(length)}` : `${when(from)} – ${when(to)}`;
  const step = (text, label, key, onClick, disabled = false) => html`<button type="button" class="btn icon"
    title=${`${label}  ${key}`}
    aria-label=${label} disabled=${disabled} onClick=${onClick}>${text}</button>`;
  return html`<div class="range" ref=${root} onKeyDown=${onKey}>
    ${step('‹', 'Earlier', '[', () => shift(-.5))}
    <button type="button" class="btn range-name" aria-expanded=${open} aria-haspopup="dialog" onClick=${() => setOpen(!open)}>
      <${Icon} name="clock" />${name}</button>
    ${step('›', 'Later', ']', () => shift(.5), live)}${step('−', 'Zoom out', '-', zoomOut)}
    ${open && html`<div class="popover range-menu" role="dialog" aria-label="Time range">
      <div class="range-quick">${QUICK.map(([value, text]) => html`<button type="button" key=${value}
        class=${cx('item', live && value === fromText && 'on')}
        onClick=${() => { setQuery({ from: value, to: null }); setOpen(false); }}>Last ${text}</button>`)}</div>
      <${Exact} from=${from} to=${to} onDone=${() => setOpen(false)} /></div>`}
  </div>`;
}

/** As the field of a form takes it. */
function fieldValue(ms) {
  const offset = zone.get() === 'utc' ? 0 : new Date(ms).getTimezoneOffset() * 6e4;
  return new Date(ms - offset).toISOString().slice(0, 19);
}

function Exact({ from, to, onDone }) {
  const first = useRef(), last = useRef(), utc = zone.get() === 'utc';
  const apply = event => {
    event.preventDefault();
    const read = field => Date.parse(field.current.value + (utc ? 'Z' : ''));
    if (read(first) < read(last)) {
      show(read(first), read(last));
      onDone();
    } else {
      first.current.setCustomValidity('The beginning is after the end');
      first.current.reportValidity();
    }
  };
  const copyLink = () => {
    const url = new URL(location.href);
    url.searchParams.set('from', rfc3339(from));
    url.searchParams.set('to', rfc3339(to));
    copy(url.href, 'The link is copied');
  };
  return html`<form class="range-form" onSubmit=${apply}>
    <label>From<input ref=${first} type="datetime-local" step="1" defaultValue=${fieldValue(from)}
      onInput=${event => event.target.setCustomValidity('')} /></label>
    <label>To<input ref=${last} type="datetime-local" step="1" defaultValue=${fieldValue(to)} /></label>
    <p class="dim small">Times are ${utc ? 'UTC' : 'local'}. Dragging in a chart also chooses a range.</p>
    <button class="btn primary">Show</button>
    <button type="button" class="btn" onClick=${copyLink}>Copy a link to this range</button></form>`;
}

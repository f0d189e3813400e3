// Ctrl K: a device, an alarm or a page by its name. The server searches.
import { html, cx, useEffect, useState } from '../core/dom.js';
import { go, href } from '../core/router.js';
import { get, path } from '../core/api.js';
import { useAsk } from '../core/ask.js';
import { Dialog } from '../parts/dialog.js';
import { Icon, Shape } from '../parts/shape.js';
import { VIEWS } from './views.js';

const PAUSE_MS = 120, DEVICES = 8, ALARMS = 6, PAGES = 3;

/** @param {string} text @param {AbortSignal} signal */
async function search(text, signal) {
  if (!text.trim()) return { devices: [], alarms: [] };
  await new Promise(resolve => setTimeout(resolve, PAUSE_MS));
  if (signal.aborted) return null;
  const [{ devices }, { alarms }] = await Promise.all([
    get(path('/api/v1/devices', { q: text, limit: DEVICES }), signal),
    get(path('/api/v1/alarms', { q: text, state: 'open', limit: ALARMS }), signal),
  ]);
  return { devices, alarms };
}

function entries(text, found) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const pages = VIEWS.filter(({ name }) => words.every(word => name.toLowerCase().includes(word)));
  return [
    ...pages.slice(0, text ? PAGES : VIEWS.length).map(({ key, name }) => ({ url: href(key), icon: key, text: name,
      kind: 'page' })),
    ...(found?.devices ?? []).map(device => ({
      url: href('devices', device.id), icon: 'devices', text: device.id, note: device.location, kind: 'device', alarm: device.worst,
    })),
    ...(found?.alarms ?? []).map(alarm => ({
      url: href('alarms', alarm.alarmId), icon: 'alarms', text: `${alarm.deviceId} ${alarm.sensor}`, note: alarm.reason,
        kind: 'alarm', alarm,
    })),
  ];
}

/** @param {{onClose: () => void}} props */
export function Palette({ onClose }) {
  const [text, setText] = useState(''), [at, setAt] = useState(0);
  const found = useAsk(signal => search(text, signal), [text]);
  const list = entries(text, text ? found.data : null);
  useEffect(() => setAt(0), [text]);
  const choose = entry => { if (entry) { onClose(); go(entry.url); } };
  const onKey = event => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by && list.length) { event.preventDefault(); setAt((at + by + list.length) % list.length); }
    if (event.key === 'Enter') { event.preventDefault(); choose(list[at]); }
  };
  return html`<${Dialog} title="Find" onClose=${onClose} className="palette">
    <input type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" data-focus
      aria-activedescendant=${list.length ? 'found-' + at : null} aria-label="A device, an alarm or a page"
        placeholder="A device, an alarm or a page"
      value=${text} spellcheck="false" maxlength="200" onInput=${event => setText(event.target.value)} onKeyDown=${onKey} />
    <ul id="palette-list" role="listbox" aria-label="Found">${list.map((entry, i) => html`<li id=${'found-' + i} role="option"
      aria-selected=${i === at} class=${cx(i === at && 'on')} onClick=${() => choose(entry)} onMouseMove=${() => setAt(i)}>
      ${entry.alarm ? html`<${Shape} severity=${entry.alarm.severity} lifecycle=${entry.alarm.lifecycle} />` : html`<${Icon}
        name=${entry.icon} />`}
      <span class="cut">${entry.text}</span>${entry.note && html`<span class="dim cut">${entry.note}</span>`}
        <span class="dim small kind">${entry.kind}</span></li>`)}</ul>
    <p class="dim small" role="status">${!list.length && !found.busy && 'Nothing has that name.'}</p></${Dialog}>`;
}

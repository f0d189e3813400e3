// The keys that are bound now, and the switch that turns single keys off.
import { html, useSignal } from '../core/dom.js';
import { boundKeys, keysEnabled } from '../core/keys.js';
import { Dialog } from '../parts/dialog.js';

const NAMES = {
  anywhere: 'Anywhere', lists: 'Lists', time: 'Time', alarms: 'Alarms', alarm: 'This alarm', devices: 'Devices',
  device: 'This device', explore: 'Explore', tap: 'Live tap',
};
const CHARTS = [[['←', '→'], 'move the cursor; with Shift by ten'], [['Home', 'End'], 'first, last point'], [['+'], 'zoom in'],
  [['drag'], 'zoom to a range; double click resets']];
const keyName = key => ({ Enter: '↵', ' ': 'Space' })[key] ?? key;

const Group = ({ name, keys }) => html`<section><h3>${name}</h3><dl>${keys.map(([names, text]) => html`<div>
  <dt>${names.map(key => html`<kbd>${key}</kbd>`)}</dt><dd>${text}</dd></div>`)}</dl></section>`;

/** @param {{onClose: () => void}} props */
export function KeyHelp({ onClose }) {
  const enabled = useSignal(keysEnabled);
  const groups = boundKeys().map(({ scope, bindings }) => ({
    name: NAMES[scope],
    keys: Object.entries(bindings).map(([key, [, text]]) => [key === ' ' ? ['Space'] : key.split(' ').map(keyName), text]),
  }));
  return html`<${Dialog} title="Keys" onClose=${onClose} className="wide">
    <div class="keys">${groups.map(({ name, keys }) => html`<${Group} name=${name} keys=${keys} />`)}
      <${Group} name="Charts with the focus" keys=${CHARTS} />
      <${Group} name="Everywhere" keys=${[[['Ctrl', 'K'], 'find a device, an alarm or a page']]} /></div>
    <label class="check"><input type="checkbox" checked=${enabled} onChange=${event => keysEnabled.set(event.target.checked)} />
      Single keys are enabled</label></${Dialog}>`;
}

// Single keys act while no field and no dialog has the focus. They can be switched off
// as a whole (WCAG 2.1.4).
import { signal, useEffect, useRef, kept, keep } from './dom.js';

export const keysEnabled = signal(kept('keys') !== 'off');
keysEnabled.subscribe(value => keep('keys', value ? null : 'off'));

/** @typedef {Record<string, [action: (event: KeyboardEvent) => void, description: string]>} Bindings */
/** @type {{scope: string, bindings: Bindings}[]} */
const active = [];

/** Binds keys while a component is shown. @param {string} scope @param {Bindings} bindings */
export function useKeys(scope, bindings) {
  const entry = useRef(null);
  entry.current ??= { scope, bindings };
  entry.current.bindings = bindings;
  useEffect(() => {
    active.push(entry.current);
    return () => { active.splice(active.indexOf(entry.current), 1); };
  }, []);
}

/** What is bound now, for the list of keys. */
export const boundKeys = () => active.map(({ scope, bindings }) => ({ scope, bindings }));

const PREFIX_TIMEOUT_MS = 1200;
let prefix = '', timer;

addEventListener('keydown', event => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !keysEnabled.get()) return;
  const target = /** @type {Element} */ (event.target);
  if (target.closest?.('input:not([type=checkbox]), textarea, select') || document.querySelector('dialog[open]')) return;
  if ((event.key === 'Enter' || event.key === ' ') && target.closest?.('a, button, summary, input')) return;
  const name = prefix + event.key;
  prefix = '';
  clearTimeout(timer);
  for (const { bindings } of [...active].reverse()) {
    if (bindings[name]) {
      event.preventDefault();
      bindings[name][0](event);
      return;
    }
  }
  if (event.key === 'g') {
    prefix = 'g ';
    timer = setTimeout(() => { prefix = ''; }, PREFIX_TIMEOUT_MS);
  }
});

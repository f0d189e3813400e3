// Instants and ages as text. Each is a `<time>` whose title has the full instant.
import { html, useSignal } from '../core/dom.js';
import { clock, full, when, zone } from '../core/time.js';
import { age, isInstant } from '../core/spans.js';

/** How long ago. A device whose clock is ahead has an age that says so. @param {{at: number, suffix?: string}} props */
export function Age({ at, suffix = '' }) {
  const now = useSignal(clock);
  useSignal(zone);
  if (!isInstant(at)) return html`<span class="dim">never</span>`;
  const text = at - now > 2_000 ? `${age(at - now)} ahead` : age(now - at) + suffix;
  return html`<time datetime=${new Date(at).toISOString()} title=${full(at)}>${text}</time>`;
}

/** @param {{at: number, none?: string}} props */
export function When({ at, none = '–' }) {
  useSignal(zone);
  if (!isInstant(at)) return html`<span class="dim">${none}</span>`;
  return html`<time datetime=${new Date(at).toISOString()} title=${full(at)}>${when(at)}</time>`;
}

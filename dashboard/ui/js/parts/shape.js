// The three codes of an alarm (shape: severity, fill: unacknowledged, dashes: returned),
// and the icons of the page.
import { html, cx } from '../core/dom.js';
import { LIFECYCLE, SUPPRESSED, severityOf } from '../core/alarm_terms.js';

const UNFILLED = ['acknowledged', 'normal', 'silent'];
const RETURNED = ['returned-unacknowledged', 'latched', 'normal'];

function words(kind, severity, lifecycle) {
  if (kind === 'suppressed') return [severity && severityOf({ severity }), LIFECYCLE[lifecycle]].filter(Boolean).join(', ');
  return [kind, severity && lifecycle && LIFECYCLE[lifecycle]].filter(Boolean).join(', ');
}

const DRAWN = {
  critical: () => html`<rect x="1.75" y="1.75" width="12.5" height="12.5" rx="1.5" /><path class="mark" d="M8 4.4v4.4M8 11v.8" />`,
  warning: () => html`<path d="M8 1.6 15 14.2H1Z" /><path class="mark" d="M8 6.2v3.6M8 11.6v.7" />`,
  suppressed: () => html`<circle cx="8" cy="8" r="6.2" /><path class="mark" d="M5 8h6" />`,
  silent: () => html`<circle cx="8" cy="8" r="6" stroke-dasharray="2.4 2.2" />`,
  normal: () => html`<circle cx="8" cy="8" r="3" />`,
};

/**
 * Square: critical. Triangle: warning. Circle: suppressed. Without a severity: `silent` or `normal`.
 * @param {{severity?: string, lifecycle?: string, size?: number, label?: string}} props
 *   An empty label hides it from screen readers, where words beside it say the same.
 */
export function Shape({ severity, lifecycle, size = 16, label }) {
  const kind = SUPPRESSED.includes(/** @type {any} */ (lifecycle)) ? 'suppressed'
    : severity ? severityOf({ severity }) : lifecycle ?? 'normal';
  const text = label ?? words(kind, severity, lifecycle);
  return html`<svg class=${cx('shape', kind, !UNFILLED.includes(lifecycle) && 'asks', RETURNED.includes(lifecycle) && 'over')}
    width=${size} height=${size} viewBox="0 0 16 16"
    role=${text ? 'img' : null} aria-label=${text || null} aria-hidden=${text ? null : 'true'}>${DRAWN[kind]()}</svg>`;
}

const ICONS = {
  overview: 'M2.5 8.5h3l2-5 3 9 1.5-4h1.5',
  alarms: 'M8 2.2a3.6 3.6 0 0 0-3.6 3.6c0 3.8-1.6 4.7-1.6 5.4h10.4c0-.7-1.6-1.6-1.6-5.4A3.6 3.6 0 0 0 8 2.2ZM6.6 13.4h2.8',
  devices: 'M2.5 3.5h4v4h-4zM9.5 3.5h4v4h-4zM2.5 10.5h4v3h-4zM9.5 10.5h4v3h-4z',
  explore: 'M3 4.2c0-1.1 2.2-1.9 5-1.9s5 .8 5 1.9v7.6c0 1.1-2.2 1.9-5 1.9s-5-.8-5-1.9zM3 4.2c0 1.1 2.2 1.9 5 1.9s5-.8 5-1.9M3 8c0 1.1 2.2 1.9 5 1.9s5-.8 5-1.9',
  functions: 'M11.5 2.6c-2.6-.9-3.7.3-4 2.6L6.4 12c-.2 1.6-1.2 2.2-2.6 1.7M4.6 7h6',
  quarantine: 'M3 5.5 8 2.6l5 2.9v5L8 13.4l-5-2.9zM5.6 6.2l4.8 3.6M10.4 6.2 5.6 9.8',
  tap: 'M2.5 8h1.8M6 5v6M8.5 3v10M11 5.5v5M13.5 7.2v1.6',
  system: 'M3 2.8h10v4H3zM3 9.2h10v4H3zM5.2 4.8h.1M5.2 11.2h.1',
  more: 'M3.5 8h.1M8 8h.1M12.5 8h.1',
  clock: 'M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11ZM8 5v3.2l2 1.3',
  search: 'M7 3a4 4 0 1 1 0 8 4 4 0 0 1 0-8ZM10 10l3.2 3.2',
  sun: 'M8 5.4a2.6 2.6 0 1 1 0 5.2 2.6 2.6 0 0 1 0-5.2ZM8 1.8v1.4M8 12.8v1.4M1.8 8h1.4M12.8 8h1.4M3.6 3.6l1 1M11.4 11.4l1 1M12.4 3.6l-1 1M4.6 11.4l-1 1',
  moon: 'M12.9 9.7A5.4 5.4 0 0 1 6.3 3.1a5.4 5.4 0 1 0 6.6 6.6Z',
  leave: 'M6.5 3H3v10h3.5M7 8h6M10.5 5.5 13 8l-2.5 2.5',
  help: 'M6.2 6.2c0-1.2.8-1.9 1.9-1.9s1.9.7 1.9 1.7c0 1.6-2 1.6-2 3.2M8 11.6v.2',
};

/** @param {{name: string, size?: number}} props */
export const Icon = ({ name, size = 16 }) => html`<svg class="icon" width=${size} height=${size} viewBox="0 0 16 16"
  aria-hidden="true"><path d=${ICONS[name]} /></svg>`;

// One sentence on every page: is everything all right? Complaints of Weir itself come
// first. Beside it, how old the figures are.
import { html, cx, useSignal } from '../core/dom.js';
import { href } from '../core/router.js';
import { flow, history, link, overview, rateOf } from '../core/live.js';
import { clock } from '../core/time.js';
import { age } from '../core/spans.js';
import { plural, short, whole } from '../core/numbers.js';
import { unaccounted } from '../core/summary.js';
import { Shape } from '../parts/shape.js';

const STALE_MS = 4_000;

export function Sentence() {
  const now = useSignal(overview), counts = useSignal(flow), rates = useSignal(history);
  if (!now) return html`<p class="sentence dim">…</p>`;
  const { critical, warning, unacknowledged, held } = now.alarms, { total, silent } = now.devices;
  const complaints = now.ready.ready ? [] : Object.entries(now.ready.reasons);
  const missing = counts ? unaccounted(counts) : 0, rate = rateOf(rates, 'messages');
  return html`<p class="sentence">
    ${complaints.length > 0 && html`<a class="said critical" href=${href('system')}><${Shape} severity="critical" label="" />
      <span class="cut">${complaints.length === 1 ? complaints[0].join(': ') : `${complaints.length} components of Weir are unhealthy`}</span></a>`}
    ${critical > 0 && html`<a class="said critical" href=${href('alarms', null, { severity: 'critical' })}>
      <${Shape} severity="critical" label="" />${whole(critical)} critical</a>`}
    ${warning > 0 && html`<a class="said warning" href=${href('alarms', null, { severity: 'warning' })}>
      <${Shape} severity="warning" label="" />${plural(warning, 'warning')}</a>`}
    ${critical + warning === 0 && html`<span class="said calm">No open alarms</span>`}
    ${unacknowledged > 0 && html`<a class="said wide" href=${href('alarms', null, { show: 'asking' })}>
      ${whole(unacknowledged)} unacknowledged</a>`}
    ${held > 0 && html`<a class="said wide" href=${href('alarms', null, { show: 'held' })}>${whole(held)} suppressed</a>`}
    <a class="said wide" href=${href('devices', null, silent ? { state: 'silent' } : {})}>
      ${whole(total - silent)} of ${plural(total, 'device')} reporting</a>
    ${rate != null && html`<span class="said wide num">${short(rate)} msg/s</span>`}
    ${missing !== 0 && html`<a class="said critical" href=${href('overview')}>${whole(missing)} readings unaccounted for</a>`}
  </p>`;
}

export function LinkState() {
  const { state, at, missed } = useSignal(link), now = useSignal(clock);
  const stale = state !== 'live' || now - at > STALE_MS;
  const title = missed ? `${whole(missed)} events were left out because this page is too slow` : 'Figures arrive as they change';
  return html`<span class=${cx('live', stale && 'stale')} role="status" title=${title}><i aria-hidden="true"></i>
    ${!stale ? html`<span>Live</span>` : at ? `Stale, ${age(now - at)}` : 'Connecting'}</span>`;
}

// Quarantine: what was rejected, by reason, with its bytes; and replay after a fix.
import { html, cx, useState } from '../core/dom.js';
import { href } from '../core/router.js';
import { get } from '../core/api.js';
import { useAsk } from '../core/ask.js';
import { may } from '../core/session.js';
import { parse } from '../core/spans.js';
import { plural, whole } from '../core/numbers.js';
import { Answer, Empty, lazy, Panel } from '../parts/layout.js';
import { Age } from '../parts/times.js';
import { Messages } from './quarantine/messages.js';

/** @typedef {import('../../../types/api').QuarantineReason} QuarantineReason */

const REFRESH_MS = 10_000;
const Replay = lazy(() => import('./quarantine/replay.js').then(m => m.Replay), 'dialog.css');

/** @param {{route: import('../core/router.js').Route}} props */
export default function Quarantine({ route: { query } }) {
  const reason = query.get('reason') ?? '', device = query.get('device') ?? '';
  const answer = useAsk(signal => get('/api/v1/quarantine/reasons', signal), [], { every: REFRESH_MS });
  const [replay, setReplay] = useState(null);
  return html`<div class="page quarantine"><${Answer} of=${answer} rows=${5}>${(/** @type {QuarantineReason[]} */ reasons) => {
    const total = reasons.reduce((sum, { count }) => sum + count, 0), chosen = reasons.find(r => r.reason === reason);
    return html`<header class="page-head"><h1>Quarantine</h1><span class="dim">
      ${plural(total, 'entry', 'entries')}. Nothing is dropped without a reason.</span><span class="grow"></span>
        ${may('administer') && total > 0 && html`<button type="button" class="btn"
          onClick=${() => setReplay({ reason, device })}>Replay ${chosen ? `“${chosen.means}”` : 'all'}</button>`}</header>
      ${!total ? html`<${Panel}><${Empty} title="The quarantine is empty">
        <p>Messages that cannot be processed are stored here with a reason and their bytes.
          To see one: <code>mosquitto_pub -t devices/x/telemetry -m '{'</code></p></${Empty}></${Panel}>`
        : html`<div class="split"><${Reasons} reasons=${reasons} total=${total} reason=${reason} device=${device} />
          <${Messages} reason=${reason} device=${device} onReplay=${ids => setReplay({ ids })} /></div>`}`;
  }}</${Answer}>
    ${replay && html`<${Replay} which=${replay} onClose=${done => { setReplay(null); if (done) answer.retry(); }} />`}</div>`;
}

/** @param {{reasons: QuarantineReason[], total: number, reason: string, device: string}} props */
function Reasons({ reasons, total, reason, device }) {
  const item = (key, name, count, note) => html`<li key=${key}><a class=${cx(key === reason && 'on')}
    aria-current=${key === reason ? 'true' : null} href=${href('quarantine', null, { reason: key, device })}>
    <b>${name}</b><span class="num">${whole(count)}</span><span class="dim small">${note}</span></a></li>`;
  return html`<nav class="panel reasons" aria-label="Reasons"><ul>
    ${item('', 'Every reason', total, device ? `of ${device}` : 'newest first')}
    ${reasons.map(r => item(r.reason, r.means, r.count, html`<code>
      ${r.reason}</code> <${Age} at=${parse(r.newest)} suffix=" ago" />${r.replayed > 0 && `, ${whole(r.replayed)} replayed`}`))}</ul></nav>`;
}
